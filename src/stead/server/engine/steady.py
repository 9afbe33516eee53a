"""Work on the database that waits where the database is away for a while."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

T = TypeVar("T")

SECONDS = 600.0
"""How long a database may be away before a build suffers from it."""

_AWAY = (
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
OUTAGES = ("OperationalError", "InterfaceError")
"""What DBOS calls them where it wrote one down."""


def is_away(error: BaseException) -> bool:
    """Say whether an error is the database's not answering, and no fault of what was asked."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, _AWAY)


def connect_steadily(engine: Engine, ended: threading.Event) -> None:
    """Have DBOS, whose engine this is, wait for PostgreSQL as everything here does, until ``ended``.

    By itself it waits for what it knows by its words, a minute and more between two looks;
    psycopg has other words for a socket that is not there, and what DBOS was at fails then.
    """
    if engine.dialect.name == "sqlite":
        return

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: Any, options: Any) -> DBAPIConnection:
        return steadily(lambda: dialect.connect(*arguments, **options), ended=ended)


def steadily(
    work: Callable[[], T], *, seconds: float = SECONDS, ended: threading.Event | None = None
) -> T:
    """Do work, again where the database did not answer; it must be such that twice is once.

    Raises what the database raised when it does not answer for so long, or ``ended`` is set,
    and at once what is no matter of the connection.
    """
    ended = ended or threading.Event()
    end = time.monotonic() + seconds
    pause = 0.05
    while True:
        try:
            return work()
        except Exception as exc:
            if not is_away(exc) or time.monotonic() + pause > end or ended.wait(pause):
                raise
        pause = min(2 * pause, 2.0)
