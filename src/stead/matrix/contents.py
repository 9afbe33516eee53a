"""Environments made ready for their commands: found, or made, and activated."""

from __future__ import annotations

import contextlib
import os

from stead.matrix import own, prefix, recreating, watching
from stead.matrix.activating import activated, entered
from stead.matrix.kinds import Asked, kind
from stead.values.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.matrix.kinds import Log
    from stead.values.context import Context
    from stead.values.suite import Environment, Product, Ready

__all__ = ["entered", "key", "occupied", "ready", "refused"]


def _silent(_: str) -> None:
    """Where nobody keeps a log."""


def ready(
    environment: Environment,
    product: Product | None,
    root: str,
    context: Context,
    log: Log = _silent,
    *,
    recreate: bool = False,
) -> Ready:
    """Give an environment with the package under test, made first unless it is there.

    ``root`` is the absolute directory of the project. ``log`` gets a line about each
    long step. ``recreate`` makes it afresh, and looks anew for what its requests come to.
    What is of the run alone is prepared too: its temporary directory is there, and empty.

    Raises what resolving and building raise, InterpreterError where there is no Python,
    and UsageError for a kind that nobody knows.
    """
    one = kind(environment.kind)
    afresh = recreate or environment.contents.recreate
    asked = watching.as_noted(Asked(environment, product, root, afresh), context)
    if not environment.prefix:
        own.note_place(root, context)
    made = one.find(asked, context)
    reused = made is not None
    if made is None:
        recreating.begin(asked, context, log)
        made = one.create(asked, context, log)
    _directories(environment, root, _place(environment, made.prefix, context), context)
    changes = one.activation(asked, made, context)
    return activated(asked, made, changes, context, reused=reused)


@contextlib.contextmanager
def occupied(
    environment: Environment,
    product: Product | None,
    root: str,
    context: Context,
    log: Log = _silent,
    *,
    recreate: bool = False,
) -> Iterator[Ready]:
    """Give what :func:`ready` gives; until the block ends, nobody makes it anew.

    Others may use it meanwhile; who wants it otherwise waits. Takes and raises what ``ready`` does.
    """
    found = ready(environment, product, root, context, log, recreate=recreate)
    while True:
        place = _place(environment, found.prefix, context)
        if not place:
            yield found
            return
        with prefix.used(place, context):
            if place != found.prefix or prefix.holds(place, found.key):
                yield found
                return
        # Somebody was faster, and made it another one.
        found = ready(environment, product, root, context, log)


def _place(environment: Environment, directory: str, context: Context) -> str:
    """Give the directory of an environment that others may change; empty where there is none."""
    stored = directory.startswith(os.path.join(context.home, "store") + os.sep)
    return environment.temporary if stored or environment.kind == "existing" else directory


def key(environment: Environment, product: Product | None, root: str, context: Context) -> str:
    """Digest what an environment with its package depends on; nothing is made or fetched.

    It is that of :func:`ready` where the environment's requests were resolved before;
    else it is another one, so that nothing passes for unchanged that may not be.
    Raises InterpreterError where there is no Python.
    """
    asked = watching.as_noted(Asked(environment, product, root), context)
    return kind(environment.kind).key(asked, context)


def refused(ready: Ready, log: str, context: Context) -> str:
    """Say whether commands that failed were refused to write to their environment.

    ``log`` is the file of their output. Where they were, the environment is a directory
    of its own from the next run on, and the answer says so; else it is empty.
    """
    return watching.refused(ready, log, context)


def _directories(environment: Environment, root: str, place: str, context: Context) -> None:
    """Make the directories of a run, the temporary one empty, unless others are using it."""
    temporary = environment.temporary
    if temporary:
        if f"{root}{os.sep}".startswith(f"{os.path.normpath(temporary)}{os.sep}"):
            raise StoreError(
                "the temporary directory is emptied at each run, and this is the project itself",
                where=temporary,
                remedy="name another directory for it",
            )
        full = os.path.isdir(temporary) and os.listdir(temporary)
        if full and not prefix.is_used(place, context):
            from stead.store.atomic import remove_tree

            remove_tree(temporary)
        os.makedirs(temporary, exist_ok=True)
    if environment.logs:
        os.makedirs(environment.logs, exist_ok=True)
