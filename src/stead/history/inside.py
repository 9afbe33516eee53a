"""Whether a command is in the transaction of the shell that it was called from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline.discover import discover
from stead.store.transactions import Journal, is_alive, read
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.history.transaction import Transaction
    from stead.values.context import Context


@dataclass(frozen=True, slots=True)
class Over:
    """Stands where a shell's transaction was: the place is read as it is, and nothing is written."""

    directory: str
    place: str
    why: str

    def overlay(self) -> dict[str, str | None]:
        return {}

    def content(self, path: str) -> bytes | None:
        return read(path)

    def stage(self, files: Mapping[str, bytes | None], expect: Mapping[str, bytes | None]) -> None:
        raise self.error()

    def error(self) -> UsageError:
        return UsageError(
            f"the transaction of this shell is over: {self.why}",
            where=self.place,
            remedy="leave the shell (`exit`), or `unset STEAD_SHELL` in it",
        )


def transaction_of(
    directory: str, cwd: str, context: Context, words: Sequence[str] = (), *, user_home: str = ""
) -> Transaction | Over | None:
    """Give the transaction in ``directory``, if ``cwd`` belongs to its place.

    Elsewhere commands act as usual.
    """
    place = place_of(directory, os.fspath(context.home))
    if not place:
        return None
    if not os.path.isdir(place):
        context.progress.note(
            f"the place of this shell's transaction was moved or removed: {place}; "
            "commands act on what is here, at once"
        )
    if not _below(cwd, place):
        return None
    from stead.history.transaction import Transaction

    if Journal(directory).present() is None:
        return Over(directory, place, "it was ended elsewhere, or nothing of it can be read")
    if not is_alive(directory):
        return Over(directory, place, "the process it belonged to has ended")
    transaction = Transaction(directory, context, words)
    if os.path.realpath(cwd) != os.path.realpath(place):
        try:
            found = discover(cwd, home=user_home, overlay=transaction.overlay()).place
        except ManifestError:
            found = place  # its own manifest cannot be read, or is gone
        if os.path.realpath(found) != os.path.realpath(place):
            return None
    return transaction


def place_of(directory: str, home: str) -> str:
    """Give the place that a transaction's directory is about; empty for another directory."""
    owner = Journal(directory).owner()
    if owner is not None:
        return owner.place
    top = os.path.join(os.path.abspath(home), "places", "at") + os.sep
    place = os.path.dirname(os.path.dirname(directory))
    return os.sep + place.removeprefix(top) if place.startswith(top) and os.name != "nt" else ""


def _below(path: str, directory: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(directory)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
