"""Environments with commands, as a project's test configuration describes them."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin


@dataclass(frozen=True, slots=True)
class TestCommand:
    """A command: its arguments, and what its exit code means."""

    __test__ = False

    arguments: tuple[str, ...]
    ignore_failure: bool = False
    """Whether failing is of no consequence (``-`` in front)."""
    expect_failure: bool = False
    """Whether it must fail (``!`` in front)."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """An environment that builds packages: one that other environments name, never run by itself."""

    name: str
    base_python: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    set_env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ()
    disallow_pass_env: tuple[str, ...] = ()
    package_root: str = ""
    commands: tuple[TestCommand, ...] = ()
    """Where a command builds the package (``package = external``)."""
    change_dir: str = ""
    package_glob: str = ""
    allowlist_externals: tuple[str, ...] = ()
    config_settings: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """Per step of the build (``build_wheel``), what the backend is told."""
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False)

    def origin(self, key: str) -> Origin:
        return dict(self.origins).get(key, NOWHERE)


@dataclass(frozen=True, slots=True)
class TestEnvironment:
    """One environment, every key evaluated. Paths are absolute.

    ``origins`` says of each key that a file sets where it stands; a key that is
    missing there has its default.
    """

    __test__ = False

    name: str
    description: str = ""
    labels: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    """Names, or patterns of names, of environments that run before, where they run at all."""
    platform: str = ""
    """A regular expression that :data:`sys.platform` must match as a whole; empty for any."""

    base_python: tuple[str, ...] = ()
    """Interpreters asked for, the first found wins: ``py312``, ``3.12``, a path."""
    skip_missing_interpreters: bool = False
    system_site_packages: bool = False
    always_copy: bool = False
    download: bool = False
    virtualenv_spec: str = ""
    recreate: bool = False
    env_dir: str = ""
    env_tmp_dir: str = ""
    env_log_dir: str = ""

    deps: tuple[str, ...] = ()
    """Lines of a requirements file: requirements, ``-r FILE``, ``-c FILE``, ``-e DIR``, options."""
    constraints: tuple[str, ...] = ()
    constrain_package_deps: bool = False
    use_frozen_constraints: bool = False
    dependency_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    pylock: str = ""
    pip_pre: bool = False
    install_command: tuple[str, ...] = ()
    """With ``{packages}`` (and, unless replaced, ``{opts}``) as arguments to fill in."""
    list_dependencies_command: tuple[str, ...] = ()

    runner: str = "virtualenv"
    only_groups: tuple[str, ...] = ()
    no_default_groups: bool = False
    uv_sync_flags: tuple[str, ...] = ()
    uv_sync_locked: bool = True
    uv_resolution: str = ""

    package: str = "skip"
    """``wheel``, ``sdist``, ``sdist-wheel``, ``editable``, ``editable-legacy``, ``deps-only``,
    ``external`` or ``skip``."""
    package_env: str = ""
    wheel_build_env: str = ""
    """Empty where it follows from the interpreter, which is not there."""

    set_env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ()
    disallow_pass_env: tuple[str, ...] = ()
    allowlist_externals: tuple[str, ...] = ()
    change_dir: str = ""
    args_are_paths: bool = True

    recreate_commands: tuple[TestCommand, ...] = ()
    extra_setup_commands: tuple[TestCommand, ...] = ()
    commands_pre: tuple[TestCommand, ...] = ()
    commands: tuple[TestCommand, ...] = ()
    commands_post: tuple[TestCommand, ...] = ()
    commands_retry: int = 0
    ignore_errors: bool = False
    ignore_outcome: bool = False
    fail_fast: bool = False
    interrupt_post_commands: bool = False
    parallel_show_output: bool = False
    suicide_timeout: float = 0.0
    interrupt_timeout: float = 0.3
    terminate_timeout: float = 0.2

    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False)

    def origin(self, key: str) -> Origin:
        """Say where a key was set; nowhere for a default."""
        return dict(self.origins).get(key, NOWHERE)


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know that stops nothing: a plugin that is not understood, a key of old."""

    message: str
    origin: Origin = NOWHERE
    remedy: str = ""
