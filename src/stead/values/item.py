"""Registry items: source that is copied into a project, and what a project keeps of it.

An *item* is one version of a module in a registry, with the contents of its files. Added to
a project it is *written* with the options that were chosen, and a *record* stays beside the
source, which says where it came from and what its files held.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.kinds import Declaration

    Language = Literal["python", "node", "rust", "none"]

Answer = str | int | float | bool
"""What an option may be."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose when an item is added."""

    name: str
    type: Literal["str", "int", "float", "bool", "enum"] = "str"
    choices: tuple[str, ...] = ()
    """Of an ``enum``."""
    default: Answer | None = None
    """None: it must be given."""
    question: str = ""
    """What a person is asked on a terminal."""
    description: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file of an item. ``path`` is relative to the module's directory, with slashes."""

    path: str
    content: bytes
    executable: bool = False
    rendered: bool = False
    """A Jinja template over the options; else copied as it is."""


@dataclass(frozen=True, slots=True)
class Need:
    """Another item that an item needs, as exactly as the registry says."""

    name: str
    registry: str = ""
    """Empty for the registry of the item itself."""
    version: str = ""
    integrity: str = ""
    """``sha256:…`` of the needed item; see :attr:`Item.integrity`."""
    options: tuple[tuple[str, Answer], ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Commands:
    """How a module is installed, run and tested where no environment of Stead's does it.

    Lists of arguments, run in the module's directory.
    """

    install: tuple[tuple[str, ...], ...] = ()
    run: tuple[str, ...] = ()
    test: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One version of a registry item."""

    name: str
    kind: Literal["app", "client", "data", "host", "lib", "net"]
    version: str
    summary: str
    language: Language = "python"
    options: tuple[Option, ...] = ()
    files: tuple[ItemFile, ...] = ()
    """Sorted by path."""
    needs: tuple[Need, ...] = ()
    accepts: tuple[Declaration, ...] = ()
    """Variables that it reads."""
    expects: tuple[str, ...] = ()
    """Which inputs it expects, a line each: shown by ``show`` and after ``add``."""
    listens: tuple[str, ...] = ()
    """Variables that hold a port it listens on."""
    health: str = ""
    """The path that answers below 400 at its first port while it is well: ``/health``."""
    commands: Commands = field(default_factory=Commands)
    integrity: str = ""
    """``sha256:…`` of the item's description and files; the same wherever it is read from."""


@dataclass(frozen=True, slots=True)
class Came:
    """Where a module came from."""

    registry: str
    """The registry's name in this project."""
    location: str
    """Its address, without credentials; ``shipped`` for the one that comes with Stead."""
    commit: str = ""
    """Of a git registry: the commit that was read."""
    item: str = ""
    version: str = ""
    integrity: str = ""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A file where an update could not decide, and a person has not yet."""

    path: str
    beside: str = ""
    """Where upstream's version lies; it is settled when that file is gone."""
    markers: int = 0
    """The length of the conflict markers in the file; it is settled when these are gone."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a project keeps of a module that it added: inert, and enough for a merge.

    It lies at ``.stead-module/record.toml`` in the module's directory, with a copy of each
    file as it was written below ``.stead-module/base/``, named by its hash: no tool takes it
    for source, and no pattern of a ``.gitignore`` fits it.
    """

    came: Came
    options: tuple[tuple[str, Answer], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    """Path → ``sha256:…`` of what was written; sorted."""
    executable: tuple[str, ...] = ()
    entries: tuple[tuple[str, str], ...] = ()
    """``FILE:KEY`` of what was written into the root's files → hash of the value; sorted."""
    dropped: tuple[tuple[str, str], ...] = ()
    """Files that upstream has no more and that stayed: path → hash of what was written."""
    conflicts: tuple[Unsettled, ...] = ()
    pending: Record | None = None
    """While there are conflicts: the record as it will be when they are settled."""
    needs: tuple[str, ...] = ()
    """Other modules that it needs; sorted."""
