"""What was changed by hand in a session, as changes of the place's files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.references import escape
from stead.formats.private_names import is_private
from stead.pipeline.variables import Added
from stead.values.errors import UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.pipeline.hand import Hand
    from stead.values.table import Entry, Table


@dataclass(frozen=True, slots=True)
class ForFiles:
    """New values: those of the manifest and those of the place's ``.env`` (None: taken out)."""

    manifest: Mapping[str, str | Added | bool | None]
    private: Mapping[str, str | None]


def for_files(
    hands: Sequence[Hand],
    names: Sequence[str],
    *,
    table: Table,
    manifest: str,
    dotenv: str,
    cwd: str,
    private: bool,
) -> ForFiles:
    """Say what to change so that the place itself has what was done by hand.

    ``names`` are variables, or directories that were added to a list of programs.
    ``manifest`` and ``dotenv`` are the files that would be changed. What sounds like a
    secret goes into ``.env``, and only where ``private`` asks for that. Raises UsageError.
    """
    entries = {entry.name: entry for entry in table.entries}
    by_name = {hand.name: hand for hand in hands}
    values: dict[str, str | Added | bool | None] = {}
    hidden: dict[str, str | None] = {}
    lists: dict[str, set[str]] = {}
    for name in names:
        hand = by_name.get(name)
        if hand is None:
            list_, directory = _directory(by_name, name, cwd)
            lists.setdefault(list_, set()).add(directory)
        elif hand.kind == "path":
            lists.setdefault(name, set()).update(map(os.path.normpath, hand.added))
        elif hand.value is None:
            files = _defined_in(name, entries.get(name))
            if dotenv in files:
                hidden[name] = None
            else:
                values[name] = None if files == {manifest} else False
        elif private:
            hidden[name] = hand.value
        else:
            _refuse_private(name, hand.value, entries.get(name))
            values[name] = escape(hand.value)
    for name, directories in lists.items():
        if private:
            raise UsageError(
                f"directories of {name} are for the manifest", remedy="leave --private out"
            )
        first, last = (
            tuple(p for p in dict.fromkeys(map(os.path.normpath, end)) if p in directories)
            for end in (by_name[name].first, by_name[name].last)
        )
        values[name] = Added(first, last)
    return ForFiles(values, hidden)


def _directory(by_name: Mapping[str, Hand], word: str, cwd: str) -> tuple[str, str]:
    """Find a directory that was added by hand; gives the list it is in, and it."""
    path = os.path.normpath(os.path.join(cwd, os.path.expanduser(word)))
    for hand in by_name.values():
        for directory in hand.added:
            if os.path.normpath(directory) == path:
                if not os.path.isabs(directory):
                    break
                return hand.name, path
    known = [name for hand in by_name.values() for name in (hand.added or (hand.name,))]
    raise UsageError(
        f"{word} was not changed by hand in this shell",
        remedy=f"what was: {', '.join(known)}" if known else "`stead set` gives a variable a value",
    )


def _defined_in(name: str, entry: Entry | None) -> set[str]:
    files = set() if entry is None else {d.origin.file for d in entry.definitions}
    if not files:
        raise UsageError(
            f"{name} came from outside of the place, and a manifest cannot say that a variable "
            "is not there",
            remedy=f"unset it where it is set; `stead set {name}=` makes it empty here",
        )
    return files


def outside_among(hands: Sequence[Hand], table: Table) -> tuple[str, ...]:
    """Name the variables that were unset and that no file of the place defines."""
    defined = {entry.name for entry in table.entries if entry.definitions}
    return tuple(h.name for h in hands if h.kind == "unset" and h.name not in defined)


def private_among(hands: Sequence[Hand], table: Table) -> tuple[str, ...]:
    """Name the variables that no manifest is to hold."""
    entries = {entry.name: entry for entry in table.entries}
    return tuple(
        hand.name
        for hand in hands
        if hand.kind != "path"
        and hand.value is not None
        and _private(hand.name, hand.value, entries.get(hand.name))
    )


def _private(name: str, value: str, entry: Entry | None) -> bool:
    return (entry is not None and entry.secret) or is_private(name, value)


def _refuse_private(name: str, value: str, entry: Entry | None) -> None:
    if _private(name, value, entry):
        raise UsageError(
            f"{name} looks private, and a manifest is read by others",
            remedy=f"`stead keep --private {name}` puts it into .env; `stead set {name}=…` does "
            "what you say",
        )
