"""What an environment has to do, from what its layers say of testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.pipeline.compose import split_environment
from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stead.values.manifest import Layer, Manifest
    from stead.values.package import GoalPart, PackageDefinition
    from stead.values.testenv import TestCommand


@dataclass(frozen=True, slots=True)
class Goal:
    """An environment with commands. Its fields are those of a layer, joined."""

    environment: str
    commands: tuple[TestCommand, ...] = ()
    directory: str = ""
    packages: tuple[str, ...] | None = None
    depends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    timeout: float = 0
    retries: int = 0
    kind: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)
    depends_origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False)
    """Where each entry of ``depends`` stands."""
    packages_origin: Origin = field(default=NOWHERE, compare=False)


def goal(manifests: Sequence[Manifest], environment: str) -> Goal | None:
    """Join what the layers of an environment say; None where none of them has commands.

    ``manifests`` are those of a place, outermost first. A layer that several of them
    have is the nearest one's. Commands follow each other in the order of the name,
    those of an included layer before those of the layer that includes it; lists are
    united; of packages, timeout and retries, the last layer that says counts.
    """
    parts = list(_parts(manifests, split_environment(environment, manifests)))
    commands = tuple(command for part in parts for command in part.commands)
    if not commands:
        return None
    return Goal(
        environment=environment,
        commands=commands,
        directory=next((p.directory for p in reversed(parts) if p.directory), ""),
        packages=next((p.packages for p in reversed(parts) if p.packages is not None), None),
        depends=_united(parts, "depends"),
        labels=_united(parts, "labels"),
        resources=_united(parts, "resources"),
        timeout=next((p.timeout for p in reversed(parts) if p.timeout), 0),
        retries=next((p.retries for p in reversed(parts) if p.retries), 0),
        kind=next((p.kind for p in reversed(parts) if p.kind), ""),
        origin=next(p.origin for p in parts if p.commands),
        packages_origin=next(
            (p.packages_origin for p in reversed(parts) if p.packages is not None), NOWHERE
        ),
        depends_origins=tuple((one, p.depends_origin) for p in parts for one in p.depends),
    )


def definitions(manifests: Sequence[Manifest]) -> tuple[PackageDefinition, ...]:
    """Give the definitions of packages in the order written; the nearest of a name counts."""
    found: dict[str, PackageDefinition] = {}
    for manifest in manifests:
        found.update({one.name: one for one in manifest.packages})
    return tuple(found.values())


def default_environments(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Give the environments that run when none is named, as the nearest manifest lists them."""
    for manifest in reversed(manifests):
        if manifest.test is not None:
            return manifest.test.environments
    return ()


def _parts(manifests: Sequence[Manifest], names: Sequence[str]) -> Iterator[GoalPart]:
    seen: set[str] = set()

    def visit(name: str) -> Iterator[GoalPart]:
        if name in seen or not name:
            return
        seen.add(name)
        found = [one for m in manifests if (one := m.layer(name)) is not None]
        for other in dict.fromkeys(n for layer in found for n in layer.inherits):
            yield from visit(other)
        part = _nearest(found)
        if part is not None:
            yield part

    for name in names:
        yield from visit(name)


def _nearest(layers: Sequence[Layer]) -> GoalPart | None:
    return next((layer.goal for layer in reversed(layers) if layer.goal is not None), None)


def _united(parts: Sequence[GoalPart], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for part in parts for one in getattr(part, name)))
