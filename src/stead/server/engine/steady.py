"""Work on the database that waits where the database is away for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SECONDS = 600.0
"""How long a database may be away before a build suffers from it."""


def steadily(work: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """Do work, again where the database did not answer; it must be such that twice is once.

    Raises what the database raised when it does not answer for so long, and at once what is
    no matter of the connection.
    """
    end = time.monotonic() + seconds
    pause = 0.05
    while True:
        try:
            return work()
        except DBAPIError as exc:
            away = exc.connection_invalidated or isinstance(exc, (OperationalError, InterfaceError))
            if not away or time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
