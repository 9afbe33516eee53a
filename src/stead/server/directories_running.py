"""Keeping a directory current while a worker runs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from stead.server.database import events
from stead.server.directories import AGAIN, LOOK, kept
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.server.directories import Directories
    from stead.values.context import Context

_log = logging.getLogger("stead.server.directories")

_MATTERS = frozenset(
    {"environment.current", "environment.deleted", "build.deleted", "namespace.deleted"}
)


def keep(
    root: str,
    database: Database,
    blobs: Blobs,
    stop: threading.Event,
    on_ready: Callable[[], None] = lambda: None,
    *,
    context: Context | None = None,
) -> None:
    """Keep a directory current until ``stop`` is set; ``on_ready`` is called once it is.

    An outage of the database or the artifact store is waited for. Raises ServerError where
    the directory cannot be kept.
    """
    with kept(root, database, blobs, context=context) as directories:
        last, settled, ready = -1, 0.0, False
        while not stop.is_set():
            try:
                with database.read() as connection:
                    newest = events.newest(connection)
                    happened = last < 0 or _matters(database, last, newest)
                if happened or time.monotonic() - settled >= AGAIN:
                    _settle(directories, stop)
                    settled = time.monotonic()
                    if not ready and not stop.is_set():
                        ready = True
                        on_ready()
                last = newest
            except SQLAlchemyError as exc:
                _log.warning("the database does not answer: %s", exc)
            except (SteadError, OSError) as exc:
                _log.warning("directories.failed", extra={"reason": str(exc)})
            stop.wait(LOOK)


def _matters(database: Database, last: int, newest: int) -> bool:
    while last < newest:
        with database.read() as connection:
            found = events.after(connection, last)
        if not found:
            return False
        if any(one.kind in _MATTERS for one in found):
            return True
        last = found[-1].id
    return False


def _settle(directories: Directories, stop: threading.Event) -> None:
    for one in directories.settle(stop):
        _log.log(
            logging.WARNING if one.failed else logging.INFO,
            "directories.failed" if one.failed else "directories.changed",
            extra={"subject": one.subject, "told": one.told},
        )


@contextlib.contextmanager
def keeping(
    root: str,
    database: Database,
    blobs: Blobs,
    asked: threading.Event,
    context: Context | None = None,
) -> Iterator[None]:
    """Keep a directory current beside what is done in this context, which begins once it is.

    Or once somebody has ``asked`` to stop. Raises as :func:`keep` does.
    """
    stop = threading.Event()
    faults: list[BaseException] = []
    ready = threading.Event()

    def run() -> None:
        try:
            keep(root, database, blobs, stop, ready.set, context=context)
        except SteadError as exc:
            faults.append(exc)
            ready.set()

    thread = threading.Thread(target=run, name="directories")
    thread.start()
    try:
        while not ready.wait(0.1) and not asked.is_set():
            pass
        if faults:
            raise faults[0]
        yield
    finally:
        stop.set()
        thread.join()
