"""What one file of the tree says, whatever its format.

A reader in ``formats`` turns text into a :class:`Manifest`; nothing after it
knows which format an entry came from.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.kinds import NOTHING, Kinds
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.kinds import Check, Choice, Declaration, Raw, RenderedFile, SecretsTable
    from stead.values.package import GoalPart, PackageDefinition, TestDefaults
    from stead.values.registry import Registry
    from stead.values.requirement import Requirement
    from stead.values.substitute import StoreAddress


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's definition. ``value`` None takes an inherited one away.

    With a ``declared`` that says what it may hold, None means that nothing is
    defined here.
    """

    name: str
    value: Raw | None
    origin: Origin = field(default=NOWHERE, compare=False)
    declared: Declaration | None = None
    base: str = field(default="", compare=False)
    """Absolute directory that relative paths in the value are relative to."""


@dataclass(frozen=True, slots=True)
class PathEntry:
    """A named location of the project, relative to the manifest that names it."""

    name: str
    path: str | None
    base: str
    """Absolute directory that ``path`` is relative to."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """A conda channel as written: a name, a URL, or a path relative to ``base``."""

    name: str
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """A package index of PyPI's kind: a short name, and its address as written."""

    name: str
    url: str
    base: str = ""
    flat: bool = False
    """A flat directory or page of files (``--find-links``) instead of a simple index."""
    explicit: bool = False
    """Only for requirements that name it."""
    default: bool = False
    """Replaces the default index."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A named command: an argument list, run without a shell.

    ``cwd`` is absolute. Inputs and outputs are glob patterns relative to it; a
    task that has any is skipped when neither they nor the environment changed.
    """

    name: str
    command: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    environment: str = ""
    cwd: str = ""
    description: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)
    listens: tuple[int, ...] = ()
    """Ports that it is to listen on: those of the app that it runs."""


@dataclass(frozen=True, slots=True)
class Use:
    """Another module this one uses: a path, a git address with revision, or a registry's item.

    Of an item ``location`` is ``registry:NAME``, without the name where any registry may
    have it, and ``revision`` the version.
    """

    name: str
    kind: Literal["path", "git", "registry"]
    location: str
    revision: str = ""
    subdirectory: str = ""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)
    options: tuple[tuple[str, str | int | float | bool], ...] = ()
    """What is chosen of an item's options; sorted."""
    noun: str = field(default="module", compare=False)
    """What messages call it: a registry is fetched as a module is."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A named part of an environment. The default layer's name is empty."""

    name: str = ""
    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    removed: tuple[Requirement, ...] = ()
    """Inherited requirements that do not apply here (``numpy = false``)."""
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    variables: tuple[Variable, ...] = ()
    paths: tuple[PathEntry, ...] = ()
    tasks: tuple[Task, ...] = ()
    files: tuple[RenderedFile, ...] = ()
    checks: tuple[Check, ...] = ()
    choice: Choice | None = None
    """Which app, host and net count, where there are several."""
    adopt: tuple[str, ...] = ()
    """Variables that the caller's shell may set."""
    inherits: tuple[str, ...] = ()
    """Other layers this one includes (``include-group`` of PEP 735)."""
    goal: GoalPart | None = None
    """What it says of testing."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the root of a workspace says about all of it."""

    name: str = ""
    members: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    exclude_newer: str = ""
    channel_priority: Literal["strict", "flexible", "disabled"] = "strict"
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class TakenLock:
    """A lock of another tool (``pylock.toml`` …), taken as it is, never solved again.

    ``format`` is ``pylock``, ``conda-lock`` or ``explicit``; ``layer`` the layer
    it belongs to (``pylock.dev.toml`` is layer ``dev``).
    """

    file: str
    format: Literal["pylock", "conda-lock", "explicit"]
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file, read. ``directory`` and ``file`` are absolute."""

    file: str
    format: str
    """``stead.toml``, ``pyproject.toml``, ``environment.yml``, …: what documentation calls it."""
    directory: str
    layers: tuple[Layer, ...] = (Layer(),)
    workspace: Workspace | None = None
    inherit: bool = True
    uses: tuple[Use, ...] = ()
    taken: tuple[TakenLock, ...] = ()
    link: str = ""
    """Where editors look for the environment (``.venv``); empty for nowhere."""
    project: str = ""
    """The normalised distribution name, where the directory is an installable project."""
    modules: tuple[str, ...] = ()
    """Directories to put on Python's path, for code that is not installed."""
    kinds: Kinds = NOTHING
    secrets: SecretsTable | None = None
    packages: tuple[PackageDefinition, ...] = ()
    test: TestDefaults | None = None
    registries: tuple[Registry, ...] = ()
    stores: tuple[StoreAddress, ...] = ()
    reads: tuple[str, ...] = ()
    """Other files that took part (``-r``, ``-c``, ``setup.cfg``), absolute."""
    own: bool = False
    """Whether a file of another format has a table of Stead's in it (``[tool.stead]``)."""

    @property
    def foreign(self) -> bool:
        """Written for another tool, without a word to Stead in it."""
        return self.format != "stead.toml" and not self.own

    def layer(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.name == name), None)
