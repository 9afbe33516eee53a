"""Which history a directory means, finding one that was moved or lost, and bringing it up to date."""

from __future__ import annotations

import os
from itertools import islice

from stead.history.who import as_typed
from stead.store import begun
from stead.store.generations import History, environments
from stead.store.journal import recover
from stead.store.layout import Layout
from stead.values.errors import ManifestError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.pipeline.request import Request
    from stead.values.context import Context

_LOOKED_AT = 10


def history_of(
    directory: str,
    environment: str,
    context: Context,
    *,
    user_home: str = "",
    shared: bool = False,
) -> History:
    """Give the history of the place that a directory belongs to.

    A directory with a history of its own needs no look at its files: so going back
    works where a manifest has become unreadable, or is gone. A place that was moved
    has the history it had, and one whose records are lost what git has of it. With
    ``shared``, a directory that only others have made a place is one too. Raises
    ManifestError where there is no place.
    """
    found = History(context.home, directory, environment)
    if found.newest:
        return found
    from stead.history.others import known_place
    from stead.pipeline.discover import discover

    try:
        place = discover(directory, home=user_home).place
    except ManifestError:
        known = known_place(directory, environment, context)
        if known is None:
            raise
        place = known
    else:
        if shared and place != directory:
            known = known_place(directory, environment, context)
            place = max(place, known or "", key=len)  # both are at the directory or above it
    history = found if place == directory else History(context.home, place, environment)
    return found_again(history, context)


def seen(home: str | os.PathLike[str], place: str, environment: str) -> History:
    """Give the history of a place, changing nothing: of one that was moved, where it was."""
    history = History(home, place, environment)
    if history.newest:
        return history
    from stead.store.moved import former

    before = former(home, place)
    return History(home, before, environment) if before else history


def found_again(history: History, context: Context) -> History:
    """Give the history of a place; where it has no records, those it had elsewhere, or git has."""
    if history.newest:
        return history
    from stead.store.moved import former, take_over

    before = former(history.home, history.place)
    if before:
        take_over(history.home, before, history.place)
        context.progress.note(f"this place was at {before}; its history goes on here")
    else:
        from stead.history.restore import restore

        restored = restore(history, context)
        if not restored:
            return history
        context.progress.note(
            f"the history of {history.place} is taken from its repository: "
            f"{len(restored)} generation{'' if len(restored) == 1 else 's'}"
        )
    return History(history.home, history.place, history.environment)


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


def brought_back(directory: str, environment: str, context: Context, *, user_home: str = "") -> str:
    """Say how the manifests come back that a directory, or one above it, had; empty without any."""
    from stead.history.others import known_place
    from stead.history.plan import paths_of
    from stead.pipeline.discover import upwards

    for place in upwards(directory, user_home):
        for name in dict.fromkeys((environment, *environments(context.home, place))):
            history = History(context.home, place, name)
            for number in islice(history.numbers(), _LOOKED_AT):
                one = history.find(number)
                had = paths_of(history, one, one.files) if one is not None else ()
                gone = [os.path.basename(path) for path in had if os.path.dirname(path) == place]
                if gone:
                    there = [] if place == directory else ["-C", os.path.relpath(place, directory)]
                    other = [] if name == environment else ["-e", name]
                    words = as_typed(("stead", *there, "rollback", *other, str(number)))
                    return f"`{words}` brings {', '.join(gone)} back; `stead init` begins anew"
    if known_place(directory, environment, context) is None:
        return ""
    return (
        "`stead log` lists what was shared of it, `stead rollback WHO:NUMBER` brings one of these"
    )
