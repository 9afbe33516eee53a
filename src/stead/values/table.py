"""The checked table of variables: what configuration comes to, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stead.values.frozen import dataclass, field
from stead.values.kinds import TEXT
from stead.values.origin import NOWHERE, Origin
from stead.values.selection import Selection

if TYPE_CHECKING:
    from stead.values.kinds import App, Check, Declaration, Raw, RenderedFile, Type
    from stead.values.manifest import PathEntry
    from stead.values.secret import Secret, SecretReference

RANKS = (
    "lib default",
    "module",
    "client",
    "app",
    "vars",
    "layer",
    "recipe",
    "adopted",
    ".env",
    "--set",
)
"""Who may define a value, the weakest first.

``module`` is a used module's plain ``[vars]``; ``vars`` and ``layer`` are the
place's own: its top-level table, and ``[layer.NAME]``.
"""

Rank = Literal[
    "lib default",
    "module",
    "client",
    "app",
    "vars",
    "layer",
    "recipe",
    "adopted",
    ".env",
    "--set",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """One place that says what a variable is. ``value`` None takes it away."""

    name: str
    value: Raw | None
    rank: Rank
    depth: int = 0
    """Within a rank the greater prevails: a nearer directory over its parents."""
    by: str = ""
    """In words: ``client store``, ``layer prod``, ``[vars]``."""
    base: str = ""
    """Absolute directory that relative paths in the value are relative to."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class LiteralSecret:
    """A secret that was given as it is: in the place's ``.env``, or by ``--set``.

    It is held in memory alone. What is written of it is where it stands, and two
    are equal that stand in the same place.
    """

    name: str
    file: str = ""
    """The ``.env`` that holds it; empty for one of the command line."""
    secret: Secret | None = field(default=None, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.name} in {self.file}" if self.file else f"{self.name} of --set"


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable of the table.

    ``value`` is the text that a process gets; None where it is known only at run
    (it holds a secret), or where there is none.
    """

    name: str
    type: Type = TEXT
    value: str | None = None
    secret: bool = False
    """It is, or contains, a secret: its value stands nowhere before a process runs."""
    required: bool = False
    description: str = ""
    declared: Declaration | None = None
    by: str = ""
    """Who declared it, in words: ``lib pgdriver``; empty for one that nobody declared."""
    definitions: tuple[Definition, ...] = ()
    """All that define it, the one that prevails first."""
    parts: tuple[str | SecretReference | LiteralSecret, ...] = ()
    """Of a secret: literal text and what is to be put between; encoded for a URL if ``encoded``."""
    encoded: bool = False
    encodings: tuple[str, ...] = ()
    """How each of ``parts`` is written when it is put in, by letters in turn: ``u``
    percent-encoded for a URL, ``j`` as in a string of JSON."""
    refers: tuple[str, ...] = ()
    """What its value was made from: ``NAME``, ``paths.raw``, ``host.ports.web``, ``net.db``."""
    reaches: tuple[str, ...] = ()
    """Who gets it, in words: ``app viewer``, ``viewer.ini``."""
    where: str = "set"
    """How it reaches a process: ``set``, ``prepend``/``append`` to what is there, or
    ``default``: what the caller has prevails, because the name is adopted."""
    fallback: str | None = None
    """Of ``default``: the value for a caller that has none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong that is known before anything starts."""

    message: str
    where: Origin = NOWHERE
    details: tuple[str, ...] = ()
    remedy: str = ""
    kind: str = "error"
    """``error``; ``drift``, an error where the caller is strict; ``warning`` for what does not hinder."""
    about: str = ""
    """The variable that it is about, where it is about one."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where.file else ""
        return f"{place}{self.message}"


@dataclass(frozen=True, slots=True)
class Table:
    """The variables of one environment, and all that was found wrong on the way."""

    entries: tuple[Entry, ...] = ()
    """Sorted by name."""
    findings: tuple[Finding, ...] = ()
    selection: Selection = field(default_factory=Selection)
    """With what was found filled in."""
    app: App | None = None
    paths: tuple[PathEntry, ...] = ()
    files: tuple[RenderedFile, ...] = ()
    checks: tuple[Check, ...] = ()
    health: tuple[Check, ...] = ()
    """Of a recipe: what must hold once it runs on a machine."""
    drift: tuple[str, ...] = ()
    """Declared names that the caller's shell sets otherwise."""

    def entry(self, name: str) -> Entry | None:
        return next((e for e in self.entries if e.name == name), None)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.kind == "error")
