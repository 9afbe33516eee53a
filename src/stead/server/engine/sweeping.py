"""Removing from the artifact store what no build holds any more."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from stead.server.blobs.protocol import BlobError
from stead.server.database import parts

if TYPE_CHECKING:
    import threading

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two looks."""


def sweep(database: Database, blobs: Blobs) -> int:
    """Remove from the artifact store what builds have let go of; gives how many keys went.

    Several may do it at once, and one that ends in the middle is gone on with. Raises BlobError.
    """
    with database.read() as connection:
        keys = parts.to_remove(connection)
    done = []
    try:
        for key in keys:
            blobs.delete(key)
            done.append(key)
    finally:
        if done:
            with database.begin() as connection:
                parts.removed(connection, done)
    return len(done)


def keep_sweeping(database: Database, blobs: Blobs, ended: threading.Event) -> None:
    """Look now and then, until the event is set. What cannot be removed is tried again."""
    while not ended.wait(PAUSE):
        try:
            sweep(database, blobs)
        except (BlobError, SQLAlchemyError) as exc:
            log.warning("what is not needed cannot be removed: %s", exc)
