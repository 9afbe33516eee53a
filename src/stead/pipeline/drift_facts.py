"""Looking at what may have drifted: an environment's copies, build, variables and files.

Quick checks alone: names, sizes and times of a build, records of packages, digests of the few
rendered files. Nothing is changed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.pipeline import drift
from stead.values.frozen import dataclass
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from pathlib import Path

    from stead.pipeline.steps import Composed
    from stead.store.copies import Copy
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.drift import Drift, What
    from stead.values.lock import LockedEnvironment


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen. ``unseen`` are builds with too many files for a glance.

    ``damaged`` are those that cannot be compared at all.
    """

    drift: tuple[Drift, ...] = ()
    copies: tuple[Copy, ...] = ()
    unseen: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def look(
    composed: Composed,
    context: Context,
    *,
    locked: LockedEnvironment | None = None,
    build: Path | None = None,
    activation: Activation | None = None,
    whole: bool = False,
) -> Looked:
    """Find all that has drifted of an environment.

    ``locked``, ``build`` and ``activation`` are those of now, where there are any. ``whole``: also look
    at a build that takes longer than a prompt would wait.
    """
    home, place = context.home, composed.spec.place
    environment = composed.spec.environment
    found: list[Drift] = []
    copies = _copies(home, place, environment, build)
    if copies:
        from stead.store.copies import looks

        declared = _versions(locked) if locked else None
        for copy in copies:
            found += drift.of_packages(copy.directory, *looks(copy), declared)
    unseen: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    if build is not None:
        from stead.store import glance

        seen = glance.glance(build, most=sys.maxsize if whole else glance.MANY)
        found += drift.of_build(os.fspath(build), seen.found)
        if seen.damaged:
            damaged = (os.fspath(build),)
        elif not seen.whole:
            unseen = (os.fspath(build),)
    if activation is not None:
        found += drift.of_variables(activation, context.environ)
    found += drift.of_files(_files(home, place, environment))
    return Looked(tuple(found), copies, unseen, damaged)


def _versions(locked: LockedEnvironment) -> dict[tuple[str, str], str]:
    normal = {"pypi": normalize_pypi}
    return {
        (a.ecosystem, normal.get(a.ecosystem, str.lower)(a.name)): a.version
        for a in locked.artifacts
    }


def _copies(home: Path, place: str, environment: str, build: Path | None) -> tuple[Copy, ...]:
    from stead.store import copies

    found = copies.copies(home, place, environment)
    return tuple(copies.as_of(c, build.name) for c in found) if build else found


def _files(home: Path, place: str, environment: str) -> list[tuple[str, str, What]]:
    from stead.store._links import NOTES
    from stead.store.places import place_directory

    if not os.path.exists(os.path.join(place_directory(home, place), NOTES)):
        return []
    from stead.store.rendered import edited

    return [(os.path.relpath(p, place), p, what) for p, what in edited(home, place, environment)]
