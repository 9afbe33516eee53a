"""Defaults that follow from other keys, and what is done to values once they are read."""

from __future__ import annotations

import os.path

from stead.formats.tox import _pythons
from stead.formats.tox._keys import LOCKED
from stead.formats.tox._set_env import SetEnv
from stead.formats.tox._substitute import Unfit
from stead.values.errors import InterpreterError
from stead.values.frozen import replace
from stead.values.names import normalize_pypi
from stead.values.testenv import TestCommand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stead.formats.tox._keys import Key
    from stead.formats.tox._scope import Scope
    from stead.formats.tox._substitute import Chain
    from stead.formats.tox.project import ToxProject
    from stead.values.interpreter import Interpreter

PACKAGE_MODES = (
    *("wheel", "sdist", "sdist-wheel", "editable", "editable-legacy", "deps-only", "skip"),
    "external",
)
_LOCKED_MODES = {
    **{mode: mode for mode in ("editable", "wheel", "skip")},
    "uv": "wheel",
    "uv-editable": "editable",
}
"""What tox-uv's runner for ``uv.lock`` calls them."""
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Where none of these is, there is nothing to package."""

_PASSED = (
    *("https_proxy", "http_proxy", "no_proxy", "LANG", "LANGUAGE", "CURL_CA_BUNDLE"),
    *("SSL_CERT_FILE", "CC", "CFLAGS", "CCSHARED", "CXX", "CPPFLAGS", "LD_LIBRARY_PATH"),
    *("LDFLAGS", "HOME", "FORCE_COLOR", "NO_COLOR", "NETRC", "PYTHON_GIL", "PKG_CONFIG"),
    *("PKG_CONFIG_PATH", "PKG_CONFIG_SYSROOT_DIR", "REQUESTS_CA_BUNDLE", "PIP_*", "VIRTUALENV_*"),
)
_PASSED_POSIX = ("TMPDIR", "NIX_LD", "NIX_LD_LIBRARY_PATH", "SSH_AGENT_PID", "SSH_AUTH_SOCK")
_PASSED_WINDOWS = (
    *("TEMP", "TMP", "USERPROFILE", "PATHEXT", "MSYSTEM", "WINDIR", "APPDATA", "LOCALAPPDATA"),
    *("PROGRAMDATA", "PROGRAMFILES(x86)", "PROGRAMFILES", "SYSTEMDRIVE", "SYSTEMROOT", "COMSPEC"),
    *("PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS"),
)


class CoreRules:
    """The keys that concern the project as a whole."""

    def __init__(self, project: ToxProject) -> None:
        self._project = project

    def default(self, scope: Scope, key: Key, chain: Chain) -> Any:
        match key.name:
            case "config_file_path":
                return self._project.file
            case "tox_root" | "package_root":
                return scope.root if key.name == "tox_root" else scope.value("tox_root", chain)
            case "tox_root_name":
                return os.path.basename(scope.root)
            case "home":
                return scope.caller.home
            case "work_dir":
                return os.path.join(scope.value("tox_root", chain), ".tox")
            case "temp_dir":
                return os.path.join(scope.value("work_dir", chain), ".tmp")
            case "host_python":
                return scope.caller.host_python
        return key.default

    def finish(self, scope: Scope, key: Key, value: Any, chain: Chain, *, given: bool) -> Any:
        if key.name == "tox_root":
            return join(scope.root, value)
        if key.name == "work_dir" and scope.caller.work_dir:
            return scope.caller.work_dir
        if key.name in ("package_root", "work_dir", "temp_dir"):
            return join(scope.value("tox_root", chain), value)
        return value


class EnvironmentRules:
    """The keys of one environment."""

    def __init__(self, project: ToxProject, *, package: bool) -> None:
        self._project = project
        self._package = package

    def default(self, scope: Scope, key: Key, chain: Chain) -> Any:
        if key.default is not None:
            return key.default
        core = self._project.core
        windows = scope.caller.sys_platform == "win32"
        match key.name:
            case "env_name":
                return scope.name
            case "env_dir":
                return os.path.join(core.value("work_dir", chain), scope.name)
            case "env_tmp_dir" | "env_log_dir":
                part = {"env_tmp_dir": "tmp", "env_log_dir": "log"}[key.name]
                return os.path.join(core.value("work_dir", chain), scope.name, part)
            case "change_dir":
                return core.value("tox_root", chain)
            case "package_root":
                return core.value("package_root", chain)
            case "skip_missing_interpreters":
                return core.value("skip_missing_interpreters", chain)
            case "package_env":
                external = scope.value("package", chain) == "external"
                return core.value("package_env", chain) + ("_external" if external else "")
            case "package" if self._is_locked(scope, chain):
                return "editable"
            case "no_default_groups":
                return bool(scope.value("dependency_groups", chain))
            case "package":
                root = core.value("tox_root", chain)
                files = (os.path.join(root, name) for name in _PROJECT_FILES)
                return "sdist" if any(map(scope.caller.exists, files)) else "skip"
            case "package_tox_env_type":
                external = scope.value("package", chain) == "external"
                return "virtualenv-cmd-builder" if external else "virtualenv-pep-517"
            case "set_env":
                return SetEnv(lambda value, _chain, once=False: str(value), scope)  # noqa: ARG005
            case "default_base_python":
                return (scope.caller.host_python,)
            case "base_python":
                return self._base_python(scope, chain)
            case "list_dependencies_command":
                return TestCommand(("python", "-m", "pip", "freeze", "--all"))
            case "install_command":
                words = ("python", "-I", "-m", "pip", "install", "{opts}", "{packages}")
                return TestCommand(words)
            case "system_site_packages":
                return self._flag(scope, chain, "VIRTUALENV_SYSTEM_SITE_PACKAGES")
            case "always_copy":
                return self._flag(scope, chain, "VIRTUALENV_COPIES", "VIRTUALENV_ALWAYS_COPY")
            case "download":
                return self._flag(scope, chain, "VIRTUALENV_DOWNLOAD")
            case "env_bin_dir":
                return os.path.join(scope.value("env_dir", chain), "Scripts" if windows else "bin")
            case "env_python":
                name = "python.exe" if windows else "python"
                return os.path.join(scope.value("env_bin_dir", chain), name)
            case "env_site_packages_dir" | "env_site_packages_dir_plat":
                here = _pythons.library(self.interpreter(scope, chain), windows=windows)
                return os.path.join(scope.value("env_dir", chain), here)
            case "py_dot_ver":
                return self.interpreter(scope, chain).minor
            case "py_impl":
                return _pythons.implementation(self.interpreter(scope, chain))
            case "py_free_threaded":
                return self.interpreter(scope, chain).tag.rstrip("d").endswith("t")
            case "py_debug":
                return self.interpreter(scope, chain).tag.endswith("d")
            case "wheel_build_env":
                return self._wheel_build_env(scope, chain)
            case "meta_dir" | "pkg_dir":
                part = {"meta_dir": ".meta", "pkg_dir": "dist"}[key.name]
                return os.path.join(scope.value("env_dir", chain), part)
            case "package_glob":
                import glob

                here = glob.escape(os.path.join(scope.value("env_tmp_dir", chain), "dist"))
                return os.path.join(here, "*")
        return key.default

    def finish(self, scope: Scope, key: Key, value: Any, chain: Chain, *, given: bool) -> Any:
        if not given and key.name not in _FINISHED:
            return value
        match key.name:
            case "description":
                return " ".join(value.split())
            case (
                "env_dir" | "env_tmp_dir" | "env_log_dir" | "package_root" | "meta_dir" | "pkg_dir"
            ):
                return join(self._root(chain), value)
            case "package_glob":
                return os.path.join(self._root(chain), value)
            case "change_dir":
                if os.path.isabs(value):
                    return value
                return os.path.realpath(os.path.join(self._root(chain), value))
            case "extras" | "dependency_groups":
                return tuple(sorted({normalize_pypi(one) for one in value}))
            case "pass_env":
                return self._passed(scope, value)
            case "set_env":
                return self._variables(scope, value)
            case "base_python":
                return self._checked_python(scope, value, chain, given=given)
            case "install_command":
                return _install_command(value, pre=scope.value("pip_pre", chain))
            case "package":
                return self._package_mode(scope, value, chain)
        return value

    def _root(self, chain: Chain) -> str:
        root: str = self._project.core.value("tox_root", chain)
        return root

    def _passed(self, scope: Scope, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((n for n in names if any(c.isspace() for c in n)), None):
            raise Unfit(f'"{wrong}" holds blanks; several names on one line are split by commas')
        windows = scope.caller.sys_platform == "win32"
        here = _PASSED_WINDOWS if windows else _PASSED_POSIX
        screen = ("TERM", "TERMINFO") if scope.caller.terminal else ()
        return tuple(sorted({*names, *_PASSED, *here, *screen}))

    def _variables(self, scope: Scope, values: SetEnv) -> SetEnv:
        seed = scope.caller.hash_seed
        hashed = {"PYTHONHASHSEED": seed} if seed and not self._package else {}
        values.add_defaults({**hashed, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        values.fix(
            {
                "PYTHONIOENCODING": lambda: "utf-8",
                "TOX_ENV_NAME": lambda: scope.name,
                "TOX_WORK_DIR": lambda: self._project.core.value("work_dir"),
                "TOX_ENV_DIR": lambda: scope.value("env_dir"),
                "VIRTUAL_ENV": lambda: scope.value("env_dir"),
                "PIP_USER": lambda: "0",
            }
        )
        return values

    def _flag(self, scope: Scope, chain: Chain, *names: str) -> bool:
        from stead.formats.tox._convert import boolean

        own: SetEnv = scope.value("set_env", chain)
        for name in names:
            text = own.get(name) if name in own else scope.caller.variables.get(name)
            if text is not None:
                return boolean(text)
        return False

    # -- interpreters

    def interpreter(self, scope: Scope, chain: Chain) -> Interpreter:
        """Find the interpreter of an environment. Raises :class:`InterpreterError`."""
        wanted = scope.value("base_python", chain)
        found = scope.caller.interpreter(wanted)
        if found is None:
            raise InterpreterError(
                f"no interpreter answers {', '.join(wanted)}, which {scope.name} needs",
                where=scope.origins.get("base_python"),
                remedy="install one, or set skip_missing_interpreters = true",
            )
        return found

    def _base_python(self, scope: Scope, chain: Chain) -> tuple[str, ...]:
        ignore = self._project.core.value("ignore_base_python_conflict", chain)
        named = _pythons.in_name(scope.name, ignore=ignore)
        if named:
            return (named,)
        files: tuple[str, ...] = scope.value("base_python_file", chain)
        if not files:
            fallback: tuple[str, ...] = scope.value("default_base_python", chain)
            return fallback
        for file in files:
            try:
                text = scope.caller.load(os.path.join(self._root(chain), file))
            except FileNotFoundError:
                continue
            for line in text.removeprefix("\ufeff").splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    return (line.strip(),)
        raise Unfit(f"no version of Python stands in {', '.join(files)}")

    def _checked_python(
        self, scope: Scope, value: tuple[str, ...], chain: Chain, *, given: bool
    ) -> tuple[str, ...]:
        wanted = tuple(one for one in value if one.strip())
        if given and scope.value("base_python_file", chain):
            raise Unfit("base_python and base_python_file exclude each other")
        if given and not wanted:
            raise Unfit("base_python is empty")
        ignore = self._project.core.value("ignore_base_python_conflict", chain)
        named = _pythons.in_name(scope.name, ignore=ignore)
        for one in wanted if named else ():
            if _pythons.conflict(named, one):
                if ignore:
                    return (named,)
                raise Unfit(
                    f"the name {scope.name} asks for {named}, base_python for {one};"
                    " ignore_base_python_conflict = true lets the name win"
                )
        return wanted

    # -- packages

    def _is_locked(self, scope: Scope, chain: Chain) -> bool:
        return not self._package and scope.value("runner", chain) == LOCKED

    def _package_mode(self, scope: Scope, value: str, chain: Chain) -> str:
        if self._is_locked(scope, chain):
            if value not in _LOCKED_MODES:
                raise Unfit(f'package must be one of {", ".join(_LOCKED_MODES)}, not "{value}"')
            return _LOCKED_MODES[value]
        if self._project.core.value("no_package", chain) or scope.value("skip_install", chain):
            return "skip"
        if scope.value("use_develop", chain):
            return "editable"
        if value not in PACKAGE_MODES:
            raise Unfit(f'package must be one of {", ".join(PACKAGE_MODES)}, not "{value}"')
        return value

    def _wheel_build_env(self, scope: Scope, chain: Chain) -> str:
        builder = self._project.package_scope(scope.value("package_env", chain))
        own = scope.caller.interpreter(scope.value("base_python", chain))
        if own is None:
            return ""
        theirs = scope.caller.interpreter(builder.value("base_python", chain))
        kind = _pythons.kind(own)
        if theirs is not None and kind == _pythons.kind(theirs):
            return builder.name
        return f"{builder.name}-{kind}"


_FINISHED = frozenset({"pass_env", "set_env", "base_python", "install_command", "package"})
"""Keys of which even the default is not yet the value."""


def join(root: str, path: str) -> str:
    """Make a path absolute, leaving ``..`` as written."""
    return path if os.path.isabs(path) else root if path == "." else os.path.join(root, path)


def _install_command(command: TestCommand, *, pre: bool) -> TestCommand:
    words = list(command.arguments)
    if "{opts}" in words:
        at = words.index("{opts}")
        words[at : at + 1] = ["--pre"] if pre else []
    elif pre:
        words.append("--pre")
    return replace(command, arguments=tuple(words))
