"""Which locked package needs which."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from stead.pipeline import lockfile
from stead.values.errors import LockOutdatedError
from stead.values.frozen import dataclass
from stead.values.names import DEFAULT, normalize_pypi
from stead.values.patterns import regex

if TYPE_CHECKING:
    from stead.pipeline.steps import Composed
    from stead.values.lock import Artifact
    from stead.values.requirement import Requirement

_NAME = regex(r"\s*(?:[\w.-]+::)?([A-Za-z0-9_][A-Za-z0-9._-]*)")
MOST_WAYS = 50


@dataclass(frozen=True)
class Graph:
    """Locked packages, and the requests that they answer."""

    artifacts: tuple[Artifact, ...]
    requirements: tuple[Requirement, ...]

    @cached_property
    def _by_name(self) -> dict[str, list[Artifact]]:
        names: dict[str, list[Artifact]] = {}
        for a in self.artifacts:
            names.setdefault(normalize_pypi(a.name), []).append(a)
        return names

    @cached_property
    def roots(self) -> tuple[Artifact, ...]:
        """The packages that a manifest asks for."""
        return tuple(
            a for a in self.artifacts if any(self.answers(a, r) for r in self.requirements)
        )

    def answers(self, artifact: Artifact, requirement: Requirement) -> bool:
        same = normalize_pypi(artifact.name) == normalize_pypi(requirement.name)
        # What conda provides answers a request to PyPI, and Python's own whoever brings it.
        return same and (artifact.ecosystem in (requirement.ecosystem, "conda"))

    def needs(self, artifact: Artifact) -> tuple[Artifact, ...]:
        """The packages that one needs directly, by name."""
        found = []
        for text in artifact.depends:
            if not (match := _NAME.match(text)):
                continue
            candidates = self._by_name.get(normalize_pypi(match[1]), [])
            own = [c for c in candidates if c.ecosystem == artifact.ecosystem]
            found += (own or candidates)[:1]
        return tuple(sorted({a.id: a for a in found}.values(), key=lambda a: a.name))

    def ways_to(self, wanted: Artifact) -> list[tuple[Artifact, ...]]:
        """All shortest-first ways from a request to a package, at most 50."""
        ways: list[tuple[Artifact, ...]] = []
        frontier: list[tuple[Artifact, ...]] = [(root,) for root in self.roots]
        while frontier and len(ways) < MOST_WAYS:
            following: list[tuple[Artifact, ...]] = []
            for way in frontier:
                if way[-1].id == wanted.id:
                    ways.append(way)
                    continue
                following += [(*way, n) for n in self.needs(way[-1]) if n not in way]
            frontier = following[: MOST_WAYS * 20]
        return ways


def elsewhere(composed: Composed, name: str) -> tuple[str, str]:
    """Say which other environment of the place has a package, and where it is asked for.

    Both are empty where none has; the second where it comes with another package.
    """
    wanted = normalize_pypi(name)
    for layer in (layer for m in composed.found.manifests for layer in m.layers):
        if layer.name in composed.spec.layers:
            continue
        for requirement in layer.requirements:
            if normalize_pypi(requirement.name) == wanted:
                return layer.name or DEFAULT, str(requirement.origin)
    for held in lockfile.read(composed.lock_path, composed.request.overlay).environments:
        here = (held.place, held.platform) == (composed.slot[0], composed.slot[2])
        if here and any(normalize_pypi(a.name) == wanted for a in held.artifacts):
            return held.environment, ""
    return "", ""


def graph_of(composed: Composed) -> Graph:
    """Give the graph of what is locked. Raises LockOutdatedError where nothing is, though something is asked."""
    if composed.plan.empty:
        return Graph((), ())
    locked = lockfile.read(composed.lock_path, composed.request.overlay).find(*composed.slot)
    if locked is None:
        raise LockOutdatedError(
            "nothing is locked for this environment and platform", remedy="run `stead lock`"
        )
    return Graph(locked.artifacts, composed.spec.packages.requirements)
