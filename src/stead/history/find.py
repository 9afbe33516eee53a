"""Which history a directory means, and bringing it up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.store import begun
from stead.store.generations import History
from stead.store.journal import recover
from stead.store.layout import Layout
from stead.values.errors import StoreError

if TYPE_CHECKING:
    import os

    from stead.pipeline.steps import Request
    from stead.values.context import Context


def history_of(
    home: str | os.PathLike[str], directory: str, environment: str, *, user_home: str = ""
) -> History:
    """Give the history of the place that a directory belongs to.

    A directory with a history of its own needs no look at its files: so going back
    works where a manifest has become unreadable, or is gone. Raises ManifestError
    where there is no place.
    """
    found = History(home, directory, environment)
    if found.newest:
        return found
    from stead.pipeline.discover import discover

    place = discover(directory, home=user_home).place
    return found if place == directory else History(home, place, environment)


def finish(history: History, request: Request, context: Context) -> History:
    """Do what a command that ended too early has left; gives the history as it is then."""
    try:
        for line in recover(Layout(context.home), context.progress.note):
            context.progress.note(line)
        if begun.read(history) is None:
            return history
        from stead.history.record import record_request
        from stead.history.who import Cause

        record_request(request, context, Cause())
    except StoreError as exc:
        context.progress.note(f"what was interrupted cannot be finished yet: {exc}")
    return History(history.home, history.place, history.environment)
