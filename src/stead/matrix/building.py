"""Building with a project's own back end (PEP 517, PEP 660), in a clean copy.

The copy holds the project's files and nothing else, so that what earlier builds have left
in the tree cannot enter; git's history is linked in for those that ask it.
"""

from __future__ import annotations

import json
import os

from stead.matrix import backend, repository
from stead.matrix.compiled import is_tight
from stead.matrix.output import Said
from stead.store.atomic import free, storage
from stead.values.errors import ArtifactError, ManifestError, SteadError
from stead.values.frozen import dataclass
from stead.values.names import normalize_pypi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal

    from stead.matrix.backend import BuildSystem, Memory, Tools
    from stead.matrix.sources import Sources
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Ready
    from stead.values.testenv import PackageSettings

    Log = Callable[[str], None]

    Kind = Literal["sdist", "wheel", "editable"]

_LEAST = 1024 * 1024
"""Bytes of free space below which a build may have failed for want of it."""

NEUTRAL = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "TERMINFO", "TMPDIR",
    "SHELL", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "ALL_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NETRC",
    "SSH_AGENT_PID", "SSH_AUTH_SOCK", "FORCE_COLOR", "NO_COLOR", "NIX_LD", "NIX_LD_LIBRARY_PATH",
    "TEMP", "TMP", "USERPROFILE", "PATHEXT", "WINDIR", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(x86)",
    "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS",
)  # fmt: skip
"""Variables of the caller that every build sees, and that no package should depend on."""

MEANT = (
    "CC", "CXX", "CPP", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CCSHARED",
    "LD_LIBRARY_PATH", "ARCHFLAGS", "PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_SYSROOT_DIR",
    "MACOSX_DEPLOYMENT_TARGET", "SOURCE_DATE_EPOCH", "SETUPTOOLS_SCM_PRETEND_VERSION*",
    "PBR_VERSION", "CMAKE_*", "RUSTFLAGS", "CARGO_BUILD_*", "PYTHON_GIL",
)  # fmt: skip
"""Variables of the caller that every build sees, and that its key holds."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to build, of which project, with what."""

    definition: PackageDefinition
    sources: Sources
    system: BuildSystem
    interpreter: Interpreter
    tools: Tools | None
    """None where it is built in an environment that is there: ``ready``."""
    ready: Ready | None
    settings: PackageSettings | None
    context: Context
    memory: Memory
    log: Log
    answered: tuple[str, ...] = ()
    """What the back end has said before that it needs besides; ``tools`` hold it."""

    @property
    def tools_key(self) -> str:
        return self.tools.key if self.tools else self.ready.key if self.ready else ""

    def prefix(self) -> str:
        """Give the tree of the environment to build in, made unless it is there."""
        if self.tools is None:
            assert self.ready is not None
            return self.ready.store
        return os.fspath(backend.made(self.tools, self.context))

    @property
    def variables(self) -> dict[str, str]:
        return meant(self.definition, self.settings, self.context.environ)


def meant(
    definition: PackageDefinition, settings: PackageSettings | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Give the variables that a build sees and that may change what comes of it."""
    patterns = (*MEANT, *definition.variables)
    refused: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    if settings is not None:
        patterns = (*settings.pass_env, *definition.variables)
        refused, given = settings.disallow_pass_env, settings.set_env
    found = {
        name: value
        for name, value in environ.items()
        if _fits(name, patterns) and not _fits(name, refused) and not _fits(name, NEUTRAL)
    }
    return {**found, **dict(given)}


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    upper = name.upper()
    return any(_matches(upper, pattern.upper()) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    start = pattern.rstrip("*")
    if not any(special in start for special in "*?["):
        return name == pattern if start == pattern else name.startswith(start)
    import fnmatch

    return fnmatch.fnmatchcase(name, pattern)


def environment(order: Order, prefix: str) -> dict[str, str]:
    """Give the variables of a build's process, whose tools lie in ``prefix``."""
    environ = order.context.environ
    found = {name: value for name, value in environ.items() if _fits(name, NEUTRAL)}
    found |= order.variables
    programs = os.path.join(prefix, "Scripts" if os.name == "nt" else "bin")
    found["PATH"] = os.pathsep.join([programs, *filter(None, [found.get("PATH", "")])])
    old = order.interpreter.minor in ("3.6", "3.7")
    if old or is_tight(order.context.home):  # it would write beside the modules, or halves
        found["PYTHONDONTWRITEBYTECODE"] = "1"
    else:
        found["PYTHONPYCACHEPREFIX"] = os.path.join(order.context.home, "pycache")
    return found


# -- the clean copy


def copy(order: Order, work: str, *, git: bool = True) -> str:
    """Copy the project's files into ``work``; gives the project's directory in there.

    Raises Changed when a file changed meanwhile.
    """
    from stead.store.copying import Copier

    sources = order.sources
    repo = sources.repository
    top = repo.top if repo else sources.root
    inputs = _inputs(order, top)
    anchor = os.path.commonpath([top, *inputs])
    base = os.path.join(work, "tree", os.path.relpath(top, os.path.dirname(anchor)))
    target = os.path.normpath(os.path.join(base, os.path.relpath(sources.root, top)))
    copier = Copier()
    made: set[str] = set()
    with storage(target):
        os.makedirs(target, exist_ok=True)
        for file in sources.files:
            there = os.path.join(target, file.path)
            parent = os.path.dirname(there)
            if parent not in made:
                os.makedirs(parent, exist_ok=True)
                made.add(parent)
            here = os.path.join(sources.root, file.path)
            try:
                if file.kind == "l":
                    os.symlink(file.content, there)
                else:
                    copier.copy(here, there, os.stat(here))
            except FileNotFoundError as exc:
                raise Changed(here) from exc
        for path in inputs:
            there = os.path.normpath(os.path.join(base, os.path.relpath(path, top)))
            if not os.path.lexists(there):
                os.makedirs(os.path.dirname(there), exist_ok=True)
                copier.copy(path, there, os.stat(path))
    if changed := sources.changed():
        raise Changed(os.path.join(sources.root, changed))
    if repo and git:
        repository.link(repo, sources.root, base, order.context)
    return target


_FAR = 4
"""Levels above the project from which declared files come along; what is farther is read there."""


def _inputs(order: Order, top: str) -> list[str]:
    """List declared files that are to lie, relative to the copy, where they lie to the project."""
    from stead.matrix.sources import further

    near = top
    for _ in range(_FAR):
        parent = os.path.dirname(near)
        if os.path.dirname(parent) == parent:
            break
        near = parent
    found = (path for path, _ in further(order.definition.inputs, order.context))
    return [path for path in found if path.startswith(near + os.sep)]


class Changed(SteadError):  # noqa: N818 - an occurrence, not a failure: the build begins anew
    """A file changed while the package was built from it."""

    def __init__(self, path: str) -> None:
        super().__init__(where=path, remedy="run it again once the file stays as it is")


class Asks(Exception):  # noqa: N818 - an occurrence too: the build begins anew, under another key
    """A back end needs more than its project says: ``requires`` are all such requirements."""

    def __init__(self, requires: tuple[str, ...]) -> None:
        self.requires = tuple(dict.fromkeys(requires))
        super().__init__(*self.requires)


# -- hooks


@dataclass(frozen=True, slots=True)
class Call:
    """One thing asked of a back end: ``name`` is the hook, ``optional`` one that may be absent.

    ``directory`` is the project, ``work`` a directory for files about the call; what the
    back end makes goes to ``out`` in there.
    """

    name: str
    kind: Kind
    directory: str
    work: str
    optional: bool = False

    @property
    def out(self) -> str:
        return os.path.join(self.work, "out")


def hook(order: Order, kind: Kind, directory: str, work: str, *, metadata: bool = False) -> str:
    """Have the back end build in ``directory``, a project; gives the path of what it made.

    ``metadata`` asks for the metadata alone: gives a ``.dist-info`` directory, or, from a
    back end that can only build whole wheels, a wheel. Raises ArtifactError with the end of
    what the back end said.
    """
    name = f"build_{kind}"
    if metadata:
        call = Call(f"prepare_metadata_for_{name}", kind, directory, work, optional=True)
        answer = _called(order, call)
        if "made" in answer:
            return os.path.join(call.out, os.path.basename(str(answer["made"])))
    call = Call(name, kind, directory, work)
    return only(order, call.out, str(_called(order, call)["made"]), kind)


def _called(order: Order, call: Call) -> dict[str, object]:
    """Call a hook; gives its answer. Raises Asks for what the back end says it needs besides."""
    if order.tools is None:
        return _call(order, order.prefix(), call, None)
    provided = (*order.system.requires, *order.answered)
    answer = _call(order, order.prefix(), call, provided)
    if "requires" not in answer:
        return answer
    asked: Any = answer["requires"]
    more = tuple(map(str, asked))
    if {*more} <= {*provided}:
        raise ArtifactError(
            f"{order.system.backend} asks for requirements that it has been given",
            where=order.system.origin,
            remedy="look at its get_requires hook",
        )
    raise Asks((*order.answered, *more))


def _call(
    order: Order, prefix: str, call: Call, provided: tuple[str, ...] | None
) -> dict[str, object]:
    """Call hooks in a process of their own; gives their answer. Raises ArtifactError.

    With ``provided``, requirements that the back end has none of yet are the answer.
    """
    from stead.matrix import hooks

    with storage(call.out):
        os.makedirs(call.out, exist_ok=True)
    request = os.path.join(call.work, "request.json")
    answer = os.path.join(call.work, "answer.json")
    settings = order.settings.config_settings if order.settings else ()
    asked = {
        "backend": order.system.backend,
        "path": [os.path.normpath(os.path.join(call.directory, p)) for p in order.system.path],
        "hook": call.name,
        "kind": call.kind,
        "out": call.out,
        "settings": {step: dict(values) for step, values in settings},
        "provided": provided,
        "optional": call.optional,
        "answer": answer,
    }
    with storage(request):
        with open(request, "w", encoding="utf-8") as file:
            json.dump(asked, file)
        if os.path.exists(answer):
            os.unlink(answer)
    said = Said(order.log)
    done = order.context.run(
        [os.path.join(prefix, "bin", "python"), os.path.realpath(hooks.__file__), request],
        cwd=call.directory,
        env=environment(order, prefix),
        on_line=said.line,
    )
    found: dict[str, object]
    try:
        with open(answer, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        found = {"failed": f"its process ended with {done.returncode}"}
    if "missing" in found:
        remedy = "correct build-backend, or name in requires what brings it"
        if call.name == "build_editable":
            remedy = "take a back end that can (setuptools>=64 does), or package it as a wheel"
        raise ManifestError(
            f"the build back end {order.system.backend} cannot be used: {found['missing']}",
            where=order.system.origin,
            details=said.end(),
            remedy=remedy,
        )
    if "failed" in found:
        raise failed(order, f"{call.name} failed: {found['failed']}", said)
    return found


def failed(order: Order, message: str, said: Said) -> ArtifactError:
    """Give the error of a build that failed, with the end of what it said."""
    return ArtifactError(
        f"{order.definition.name} could not be built: {message}",
        where=order.system.origin if order.system.file else order.definition.origin,
        details=said.end(),
        remedy="correct what its build says above"
        if free(order.context.home) > _LEAST
        else f"free some space: the disk of {order.context.home} is full",
    )


_ENDINGS: dict[str, tuple[str, ...]] = {
    "sdist": (".tar.gz", ".zip"),
    "wheel": (".whl",),
    "editable": (".whl",),
    "conda": (".conda", ".tar.bz2"),
}
_PACKAGES = (".whl", ".tar.gz", ".zip", ".conda", ".tar.bz2")


def only(order: Order, out: str, said: str, kind: str) -> str:
    """Give the path of the one package in ``out``. Raises ArtifactError unless it is as it should be."""
    names = sorted(n for n in os.listdir(out) if n.endswith(_PACKAGES))
    if not names:
        raise _unfit(order, f"the build left no {kind}" + (f"; it spoke of {said}" if said else ""))
    if len(names) > 1:
        raise _unfit(order, f"the build left several packages: {', '.join(names)}")
    name = names[0]
    if said and os.path.basename(said) != name:
        raise _unfit(order, f"the build said that it made {said}, but left {name}")
    if not name.endswith(_ENDINGS[kind]):
        raise _unfit(order, f"the build was to make a package of format {kind}, but made {name}")
    return os.path.join(out, name)


def check(order: Order, path: str, name: str, version: str) -> None:
    """Raise ArtifactError where a package is not called as its project, and its file, say."""
    file = os.path.basename(path)
    stem = file.removesuffix(".tar.gz").removesuffix(".zip")
    parts = file.split("-") if file.endswith(".whl") else [*stem.rpartition("-")[::2]]
    called = normalize_pypi(parts[0])
    system = order.system
    if not name or not version:
        raise _unfit(order, f"{file} does not say what it is: its metadata has no name or version")
    if called != name:
        raise _unfit(order, f"{file} holds metadata of {name}")
    if len(parts) > 1 and not _same_version(parts[1], version):
        raise _unfit(order, f"{file} holds metadata of version {version}")
    if system.name and system.name != name:
        raise _unfit(order, f"the project is called {system.name}, but its build made {file}")
    if system.version and not _same_version(system.version, version):
        raise _unfit(order, f"the project's version is {system.version}, but its build made {file}")


def _same_version(first: str, second: str) -> bool:
    if first == second:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(first.replace("_", "+", 1)) == Version(second.replace("_", "+", 1))
    except InvalidVersion:
        return first.replace("-", "_") == second.replace("-", "_")


def _unfit(order: Order, message: str) -> ArtifactError:
    system = order.system
    return ArtifactError(
        message,
        where=system.origin if system.file else order.definition.origin,
        remedy="correct its build: one package is to come of it, called as the project is",
    )
