"""What a person changes by hand in a session's shell, told from what the session applied.

``base`` is what the shell exported right after the environment was applied, ``now`` what
it exports at a later prompt. All here is pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stead.values.activation import Change
from stead.values.frozen import dataclass, replace
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH = "PATH"

_OWN = frozenset(
    [
        "_",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "COLUMNS",
        "LINES",
        "PS1",
        "PS2",
        "PS3",
        "PS4",
        "PROMPT",
        "RPROMPT",
    ]
)
"""What shells change by themselves."""
_NAME = regex(r"[A-Za-z_][A-Za-z0-9_()]*\Z")
"""Functions that bash exports are no variables."""
_NOTES = ("STEAD_", "_stead_", "__fish_")


@dataclass(frozen=True, slots=True)
class Hand:
    """A variable changed by hand: what it held before, and what it holds now (None: not there).

    ``path`` is the list of programs' directories, where entries count, not the text.
    """

    kind: Literal["new", "changed", "unset", "path"]
    name: str
    was: str | None
    value: str | None
    separator: str = ":"

    @property
    def added(self) -> tuple[str, ...]:
        """The directories that were added to the list."""
        return tuple(dict.fromkeys((*self.first, *self.last)))

    @property
    def first(self) -> tuple[str, ...]:
        """Of these, the ones that stand before what was there."""
        return self._ends[0]

    @property
    def last(self) -> tuple[str, ...]:
        """Those that stand behind what was there, or within it."""
        return tuple(e for e in self._ends[1] if e not in self._ends[0])

    @property
    def _ends(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if self.kind != "path":
            return (), ()
        before = set(_entries(self.was, self.separator))
        now = _entries(self.value, self.separator)
        middle = next((i for i, entry in enumerate(now) if entry in before), len(now))
        front, back = (
            tuple(dict.fromkeys(e for e in part if e and e not in before))
            for part in (now[:middle], now[middle:])
        )
        return front, back

    @property
    def words(self) -> tuple[str, ...]:
        """Say what was done, a phrase for each thing that can be kept; values are not shown."""
        if self.kind == "path":
            return tuple(f"{directory} added to {self.name}" for directory in self.added)
        return (f"{self.name} {'set' if self.kind == 'new' else self.kind}",)


def by_hand(
    base: Mapping[str, str], now: Mapping[str, str], separator: str = ":"
) -> tuple[Hand, ...]:
    """Give what differs, by name."""
    found: list[Hand] = []
    for name in sorted({*base, *now}):
        was, value = base.get(name), now.get(name)
        if was == value or not _counts(name):
            continue
        if name == PATH:
            hand = Hand("path", name, was, value, separator)
        elif was is None:
            hand = Hand("new", name, None, value)
        else:
            hand = Hand("unset" if value is None else "changed", name, was, value)
        found.append(hand)
    return tuple(found)


def _counts(name: str) -> bool:
    return bool(_NAME.match(name)) and name not in _OWN and not name.startswith(_NOTES)


def taking_back(hands: Sequence[Hand]) -> tuple[Change, ...]:
    """Give the changes that leave the shell as it was before them."""
    return tuple(_put(hand.name, hand.was) for hand in hands)


def on_top(
    hands: Sequence[Hand], applied: Mapping[str, str], *, elsewhere: bool = False
) -> tuple[tuple[Hand, ...], tuple[Change, ...]]:
    """Give what stays of changes by hand on a newly ``applied`` environment, and how it is put there.

    What the environment itself has changed since is its own again. In another shell
    than the one they were made in (``elsewhere``), what was there before says nothing.
    """
    kept: list[Hand] = []
    for hand in hands:
        there = applied.get(hand.name)
        if hand.kind == "path":
            moved = replace(hand, was=there, value=_joined(hand, there))
        elif elsewhere or there == hand.was:
            kind: Literal["new", "changed", "unset"] = (
                "unset" if hand.value is None else "new" if there is None else "changed"
            )
            moved = replace(hand, kind=kind, was=there)
        else:
            continue
        if moved.value != there:
            kept.append(moved)
    return tuple(kept), tuple(_put(hand.name, hand.value) for hand in kept)


def _joined(hand: Hand, there: str | None) -> str:
    """Put the directories added by hand around the list that is there, each where it stood."""
    gone = {*_entries(hand.was, hand.separator)}.difference(_entries(hand.value, hand.separator))
    middle = [e for e in _entries(there, hand.separator) if e not in gone]
    front = [e for e in hand.first if e not in middle]
    back = [e for e in hand.last if e not in middle]
    return hand.separator.join([*front, *middle, *back])


def _entries(text: str | None, separator: str) -> list[str]:
    return text.split(separator) if text else []


def _put(name: str, value: str | None) -> Change:
    return Change("unset", name) if value is None else Change("set", name, value)


def parse(exports: bytes) -> dict[str, str]:
    """Read ``NAME=VALUE``, each ended by a NUL."""
    text = exports.decode("utf-8", "surrogateescape")
    pairs = (entry.partition("=") for entry in text.split("\0"))
    return {name: value for name, sign, value in pairs if sign}
