"""Environments made ready for their commands: found, or made, and activated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.matrix.kinds import Asked, kind
from stead.values.activation import Change, apply
from stead.values.suite import Ready

if TYPE_CHECKING:
    from stead.matrix.kinds import Log
    from stead.values.context import Context
    from stead.values.suite import Environment, Product


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
    asked = Asked(environment, product, root, afresh)
    made = one.find(asked, context)
    reused = made is not None
    if made is None:
        made = one.create(asked, context, log)
    _directories(environment)
    changes = (
        *(Change("prepend", "PATH", p, os.pathsep) for p in reversed(made.programs)),
        *one.activation(asked, made, context),
    )
    environ = apply((*_always(context), *changes), {"PATH": ""})
    environ.pop("PATH")
    return Ready(
        key=made.key,
        prefix=made.prefix,
        store=made.store,
        programs=made.programs,
        environ=tuple(environ.items()),
        reused=reused,
        changes=(*_always(context), *changes),
    )


def key(environment: Environment, product: Product | None, root: str, context: Context) -> str:
    """Digest what an environment with its package depends on; nothing is made or fetched.

    It is that of :func:`ready` where the environment's requests were resolved before;
    else it is another one, so that nothing passes for unchanged that may not be.
    Raises InterpreterError where there is no Python.
    """
    return kind(environment.kind).key(Asked(environment, product, root), context)


def _always(context: Context) -> tuple[Change, ...]:
    """Give what holds in every environment: builds are read-only, and take no compiled modules."""
    return (Change("set", "PYTHONPYCACHEPREFIX", os.path.join(context.home, "pycache")),)


def _directories(environment: Environment) -> None:
    """Make the directories of a run, the temporary one empty."""
    temporary = environment.temporary
    if temporary:
        if os.path.isdir(temporary) and os.listdir(temporary):
            from stead.store.atomic import remove_tree

            remove_tree(temporary)
        os.makedirs(temporary, exist_ok=True)
    if environment.logs:
        os.makedirs(environment.logs, exist_ok=True)
