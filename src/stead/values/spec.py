"""What a place × layers × platform asks for."""

from __future__ import annotations

from stead.values.digest import digest
from stead.values.frozen import dataclass, field
from stead.values.kinds import NOTHING, Kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.kinds import Check, Declaration, RenderedFile, SecretsTable
    from stead.values.manifest import Channel, Index, PathEntry, TakenLock, Task, Use
    from stead.values.origin import Origin
    from stead.values.platform import Platform
    from stead.values.registry import Registry
    from stead.values.requirement import Requirement
    from stead.values.substitute import StoreAddress
    from stead.values.table import Definition


@dataclass(frozen=True, slots=True)
class PackagesSpec:
    """The packages part: all that a lock and a build depend on."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    python_from: Literal["", "conda", "venv", "pyenv"] = ""
    """Where Python comes from, if a layer says so."""
    taken: tuple[TakenLock, ...] = ()
    exclude_newer: str = ""
    channel_priority: str = "strict"

    @property
    def digest(self) -> str:
        return digest(self)

    def of(self, ecosystem: str) -> tuple[Requirement, ...]:
        """Give the requirements of one ecosystem, in order."""
        return tuple(r for r in self.requirements if r.ecosystem == ecosystem)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration part: what a process gets besides packages.

    Nothing is computed yet: ``definitions`` are all there are of the place's own
    variables, and ``config`` makes the table of them when the activation is made.
    """

    definitions: tuple[Definition, ...] = ()
    """Of the ranks ``module``, ``vars``, ``layer`` and ``.env``."""
    declarations: tuple[Declaration, ...] = ()
    """Variables that the place's own tables declare."""
    kinds: Kinds = NOTHING
    files: tuple[RenderedFile, ...] = ()
    checks: tuple[Check, ...] = ()
    host: str = ""
    net: str = ""
    app: str = ""
    """What the place chose of each, where it did."""
    chosen_at: tuple[tuple[str, Origin], ...] = field(default=(), compare=False)
    """Where ``host``, ``net`` and ``app`` were chosen."""
    adopt: tuple[str, ...] = ()
    secrets: SecretsTable | None = None
    paths: tuple[PathEntry, ...] = ()
    modules: tuple[str, ...] = ()
    """Directories for Python's path, absolute, first wins."""

    @property
    def digest(self) -> str:
        return digest(self)


@dataclass(frozen=True, slots=True)
class Spec:
    """The composed value, with the origin of every entry."""

    place: str
    """Absolute directory whose environment this is."""
    root: str
    """Absolute directory of the workspace root, where ``stead.lock`` lies."""
    environment: str
    layers: tuple[str, ...]
    platform: Platform
    packages: PackagesSpec = field(default_factory=PackagesSpec)
    configuration: Configuration = field(default_factory=Configuration)
    tasks: tuple[Task, ...] = ()
    uses: tuple[Use, ...] = ()
    registries: tuple[Registry, ...] = ()
    """Those that the place's own manifests name."""
    stores: tuple[StoreAddress, ...] = ()
    """Those that the place's own manifests name."""
    link: str = ""
    name: str = ""
    """A human's name for the place: the workspace's, or the directory's."""
    inputs: tuple[str, ...] = field(default=(), compare=False)
    """Absolute paths of all files that took part."""
    absent: tuple[str, ...] = field(default=(), compare=False)
    """Absolute paths that would have taken part, had they existed."""
    environments: tuple[str, ...] = field(default=(), compare=False)
    """Names of the layers that the manifests declare."""

    @property
    def digest(self) -> str:
        return digest({"packages": self.packages, "configuration": self.configuration})
