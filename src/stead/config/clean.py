"""The caller's variables that must not reach an environment, and those every one gets.

A static table, because a shell can unset a name at once but cannot list names
cheaply. Only what changes *which code runs or what gets installed* is here.
Not here, on purpose: what describes the machine or the person (``HOME``,
``TERM``, the locale, proxies, ``SSL_CERT_FILE``), what a caller sets for one
call (``PYTHONWARNINGS``, ``PYTHONUTF8``, ``PYTHONSTARTUP`` of her own
terminal), and ``LD_LIBRARY_PATH``, by which clusters lead to their drivers.
"""

from __future__ import annotations

from stead.values.activation import Change

# Python would find modules, a standard library or a user site of another environment.
# The launcher's name is how macOS tells a program which virtual environment started it.
_PYTHON = """
    PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE __PYVENV_LAUNCHER__
"""

# Tools take these for the environment to work on: pip, uv and editors would change the wrong one.
# CONDA_EXE and its like stay: they are conda's own place, and its shell function needs them.
_ACTIVE = """
    VIRTUAL_ENV VIRTUAL_ENV_PROMPT CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER CONDA_SHLVL
    CONDA_PREFIX_1 CONDA_PREFIX_2 CONDA_PREFIX_3 CONDA_PREFIX_4 CONDA_BUILD_SYSROOT
    CONDA_TOOLCHAIN_BUILD CONDA_TOOLCHAIN_HOST
"""

# An active conda environment sets these to data that fits its own libraries' versions only;
# PyPI's wheels bring theirs along and fail on a foreign one.
_DATA = """
    GDAL_DATA GDAL_DRIVER_PATH PROJ_DATA PROJ_LIB
"""

# Library paths of other languages, which conda's packages of them would follow out of the prefix.
_LANGUAGES = """
    R_HOME R_LIBS R_LIBS_SITE R_LIBS_USER R_ENVIRON R_ENVIRON_USER R_PROFILE R_PROFILE_USER
    PERL5LIB PERLLIB PERL5OPT PERL_LOCAL_LIB_ROOT PERL_MB_OPT PERL_MM_OPT
    RUBYLIB RUBYOPT GEM_HOME GEM_PATH NODE_PATH LUA_PATH LUA_CPATH
    TCLLIBPATH TCL_LIBRARY TK_LIBRARY
"""

# Every option of pip is a variable too. All long options of pip 23 to 26 (``PIP_`` is left out
# here), and the file of more: what a command installs must not depend on the caller's shell.
_PIP = """
    ABI ALGORITHM ALL ALL_RELEASES BASH BREAK_SYSTEM_PACKAGES BUILD_CONSTRAINT BUILD_OPTION
    CACHE_DIR CERT CHECK_BUILD_DEPENDENCIES CLIENT_CERT COMPILE CONFIG_SETTINGS CONSTRAINT
    DEBUG DEFAULT_TIMEOUT DEST DESTINATION_DIR DESTINATION_DIRECTORY
    DISABLE_PIP_VERSION_CHECK DRY_RUN EDITABLE EDITOR EXCLUDE EXCLUDE_EDITABLE EXISTS_ACTION
    EXTRA_INDEX_URL FILES FIND_LINKS FISH FORCE_REINSTALL FORMAT GLOBAL GLOBAL_OPTION GROUP
    HELP IGNORE_INSTALLED IGNORE_REQUIRES_PYTHON IMPLEMENTATION INCLUDE_EDITABLE INDEX
    INDEX_URL ISOLATED JSON KEYRING_PROVIDER LOCAL LOCAL_LOG LOG LOG_FILE NOT_REQUIRED
    NO_BINARY NO_BUILD_ISOLATION NO_CACHE_DIR NO_CLEAN NO_COLOR NO_COMPILE NO_DEPENDENCIES
    NO_DEPS NO_INDEX NO_INPUT NO_PROXY_ENV NO_PYTHON_VERSION_WARNING NO_REQUIRE_HASHES
    NO_USER NO_USE_PEP517 NO_VERIFY NO_WARN_CONFLICTS NO_WARN_SCRIPT_LOCATION ONLY_BINARY
    ONLY_DEPENDENCIES ONLY_DEPS ONLY_FINAL OUTDATED OUTPUT PATH PLATFORM POWERSHELL PRE
    PREFER_BINARY PREFIX PROGRESS_BAR PROXY PYPI_URL PYTHON PYTHON_VERSION QUIET
    REFRESH_PACKAGE REPORT REQUIREMENT REQUIREMENTS_FROM_SCRIPT REQUIRE_HASHES REQUIRE_VENV
    REQUIRE_VIRTUALENV RESUME_RETRIES RETRIES ROOT ROOT_USER_ACTION SITE SOURCE SOURCE_DIR
    SOURCE_DIRECTORY SRC TARGET TIMEOUT TRUSTED_HOST UPGRADE UPGRADE_STRATEGY
    UPLOADED_PRIOR_TO UPTODATE USER USE_DEPRECATED USE_FEATURE USE_PEP517 VERBOSE VERSION
    WHEEL_DIR YES ZSH CONFIG_FILE
"""

# uv's, as far as they change what is chosen or where it goes (``UV_`` is left out here). Where uv
# keeps its cache and its interpreters, how it is certified, what it may upload to: those stay.
_UV = """
    AMD_GPU_ARCHITECTURE BREAK_SYSTEM_PACKAGES BUILD_CONSTRAINT COMPILE_BYTECODE
    COMPILE_BYTECODE_TIMEOUT CONCURRENT_BUILDS CONCURRENT_DOWNLOADS CONCURRENT_INSTALLS
    CONFIG_FILE CONSTRAINT CUDA_DRIVER_VERSION CUSTOM_COMPILE_COMMAND DEFAULT_INDEX DEV
    ENV_FILE EXCLUDE EXCLUDE_NEWER EXTRA_INDEX_URL FIND_LINKS FORK_STRATEGY FROZEN GIT_LFS
    HIDE_BUILD_OUTPUT INDEX INDEX_STRATEGY INDEX_URL INIT_BARE INIT_BUILD_BACKEND
    INSECURE_HOST INSECURE_NO_ZIP_VALIDATION ISOLATED LIBC LINK_MODE LOCKED LOG_CONTEXT
    MANAGED_PYTHON NO_BINARY NO_BINARY_PACKAGE NO_BUILD NO_BUILD_ISOLATION NO_BUILD_PACKAGE
    NO_CACHE NO_CONFIG NO_DEFAULT_GROUPS NO_DEV NO_EDITABLE NO_ENV_FILE NO_GITHUB_FAST_PATH
    NO_GROUP NO_INSTALLER_METADATA NO_INSTALL_LOCAL NO_INSTALL_PROJECT NO_INSTALL_WORKSPACE
    NO_MANAGED_PYTHON NO_PROGRESS NO_PROJECT NO_SOURCES NO_SOURCES_PACKAGE NO_SYNC
    NO_SYSTEM_CONFIG NO_VERIFY_HASHES NO_WRAP OFFLINE ONLY_INSTALL_LOCAL
    ONLY_INSTALL_PROJECT ONLY_INSTALL_WORKSPACE OVERRIDE PRERELEASE PREVIEW PREVIEW_FEATURES
    PROJECT PROJECT_ENVIRONMENT PYTHON PYTHON_BIN_DIR PYTHON_CPYTHON_BUILD PYTHON_DOWNLOADS
    PYTHON_GRAALPY_BUILD PYTHON_INSTALL_BIN PYTHON_INSTALL_REGISTRY PYTHON_NO_REGISTRY
    PYTHON_PREFERENCE PYTHON_PYODIDE_BUILD PYTHON_PYPY_BUILD PYTHON_SEARCH_PATH
    REQUIRE_BUILD_HASHES REQUIRE_HASHES REQUIRE_METADATA_RANGE_REQUESTS RESOLUTION
    RUN_MAX_RECURSION_DEPTH RUN_RECURSION_DEPTH SHOW_RESOLUTION SKIP_WHEEL_FILENAME_CHECK
    STACK_SIZE SYSTEM_PYTHON TORCH_BACKEND VENV_CLEAR VENV_RELOCATABLE VENV_SEED WORKING_DIR
"""


def _names() -> tuple[str, ...]:
    plain = (_PYTHON, _ACTIVE, _DATA, _LANGUAGES)
    return (
        *(name for group in plain for name in group.split()),
        *(f"PIP_{name}" for name in _PIP.split()),
        *(f"UV_{name}" for name in _UV.split()),
    )


NAMES: tuple[str, ...] = _names()
"""Every name that is taken away, without repetition."""


def leading_changes(home: str) -> tuple[Change, ...]:
    """Give the changes every activation begins with, on any platform.

    ``home`` is ``$STEAD_HOME``, absolute. What a manifest or a package sets
    comes after these and so prevails.
    """
    return (
        *(Change("unset", name) for name in NAMES),
        # What `pip install --user` left in the home directory is not part of any environment.
        Change("set", "PYTHONNOUSERSITE", "1"),
        # A build is read-only: without a place for compiled modules every import compiles anew.
        Change("set", "PYTHONPYCACHEPREFIX", f"{home}/pycache"),
    )
