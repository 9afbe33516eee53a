"""What a project wants done in an environment before it is made again (``recreate_commands``)."""

from __future__ import annotations

import os

from stead.values.errors import TaskError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.matrix.kinds import Asked, Log
    from stead.values.context import Context


def begin(asked: Asked, context: Context, log: Log) -> None:
    """Run an environment's commands in the directory that is about to be replaced, if one is.

    As in tox, nothing hangs on how they end, and another package under test is no reason to
    run them.
    """
    from stead.matrix import own, prefix, resolution
    from stead.matrix.installing import Inside

    commands, where = asked.environment.contents.recreating, asked.environment.prefix
    if not commands or not prefix.is_environment(where):
        return
    if not asked.afresh:
        kept = resolution.kept(own.copied(asked), context)
        before = os.path.basename(prefix.leads_to(where))
        if kept is not None and before in dict(kept.builds).values():
            return
    log(f"{asked.environment.name} is made again")
    inside = Inside(asked, where, (), context, log)
    os.makedirs(asked.environment.work.directory or asked.root, exist_ok=True)
    for command in commands:
        try:
            inside.run(command, asked.environment.work.directory)
        except TaskError as exc:
            log(f"{exc.message}, which is of no consequence")
