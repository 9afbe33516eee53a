"""Environments of tox's files, as a suite."""

from __future__ import annotations

import os
import re
from functools import cached_property

from stead.formats import tox
from stead.formats.tox import interpreters
from stead.matrix.requirements import DependencyGroups, Lines
from stead.matrix.select import DYNAMIC, nobody
from stead.matrix.writes import writes
from stead.pipeline.files import load_text
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.manifest import TakenLock
from stead.values.origin import NOWHERE
from stead.values.package import FORMAT_OF, PackageDefinition
from stead.values.requirement import Requirement
from stead.values.spec import PackagesSpec
from stead.values.suite import Contents, Environment, Suite, Work
from stead.values.testenv import Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.formats.tox import Scope, ToxProject
    from stead.matrix.asking import Asked
    from stead.matrix.pythons import Pythons
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import Builder, Format
    from stead.values.testenv import TestEnvironment

_BUILDERS: dict[str, Builder] = {
    "wheel": "wheel",
    "sdist": "sdist",
    "sdist-wheel": "sdist-wheel",
    "editable": "editable",
    "editable-legacy": "editable-legacy",
    "deps-only": "metadata",
    "external": "command",
}
"""What ``package = …`` means as a builder."""
_PASSED_OVER = {
    "always_copy": "environments are made of links",
    "download": "pip comes from where other packages do",
    "virtualenv_spec": "environments are made without virtualenv",
}

SYSTEMS = ("linux", "darwin", "win32")
_WHEELS = ("wheel", "sdist-wheel", "editable")
"""Modes whose package is built for an interpreter."""

_DEFAULT_INSTALL = ("python", "-I", "-m", "pip", "install", "{packages}")


def read(file: str, asked: Asked, context: Context, pythons: Pythons) -> ToxTests:
    """Read the file that configures a project's tests. Raises :class:`ManifestError`."""
    return ToxTests(tox.read(file, caller(asked, context, pythons)), asked, context, pythons)


def caller(asked: Asked, context: Context, pythons: Pythons) -> tox.Caller:
    """Give what the configuration depends on besides its files."""
    host = pythons.host
    return tox.Caller(
        load=load_text,
        exists=os.path.exists,
        variables=context.environ,
        home=asked.user_home,
        cwd=asked.directory,
        host_python=host.path if host else "python",
        sys_platform=asked.here.sys_platform,
        machine=asked.here.marker_environment("3")["platform_machine"],
        interpreter=pythons.named,
        posargs=asked.posargs,
        terminal=asked.terminal,
        hash_seed=asked.hash_seed,
        overrides=tuple(map(tox.override, asked.overrides)),
        work_dir=asked.work_dir,
    )


class ToxTests:
    """What tox's files describe; each environment is evaluated when it is asked for."""

    def __init__(
        self, project: ToxProject, asked: Asked, context: Context, pythons: Pythons
    ) -> None:
        self.project = project
        self._context = context
        self.pythons = pythons
        self._asked = asked
        self._definitions: dict[str, PackageDefinition] = {}
        self._lines = Lines(project.file)
        self._notes: dict[Note, None] = {}
        self._groups = DependencyGroups(os.path.join(project.directory, "pyproject.toml"))

    # -- names

    @property
    def default(self) -> tuple[str, ...]:
        return self.project.default

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Those that run by default first, as tox lists them."""
        every = self.project.environments
        default = [n for n in self.project.default if n in every]
        return tuple(dict.fromkeys((*default, *every)))

    @property
    def every(self) -> tuple[str, ...]:
        """Without what only a label names, and what stands in where there is no list, as in tox."""
        return tuple(n for n in self.names if n in self.project.known) or self.names

    @cached_property
    def _runs(self) -> frozenset[str]:
        return frozenset(self.project.default)

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self.every)

    @cached_property
    def _combinable(self) -> frozenset[str]:
        return self.project.combinable

    def known(self, name: str) -> bool:
        return all(DYNAMIC.fullmatch(f) or f in self._combinable for f in name.split("-"))

    def alike(self, name: str) -> str:
        from stead.values.names import nearest

        plain = "-".join(f.replace(".", "") if DYNAMIC.fullmatch(f) else f for f in name.split("-"))
        if plain in self.names:
            return plain
        return nearest(name, self.names) or ""

    def labels(self, name: str) -> tuple[str, ...]:
        own: tuple[str, ...] = self.project.scope(name).value("labels")
        core = (label for label, many in self.project.core.value("labels") if name in many)
        return tuple(dict.fromkeys((*own, *core)))

    # -- environments

    def outline(self, name: str) -> Environment:
        self.project.check_own(name)
        scope = self.project.scope(name)
        interpreter = self.pythons.named(scope.value("base_python"))
        missing = "" if interpreter else self.pythons.explained(self.project.missing(name))
        skip = self._platform(scope)
        self._note_depends(name, scope)
        if missing and not skip and scope.value("skip_missing_interpreters"):
            skip = f"no interpreter answers {missing}"
        return Environment(
            name=name,
            default=name in self._runs,
            listed=name in self._listed,
            description=scope.value("description"),
            labels=self.labels(name),
            depends=scope.value("depends"),
            packages=self._packages(name, scope, interpreter),
            interpreter=interpreter,
            missing=missing,
            skip=skip,
            prefix=scope.value("env_dir"),
            temporary=scope.value("env_tmp_dir"),
            logs=scope.value("env_log_dir"),
            origin=self.project.place(name),
        )

    def _note_depends(self, name: str, scope: Scope) -> None:
        """Note what an environment is to wait for and is not there: as in tox, it waits for nothing."""
        wrong = (one for text in scope.value("depends") for one in nobody(text, self))
        for one in wrong:
            where = scope.origins.get("depends", NOWHERE)
            like = self.alike(one)
            remedy = f"did you mean {like}?" if like else "take it out of depends"
            self._notes[Note(f"{name} waits for {one}, which is no environment", where, remedy)] = (
                None
            )

    def environment(self, name: str) -> Environment:
        outline = self.outline(name)
        if outline.missing or outline.skip:
            return outline
        values = self.project.environment(name)
        for key, why in _PASSED_OVER.items():
            if key in dict(values.origins) and getattr(values, key):
                self._notes[Note(f"{key} has no effect: {why}", values.origin(key))] = None
        contents = self._contents(values)
        if values.runner == tox.LOCKED:
            contents = self._locked(values, contents)
        return replace(outline, contents=contents, work=_work(values))

    def _locked(self, values: TestEnvironment, contents: Contents) -> Contents:
        """Give what an environment holds where ``uv.lock`` says that."""
        from stead.matrix import uv_lock

        scope = self.project.scope(values.name)
        for key in uv_lock.PASSED_OVER:
            scope.value(key)
            if where := scope.origins.get(key):
                why = f"{tox.LOCKED} takes what uv.lock holds"
                self._notes[Note(f"{key} has no effect: {why}", where)] = None
        file = uv_lock.exported(values, self.project.core.value("tox_root"), self._context)
        packages = PackagesSpec(
            requirements=(Requirement("pypi", "pip"),),
            python_from="venv",
            taken=(TakenLock(file, "pylock"),),
        )
        return replace(contents, packages=packages, install_command=(), lines=())

    def suite(self, environments: tuple[Environment, ...]) -> Suite:
        project = self.project
        return Suite(
            root=project.core.value("tox_root"),
            source="tox",
            file=project.file,
            environments=environments,
            definitions=tuple(self._definitions.values()),
            notes=self.notes(),
            work_directory=project.core.value("work_dir"),
        )

    def notes(self) -> tuple[Note, ...]:
        core = self.project.core
        unmade = (
            Note(f"{key} has no effect: no .venv is written for editors", core.origins[key])
            for key in ("venv_redirect", "venv_redirect_env")
            if core.value(key)
        )
        return (*self.project.check(), *unmade, *self._notes)

    def systems(self, name: str) -> tuple[str, ...]:
        wanted = self.project.scope(name).value("platform")
        return tuple(one for one in SYSTEMS if not wanted or re.fullmatch(wanted, one))

    def version(self, name: str) -> str:
        asked: tuple[str, ...] = self.project.scope(name).value("base_python")
        for spec in asked:
            if version := interpreters.version(spec):
                return version
        found = self.pythons.named(asked)
        return found.minor if found else "3.x"

    def _platform(self, scope: Scope) -> str:
        """Say why an environment is not for this machine, if it is not."""
        wanted, here = scope.value("platform"), self._asked.here.sys_platform
        if not wanted:
            return ""
        try:
            fits = re.fullmatch(wanted, here)
        except re.error as exc:
            raise ManifestError(
                f"platform: {wanted!r} is not a regular expression: {exc}",
                where=scope.origins.get("platform"),
                remedy="mend it",
            ) from exc
        return "" if fits else f"it is for the platform {wanted}, and this is {here}"

    # -- packages

    def _packages(
        self, name: str, scope: Scope, interpreter: Interpreter | None
    ) -> tuple[str, ...]:
        """Name the definition of an environment's package, which is made when it is first needed.

        The wheels of several interpreters are one definition, unless an environment
        names where its own is built.
        """
        mode = scope.value("package")
        if mode == "skip":
            return ()
        first = scope.value("package_env")
        builder = scope.value("wheel_build_env") if mode in _WHEELS else first
        common = f"{first}-{interpreters.kind(interpreter)}" if interpreter else builder
        given = mode not in _WHEELS or "wheel_build_env" in scope.origins
        own = builder if given or builder not in (common, first, "") else first
        usual = self.project.core.value("package_env")
        label = mode if own == usual and not (given and mode in _WHEELS) else f"{mode}-{own}"
        if label not in self._definitions:
            self._define(label, mode, own, scope, fixed=given)
        return (label,)

    def _define(self, label: str, mode: str, builder: str, scope: Scope, *, fixed: bool) -> None:
        settings = self.project.package_settings(builder)
        interpreter = self.pythons.named(settings.base_python) if fixed else None
        kind = _BUILDERS[mode]
        outputs = (settings.package_glob,) if kind == "command" else ()
        self._definitions[label] = PackageDefinition(
            name=label,
            builder=kind,
            format=FORMAT_OF.get(kind) or _left(settings.package_glob),
            path=settings.package_root,
            outputs=outputs,
            python=interpreter.path if interpreter else "",
            settings=settings,
            origin=scope.origins.get("package", NOWHERE),
        )

    # -- what an environment holds

    def _contents(self, values: TestEnvironment) -> Contents:
        asked = self._lines.read(values.deps, values.origin("deps"))
        limits = tuple(f"-c {file}" for file in values.constraints)
        asked = asked.joined(self._lines.read(limits, values.origin("constraints")))
        groups = self._groups.of(values.dependency_groups, values.origin("dependency_groups"))
        lines = asked.lines
        install = values.install_command
        if values.pip_pre and install == (*_DEFAULT_INSTALL[:5], "--pre", "{packages}"):
            install, lines = (), ("--pre", *lines)
        taken: tuple[TakenLock, ...] = ()
        if values.pylock:
            file = os.path.join(self.project.core.value("tox_root"), values.pylock)
            taken = (TakenLock(file, "pylock"),)
        commands = (
            *(*values.commands_pre, *values.commands, *values.commands_post),
            *(*values.extra_setup_commands, *values.recreate_commands),
        )
        return Contents(
            packages=PackagesSpec(
                requirements=tuple(
                    dict.fromkeys((*asked.requirements, *groups, Requirement("pypi", "pip")))
                ),
                constraints=asked.constraints,
                indexes=asked.indexes,
                python_from="venv",
                taken=taken,
            ),
            extras=values.extras,
            install_command=() if install == _DEFAULT_INSTALL else install,
            lines=lines,
            own=any(writes(one.arguments) for one in commands),
            system_site_packages=values.system_site_packages,
            setup=values.extra_setup_commands,
            recreating=values.recreate_commands,
            recreate=values.recreate,
        )


def _left(pattern: str) -> Format:
    """Say what a pattern of files that a command leaves shows them to be; a wheel, if nothing."""
    return "sdist" if pattern.endswith((".tar.gz", ".zip")) else "wheel"


def _work(values: TestEnvironment) -> Work:
    return Work(
        before=values.commands_pre,
        commands=values.commands,
        after=values.commands_post,
        directory=values.change_dir,
        set_env=values.set_env,
        pass_env=values.pass_env,
        disallow_pass_env=values.disallow_pass_env,
        allowlist=values.allowlist_externals,
        command_retries=values.commands_retry,
        ignore_errors=values.ignore_errors,
        ignore_outcome=values.ignore_outcome,
        fail_fast=values.fail_fast,
        after_interrupt=values.interrupt_post_commands,
        suicide_timeout=values.suicide_timeout,
        interrupt_timeout=values.interrupt_timeout,
        terminate_timeout=values.terminate_timeout,
    )
