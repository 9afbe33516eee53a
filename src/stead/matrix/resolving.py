"""Resolving what an environment asks for, with the package under test among it."""

from __future__ import annotations

from stead.matrix import under_test
from stead.matrix.resolution import here, interpreter_of, plan_of, spec_of, with_artifact
from stead.values.errors import UnsatisfiableError
from stead.values.frozen import replace
from stead.values.lock import LockedEnvironment
from stead.values.names import normalize_pypi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.matrix.kinds import Asked, Log
    from stead.values.context import Context
    from stead.values.lock import Artifact
    from stead.values.spec import Spec


def locked(asked: Asked, context: Context, log: Log) -> LockedEnvironment:
    """Lock what an environment asks for, without the package under test itself.

    Raises what locking raises: UnsatisfiableError, NetworkError, ArtifactError …
    """
    spec, _ = plan_of(asked, context)
    try:
        return _without_own(asked, _lock(asked, spec, context))
    except UnsatisfiableError:
        instead = _by_needs(asked, spec)
        if instead is None:
            raise
        try:
            found = _lock(asked, instead, context)
        except UnsatisfiableError:
            found = None
        if found is None:
            raise
        assert asked.product is not None
        log(f"{asked.product.name} {asked.product.version} takes the place of what others ask for")
        return _without_own(asked, found)


def _by_needs(asked: Asked, spec: Spec) -> Spec | None:
    """Give what to resolve where the version of the package under test contradicts the others.

    As tox has it, this package is there whatever others ask of its version: what it needs is
    asked for in its place, and it takes the place of one that others need. None where nothing
    hangs on its version.
    """
    product = asked.product
    if product is None or asked.environment.interpreter is None:
        return None
    if under_test.ecosystem(product) != "pypi":
        return None
    from stead.matrix.requirements import Lines
    from stead.values.origin import Origin

    own = normalize_pypi(product.name)
    needs = Lines(product.path).read(under_test.needed(asked), Origin(product.path))
    others = (r for r in spec.packages.requirements if normalize_pypi(r.name) != own)
    packages = replace(spec.packages, requirements=(*others, *needs.requirements))
    return replace(spec, packages=packages)


def _without_own(asked: Asked, locked: LockedEnvironment) -> LockedEnvironment:
    if asked.product is None:
        return locked
    own = (under_test.ecosystem(asked.product), asked.product.name)
    others = tuple(a for a in locked.artifacts if (a.ecosystem, a.name) != own)
    return replace(locked, artifacts=others)


def _lock(asked: Asked, spec: Spec, context: Context) -> LockedEnvironment:
    from stead.pipeline import lock as locking

    python = interpreter_of(asked)
    taken = _taken(asked)
    old, keeps = _preferred(asked), context
    if taken:
        old = LockedEnvironment(".", asked.environment.name, here().name, artifacts=taken)
    elif asked.afresh and old is None:
        keeps = replace(context, upgrade=frozenset({"*"}))
    locked = locking.lock(
        spec,
        old,
        context=keeps,
        environment=asked.environment.name,
        place=".",
        interpreter=python,
        workspace=bool(asked.environment.workspace),
    )
    for artifact in taken:
        locked = with_artifact(locked, artifact)
    return locked


def _taken(asked: Asked) -> tuple[Artifact, ...]:
    """Give what locks of other tools say that the environment is to hold."""
    if not asked.environment.contents.packages.taken:
        return ()
    from stead.pipeline.taken import artifacts_of

    packages = replace(asked.environment.contents.packages, requirements=())
    spec = replace(spec_of(asked), packages=packages)
    return artifacts_of(spec, interpreter_of(asked))


def _preferred(asked: Asked) -> LockedEnvironment | None:
    """Give what the place's lock says of this environment, whose versions hold where they fit."""
    environment = asked.environment
    if not environment.lock_file:
        return None
    from stead.pipeline import lockfile

    lock = lockfile.read(environment.lock_file)
    for name in (environment.lock_environment, "default"):
        if found := lock.find(environment.lock_place, name, here().name):
            return found
    return None
