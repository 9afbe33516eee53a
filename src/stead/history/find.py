"""Which history a directory means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.store.generations import History

if TYPE_CHECKING:
    import os


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
