"""The keys of tox 4's configuration: name, other spelling, kind, default.

One table for both grammars, for evaluation and for telling a known key from an
unknown one. Defaults that depend on other keys are computed in ``_derived``.
"""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Kind = Literal[
        "str",
        "path",
        "bool",
        "int",
        "float",
        "list",
        "set",
        "envs",
        "command",
        "commands",
        "deps",
        "constraints",
        "set_env",
        "dict",
        "labels",
        "maybe str",
        "maybe bool",
    ]

ARGUMENTS = frozenset({"path", "list", "set"})
"""Kinds whose value, put into a command, stands for whole arguments."""


@dataclass(frozen=True)
class Key:
    """A key: ``names`` with the preferred spelling first; ``computed`` for those no file sets."""

    names: tuple[str, ...]
    kind: Kind
    default: Any = None
    computed: bool = False
    name: str = ""


def _key(names: str, kind: Kind, default: Any = None) -> Key:
    spellings = tuple(names.split())
    return Key(spellings, kind, default, name=spellings[0])


def _computed(names: str, kind: Kind) -> Key:
    spellings = tuple(names.split())
    return Key(spellings, kind, computed=True, name=spellings[0])


CORE: tuple[Key, ...] = (
    _computed("config_file_path", "path"),
    _key("tox_root toxinidir", "path"),
    _computed("tox_root_name", "str"),
    _key("package_root setupdir", "path"),
    _computed("home", "path"),
    _key("work_dir toxworkdir", "path"),
    _key("temp_dir", "path"),
    _key("venv_redirect", "maybe bool"),
    _key("venv_redirect_env", "maybe str"),
    _computed("host_python", "str"),
    _key("env_list envlist", "envs", ()),
    _key("base", "list", ()),
    _key("min_version minversion", "maybe str"),
    _key("provision_tox_env", "str", ".tox"),
    _key("requires", "list", ()),
    _key("labels", "labels", ()),
    _key("ignore_base_python_conflict ignore_basepython_conflict", "bool", False),
    _key("skip_missing_interpreters", "bool", False),
    _key("no_package skipsdist", "bool", False),
    _key("package_env isolated_build_env", "str", ".pkg"),
)
_COMMON: tuple[Key, ...] = (
    _key("set_env setenv", "set_env"),
    _key("base", "list", ()),
    _computed("env_name envname", "str"),
    _key("labels", "set", ()),
    _key("env_dir envdir", "path"),
    _key("env_tmp_dir envtmpdir", "path"),
    _key("env_log_dir envlogdir", "path"),
    _key("suicide_timeout", "float", 0.0),
    _key("interrupt_timeout", "float", 0.3),
    _key("terminate_timeout", "float", 0.2),
    _key("platform", "str", ""),
    _key("pass_env passenv", "list", ()),
    _key("disallow_pass_env", "list", ()),
    _key("parallel_show_output", "bool", False),
    _key("recreate", "bool", False),
    _key("allowlist_externals", "list", ()),
    _key("list_dependencies_command", "command"),
    _key("pip_pre", "bool", False),
    _key("install_command", "command"),
    _key("constraints", "constraints", ()),
    _key("constrain_package_deps", "bool", False),
    _key("use_frozen_constraints", "bool", False),
    _key("default_base_python", "list"),
    _key("base_python_file", "list", ()),
    _key("base_python basepython", "list"),
    _computed("env_site_packages_dir envsitepackagesdir", "path"),
    _computed("env_site_packages_dir_plat envsitepackagesdir_plat", "path"),
    _computed("env_bin_dir envbindir", "path"),
    _computed("env_python envpython", "path"),
    _computed("py_dot_ver", "str"),
    _computed("py_impl", "str"),
    _computed("py_free_threaded", "bool"),
    _computed("py_debug", "bool"),
    _key("system_site_packages sitepackages", "bool"),
    _key("always_copy alwayscopy", "bool"),
    _key("download", "bool"),
    _key("virtualenv_spec", "str", ""),
    _key("skip_missing_interpreters", "bool"),
)
RUN: tuple[Key, ...] = (
    *_COMMON,
    _key("runner", "str", "virtualenv"),
    _key("description", "str", ""),
    _key("depends", "envs", ()),
    _key("commands_pre", "commands", ()),
    _key("commands", "commands", ()),
    _key("commands_post", "commands", ()),
    _key("interrupt_post_commands", "bool", False),
    _key("recreate_commands", "commands", ()),
    _key("change_dir changedir", "path"),
    _key("args_are_paths", "bool", True),
    _key("ignore_errors", "bool", False),
    _key("commands_retry", "int", 0),
    _key("ignore_outcome", "bool", False),
    _key("fail_fast", "bool", False),
    _key("deps", "deps", ()),
    _key("dependency_groups", "set", ()),
    _key("extras", "set", ()),
    _key("pylock", "str", ""),
    _key("extra_setup_commands", "commands", ()),
    _key("skip_install", "bool", False),
    _key("use_develop usedevelop", "bool", False),
    _key("package", "str"),
    _key("package_env", "str"),
    _computed("package_tox_env_type", "str"),
    _key("wheel_build_env", "str"),
)
OF_UV: tuple[Key, ...] = (
    _key("only_groups", "set", ()),
    _key("no_default_groups", "bool"),
    _key("uv_sync_flags", "list", ()),
    _key("uv_sync_locked", "bool", True),
    _key("uv_resolution", "str", ""),
)
"""Keys of tox-uv, for its runner that takes what ``uv.lock`` holds."""
_SETTINGS = (
    *("get_requires_for_build_sdist", "build_sdist"),
    *("get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel"),
    *("get_requires_for_build_editable", "prepare_metadata_for_build_editable", "build_editable"),
)
PACKAGE: tuple[Key, ...] = (
    *_COMMON,
    _key("package_root setupdir", "path"),
    _key("meta_dir", "path"),
    _key("pkg_dir", "path"),
    *(_key(f"config_settings_{name}", "dict", ()) for name in _SETTINGS),
    _key("fresh_subprocess", "maybe bool"),
    _key("deps", "deps", ()),
    _key("commands", "commands", ()),
    _key("change_dir changedir", "path"),
    _key("ignore_errors", "bool", False),
    _key("package_glob", "str"),
)


def by_name(keys: tuple[Key, ...]) -> dict[str, Key]:
    """File keys under all their spellings."""
    return {name: key for key in keys for name in key.names}


CORE_NAMES = by_name(CORE)
RUN_NAMES = by_name((*RUN, *OF_UV))
LOCKED = "uv-venv-lock-runner"
"""The runner that takes what ``uv.lock`` holds."""
PACKAGE_NAMES = by_name(PACKAGE)

WITHOUT_EFFECT = {
    "whitelist_externals": "tox 4 calls it allowlist_externals",
    "isolated_build": "tox 4 always builds in isolation",
    "distribute": "it has had no meaning since tox 1.9",
    "distshare": "tox 4 has no such directory",
    "distdir": "tox 4 has no such directory",
    "sdistsrc": "tox 4 has no such directory",
    "indexserver": "tox 4 takes pip's own settings",
    "downloadcache": "it has had no meaning since tox 2",
    "install_dependencies": "tox has no such key",
    "toxinipath": "tox sets it itself",
    "uv_seed": "environments hold pip here without being asked",
    "uv_python_preference": "interpreters are taken as they are found, and none is downloaded",
}
"""Keys that change nothing here: of earlier versions, which tox 4 passes over in silence, and of
plugins for what Stead does anyway. A note says so."""
