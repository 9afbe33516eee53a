"""Artifacts of other tools' locks, taken as they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline.files import load_text
from stead.values.errors import LockError
from stead.values.lock import Artifact
from stead.values.names import normalize_pypi
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.interpreter import Interpreter
    from stead.values.requirement import Requirement
    from stead.values.spec import Spec


def artifacts_of(spec: Spec, interpreter: Interpreter | None) -> tuple[Artifact, ...]:
    """Read the locks that a spec takes, for its platform.

    A project of the tree that is asked for and not in them is added, as a directory. Raises
    LockError when none is for this platform, two disagree, or they lack what is asked for.
    """
    from stead.formats import known

    python = interpreter.version if interpreter else ""
    taken = known.for_platform(spec.packages.taken, spec.platform.name)
    if spec.packages.taken and not taken:
        raise LockError(
            f"no lock here is for {spec.platform.name}",
            where=spec.packages.taken[0].file,
            remedy=f"write conda-{spec.platform.name}.lock beside it",
        )
    found: dict[tuple[str, str], tuple[Artifact, str]] = {}
    for lock in taken:
        text = load_text(lock.file)
        for a in known.artifacts(lock, text, spec.platform, python, root=spec.root):
            other, file = found.setdefault((a.ecosystem, a.name), (a, lock.file))
            if other != a:
                raise LockError(
                    f"two locks hold different {a.name}",
                    where=lock.file,
                    details=(f"{file}: {other.id}", f"{lock.file}: {a.id}"),
                    remedy="keep one of the locks, or write both anew",
                )
    artifacts = [a for a, _ in found.values()]
    return (*artifacts, *_missing(spec, artifacts, python))


def _missing(spec: Spec, artifacts: Sequence[Artifact], python: str) -> list[Artifact]:
    """Give the tree's own projects that the locks leave out; LockError for all else they lack."""
    conda = {a.name: a for a in artifacts if a.ecosystem == "conda"}
    pypi = {a.name: a for a in artifacts if a.ecosystem == "pypi"}
    if conda and not python and PYTHON in conda:
        python = conda[PYTHON].version
    added = []
    for r in spec.packages.requirements:
        if r.ecosystem == PYTHON and PYTHON in conda:
            held: Artifact | None = conda[PYTHON]
            fits = _fits(r, conda[PYTHON].version)
        elif r.ecosystem == "conda" and conda:
            held = conda.get(r.name)
            fits = held is not None and _matches(r, held)
        elif r.ecosystem == "pypi" and pypi and _applies(r, spec, python):
            names = {normalize_pypi(n): a for n, a in conda.items()}
            held = pypi.get(r.name) or names.get(r.name)
            if held is None and r.source and os.path.isdir(r.source.location):
                added.append(_project(r, spec.root))
                continue
            fits = held is not None and (r.source is not None or _fits(r, held.version))
        else:
            continue
        if not fits:
            has = f"it holds {held.version}" if held else "it is not in it"
            files = ", ".join(os.path.basename(t.file) for t in spec.packages.taken)
            raise LockError(
                f"{files} does not answer the request for {r}: {has}",
                where=r.origin,
                remedy="write the lock anew with the tool it comes from; "
                "without it, Stead chooses the packages itself",
            )
    return added


def _project(requirement: Requirement, root: str) -> Artifact:
    from dataclasses import replace

    source = requirement.source
    assert source is not None
    location = os.path.relpath(source.location, root).replace(os.sep, "/")
    return Artifact("pypi", requirement.name, "", source=replace(source, location=location))


def _applies(requirement: Requirement, spec: Spec, python: str) -> bool:
    if not requirement.marker:
        return True
    from packaging.markers import Marker

    environment = spec.platform.marker_environment(python or "3")
    return Marker(requirement.marker).evaluate(dict(environment))


def _fits(requirement: Requirement, version: str) -> bool:
    if not requirement.spec or not version:
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(requirement.spec).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True  # not ours to judge: the lock's own tool has


def _matches(requirement: Requirement, artifact: Artifact) -> bool:
    if not requirement.spec:
        return True
    from rattler import MatchSpec

    from stead.ecosystems.conda.records import artifact_to_record

    wanted = MatchSpec(f"{requirement.name} {requirement.spec}")
    return bool(wanted.matches(artifact_to_record(artifact)))
