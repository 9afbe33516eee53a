"""Resolutions: which artifacts an environment's requests came to, kept at home.

A request is everything that was asked: requirements, constraints, indexes, the
interpreter, and of the package under test what it needs, not what it contains. So
editing the package resolves nothing anew. What a request came to stays until the
request changes, or until it is wanted afresh; it lies among the records of the place::

    places/at/home/ann/scans/.stead@/matrix@/<request>.json

and names the builds that were made of it, which stay as long as it does.
"""

from __future__ import annotations

import json
import os

from stead.matrix import under_test
from stead.store.places import place_directory
from stead.values.digest import plain, short_key
from stead.values.errors import InterpreterError
from stead.values.frozen import dataclass, field, replace
from stead.values.lock import Artifact, File, LockedEnvironment
from stead.values.manifest import Channel
from stead.values.names import normalize_pypi
from stead.values.requirement import Source
from stead.values.spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeGuard

    from stead.matrix.kinds import Asked, Log
    from stead.pipeline.build import Wanted
    from stead.pipeline.lock import Plan
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.platform import Platform
    from stead.values.requirement import Requirement

VERSION = 1
DIRECTORY = "matrix@"
"""Beside the environments of a place; no environment can have this name."""

_BUILDS = 8
"""Builds of one request, of as many contents of the package, that are remembered."""

_KEPT = 30 * 86_400
"""Seconds without being asked for, after which a request is forgotten."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a request came to, without the package under test.

    ``builds`` gives, by the content of the package, the build that holds it:
    ``<key>-<name>``; for no package, by nothing. Trees that lie outside and are
    copied in take part in a key, so that nothing is remembered where there are any.
    """

    request: str
    locked: LockedEnvironment
    builds: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def build(self, asked: Asked) -> str:
        """Give the build that was made with a package of this content; empty for none."""
        return dict(self.builds).get(under_test.content(asked), "")


def here() -> Platform:
    """Give the platform of this machine."""
    import sys

    from stead.values.platform import platform_of

    if hasattr(os, "uname"):
        return platform_of(sys.platform, os.uname().machine)
    import platform

    return platform_of(sys.platform, platform.machine())


def request(asked: Asked) -> str:
    """Digest everything that a resolution depends on; reads only what lies in the tree."""
    environment = asked.environment
    packages = environment.contents.packages
    python = interpreter_of(asked)
    wanted: dict[str, Any] = {
        "version": VERSION,
        "kind": environment.kind,
        "platform": here().name,
        "python": python and [python.path, python.version, python.tag],
        "packages": packages,
        "under test": under_test.needs(asked),
    }
    if local := [r.source for r in packages.requirements if r.source and r.source.kind == "path"]:
        from stead.pipeline.members import fingerprint

        wanted["local"] = [
            fingerprint(one.location) if _is_tree(one, "") else digest_of(one.location)
            for one in local
        ]
    files = [*(t.file for t in packages.taken), environment.lock_file]
    wanted["locks"] = [digest_of(file) for file in files if file]
    return short_key(wanted)


def kept(asked: Asked, context: Context) -> Resolution | None:
    """Give what the request came to before; None where that is not known."""
    path = _path(asked, request(asked), context)
    found = _read(path)
    if found is not None:
        _touch(path, context.now())
    return found


def resolve(asked: Asked, context: Context, log: Log) -> Resolution:
    """Resolve a request, once however many ask, and keep it.

    Raises what locking raises: UnsatisfiableError, NetworkError, ArtifactError …
    """
    from stead.store.layout import Layout
    from stead.store.locking import exclusive

    key = request(asked)
    path = _path(asked, key, context)
    name = asked.environment.name
    before = _stamp(path)
    guard = Layout(context.home).locks / f"resolve-{key}"
    doing = f"resolving {name}"
    with exclusive(guard, note=context.progress.note, description=doing, remove=True):
        found = _read(path)
        if found is not None and (not asked.afresh or _stamp(path) != before):
            return found
        from stead.matrix import resolving

        log(f"resolving what {name} asks for")
        done = Resolution(key, resolving.locked(asked, context, log))
        _write(path, done, os.fspath(context.home))
    _forget_old(os.path.dirname(path), context.now())
    return done


def remember(asked: Asked, done: Resolution, build: str, context: Context) -> None:
    """Note the build that was made of a resolution, unless it depends on trees outside."""
    root = asked.environment.workspace or asked.root
    if any(_is_tree(a.source, root) for a in done.locked.artifacts):
        return
    content = under_test.content(asked)
    others = [pair for pair in done.builds if pair[0] != content]
    builds = (*others[1 - _BUILDS :], (content, build))
    if builds != done.builds:
        path = _path(asked, done.request, context)
        _write(path, replace(done, builds=builds), os.fspath(context.home))


def spec_of(asked: Asked) -> Spec:
    """Give the spec that an environment is, without the package under test."""
    root = asked.environment.workspace or asked.root
    return Spec(
        place=asked.root,
        root=root,
        environment=asked.environment.name,
        layers=(),
        platform=here(),
        packages=replace(asked.environment.contents.packages, taken=()),
        name=os.path.basename(asked.root) or "environment",
    )


def wanted_build(asked: Asked, done: Resolution, context: Context) -> Wanted:
    """Say which build a resolution comes to, the package under test in it.

    The key depends on the package's content: a wheel that was packed anew from the same
    files is the same environment.
    """
    from stead.pipeline import build as building

    keyed, held = done.locked, done.locked
    found = under_test.artifact(asked, context)
    if found is not None:
        assert asked.product is not None
        keyed = with_artifact(done.locked, under_test.identity(found, asked.product))
        held = with_artifact(done.locked, found)
    spec = spec_of(asked)
    wanted = building.wanted(spec, keyed, interpreter_of(asked))
    short = f"py{held.python.replace('.', '')}" if held.python else asked.environment.kind
    return replace(wanted, name=f"{spec.name}-{short}", artifacts=held.artifacts)


def plan_of(asked: Asked, context: Context) -> tuple[Spec, Plan]:
    """Give the spec that is locked and built, with the package under test, and how it is met."""
    from stead.pipeline import lock as locking

    spec = spec_of(asked)
    packages = spec.packages
    if asked.product is not None:
        own = under_test.requirement(asked, context)
        replaced = [r for r in packages.requirements if _stands_for(own, r)]
        others = (r for r in packages.requirements if r not in replaced)
        if own.ecosystem == "pypi":
            extras = {*own.extras, *(e for r in replaced for e in r.extras)}
            own = replace(own, extras=tuple(sorted(extras)))
        packages = replace(packages, requirements=(*others, own))
        if offered := under_test.channels(asked, context):
            usual = packages.channels or (Channel(locking.DEFAULT_CHANNEL),)
            packages = replace(packages, channels=(*offered, *usual))
    if asked.environment.kind == "conda" and not packages.python_from:
        packages = replace(packages, python_from="conda")
    spec = replace(spec, packages=packages)
    return spec, locking.plan(packages, has_code=asked.environment.kind == "venv")


def _stands_for(own: Requirement, other: Requirement) -> bool:
    """Whether the package under test is what another request means: by name, or the tree itself."""
    if other.source is not None and other.source.kind != "path":
        return False
    return normalize_pypi(other.name) == normalize_pypi(own.name)


def with_artifact(locked: LockedEnvironment, artifact: Artifact) -> LockedEnvironment:
    """Give a lock with an artifact in place of one of its name."""
    others = (
        a for a in locked.artifacts if (a.ecosystem, a.name) != (artifact.ecosystem, artifact.name)
    )
    artifacts = sorted((*others, artifact), key=lambda a: (a.ecosystem, a.name, a.id))
    return replace(locked, artifacts=tuple(artifacts))


def interpreter_of(asked: Asked) -> Interpreter | None:
    """Give the interpreter outside the store. Raises InterpreterError where there should be one."""
    environment = asked.environment
    if environment.interpreter is None and environment.kind == "venv":
        raise InterpreterError(
            f"{environment.name} has no interpreter: {environment.missing or 'none'} is not there",
            where=environment.origin if environment.origin.file else None,
            remedy="install one, or have it skipped with --skip-missing-interpreters",
        )
    return environment.interpreter if environment.kind == "venv" else None


def digest_of(path: str) -> str:
    """Hash a file; empty for none."""
    from stead.values.sha import sha256

    try:
        with open(path, "rb") as file:
            return sha256(file.read()).hexdigest()
    except OSError:
        return ""


def _is_tree(source: Source | None, root: str) -> TypeGuard[Source]:
    return (
        source is not None
        and source.kind == "path"
        and os.path.isdir(os.path.join(root, source.location))
    )


# -- files


def _path(asked: Asked, key: str, context: Context) -> str:
    return os.path.join(place_directory(context.home, asked.root), DIRECTORY, f"{key}.json")


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _read(path: str) -> Resolution | None:
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
        locked = data["locked"]
        locked["artifacts"] = tuple(_artifact(a) for a in locked["artifacts"])
        locked["requests"] = tuple(locked["requests"])
        builds = tuple((str(c), str(b)) for c, b in data["builds"])
        return Resolution(data["request"], LockedEnvironment(**locked), builds)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _artifact(data: dict[str, Any]) -> Artifact:
    return Artifact(
        **{
            **data,
            "files": tuple(File(**f) for f in data["files"]),
            "depends": tuple(data["depends"]),
            "source": Source(**data["source"]) if data["source"] else None,
            "extra": tuple((k, v) for k, v in data["extra"]),
        }
    )


def _write(path: str, done: Resolution, home: str) -> None:
    from stead.store.atomic import write_file
    from stead.store.places import make_private

    make_private(home, os.path.dirname(path))
    data = {"request": done.request, "locked": plain(done.locked), "builds": plain(done.builds)}
    write_file(path, json.dumps(data, separators=(",", ":")).encode())


def _touch(path: str, now: float) -> None:
    """Note that a request was asked for; once a day will do."""
    try:
        if os.stat(path).st_mtime < now - 86_400:
            os.utime(path)
    except OSError:
        pass  # it is only forgotten sooner


def _forget_old(directory: str, now: float) -> None:
    """Remove requests that nobody has asked for in a long while."""
    for entry in _entries(directory):
        try:
            if entry.stat().st_mtime < now - _KEPT:
                os.unlink(entry.path)
        except OSError:
            pass  # somebody else has


def _entries(directory: str) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return ()
