"""Builds that commands change, or would like to.

A build is read-only and shared. Which commands install something is mostly known before,
and their environments are copies then. What a script or a test installs shows only when it
does: the system refuses it, or, for a user whom nothing is refused, the build changes. It
is not used again then; and in either case the environment is a directory of its own from
the next run on.
"""

from __future__ import annotations

import contextlib
import os

from stead.store import installed
from stead.store.places import place_directory
from stead.values.digest import short_key
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.matrix.kinds import Asked
    from stead.values.context import Context
    from stead.values.suite import Ready

_LAST = 256 * 1024
"""Bytes of a log's end that are searched."""
_REFUSALS = (b"Permission denied", b"PermissionError", b"Read-only file system", b"not writeable")


def as_noted(asked: Asked, context: Context) -> Asked:
    """Give what is asked, as a directory of its own where its commands have shown to need one."""
    contents = asked.environment.contents
    if contents.own or not os.path.exists(_note(asked, context)):
        return asked
    environment = replace(asked.environment, contents=replace(contents, own=True))
    return replace(asked, environment=environment)


@contextlib.contextmanager
def watched(ready: Ready, asked: Asked, context: Context) -> Iterator[None]:
    """Look whether commands change the build that they run in; if so, it is not used again."""
    if not _is_shared(ready, context):
        yield
        return
    before = installed.look(ready.store)
    try:
        yield
    finally:
        if installed.look(ready.store) != before:
            _let_go(ready.store)
            _remember(asked, context)
            context.progress.note(
                f"the commands of {asked.environment.name} install into their environment: "
                "it is made anew, and a directory of its own from now on"
            )


def refused(ready: Ready, log: str, context: Context) -> str:
    """Say whether commands were refused to write to their build; empty where they were not."""
    from stead.matrix.activating import Held

    if not _is_shared(ready, context) or not isinstance(ready.held, Held):
        return ""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.path.getsize(log) - _LAST))
            lines = file.read().splitlines()
    except OSError:
        return ""
    places = tuple(os.fsencode(p) for p in {ready.store, ready.prefix})
    wanted = (line for line in lines if any(word in line for word in _REFUSALS))
    if not any(place in line for line in wanted for place in places):
        return ""
    _remember(ready.held.asked, context)
    return "it writes to its environment, which is a directory of its own from the next run on"


def _is_shared(ready: Ready, context: Context) -> bool:
    return ready.store.startswith(os.path.join(context.home, "store") + os.sep)


def _let_go(build: str) -> None:
    """Take from a build what makes it a whole one: whoever wants it makes it anew."""
    from stead.store.builds import META
    from stead.store.layout import METADATA

    inner = os.path.join(build, METADATA)
    with contextlib.suppress(OSError):
        os.chmod(inner, 0o700)
        os.unlink(os.path.join(inner, META))


def _remember(asked: Asked, context: Context) -> None:
    from stead.store.atomic import write_file
    from stead.store.places import make_private

    path = _note(asked, context)
    make_private(os.fspath(context.home), os.path.dirname(path))
    write_file(path, b"")


def _note(asked: Asked, context: Context) -> str:
    from stead.matrix.resolution import DIRECTORY

    name = f"own-{short_key(asked.environment.name)}"
    return os.path.join(place_directory(context.home, asked.root), DIRECTORY, name)
