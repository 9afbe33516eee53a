"""What every part of the server is given: one frozen bundle, and no globals."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from stead.server.blobs.store import open_blobs
from stead.server.database import namespaces, tokens
from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database, take_turn
from stead.server.engine.queue import BuildQueue, migrate
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection

    from stead.server.blobs.protocol import Blobs
    from stead.server.config import ServerConfig
    from stead.server.database.opening import Database
    from stead.server.database.queue import Enqueue

DEFAULT_NAMESPACE = "default"
ADMIN = "admin"
"""The name of whoever holds the first token."""


@dataclass(frozen=True, slots=True)
class Services:
    """Configuration, database, the queue that admitted builds go to, and the artifact store."""

    config: ServerConfig
    database: Database
    queue: Enqueue
    blobs: Blobs


@contextlib.contextmanager
def open_services(config: ServerConfig, secrets: Mapping[str, str]) -> Iterator[Services]:
    """Open everything a server needs, with the database brought up to date.

    ``secrets`` has the value of each of ``config.secrets()``. Raises SteadError.
    """
    try:
        os.makedirs(config.data, mode=0o700, exist_ok=True)
    except OSError as exc:
        raise StoreError(
            f"the data directory cannot be made: {exc.strerror}",
            where=config.data,
            remedy="give another one with --data",
        ) from exc
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(open_database(database_url(config, secrets)))
        upgrade(database)
        migrate(database)
        queue = BuildQueue(database)
        stack.callback(queue.close)
        with database.begin() as connection:
            namespaces.ensure(connection, DEFAULT_NAMESPACE, database.now())
        yield Services(
            config, database, queue, open_blobs(config.blobs, blob_options(config, secrets))
        )


def database_url(config: ServerConfig, secrets: Mapping[str, str]) -> str:
    """Give the database's URL with its password."""
    password = secrets.get("database_password")
    if not password:
        return config.database
    return make_url(config.database).set(password=password).render_as_string(hide_password=False)


def blob_options(config: ServerConfig, secrets: Mapping[str, str]) -> dict[str, str]:
    """Give the artifact store's options, with what they refer to."""
    return {
        name: secrets.get(f"blob_options.{name}", text)
        for name, text in config.blob_options.items()
    }


def first_token(services: Services, told: Callable[[str], None] | None = None) -> str | None:
    """Make the administrator's token where there is none of any kind yet; else give None.

    Two servers that start at once on one database make one token together. It counts only
    once ``told``, where there is one, was called with it: one that nobody was told would be lost.
    """
    with services.database.begin() as connection:
        # Whoever comes second sees what the first has made.
        take_turn(connection)
        if tokens.listed(connection):
            return None
        secret = _create(services.database, connection)
        if told is not None:
            told(secret)
    return secret


def another_token(database: Database) -> str:
    """Make one more token with all rights: for whoever runs the server, and has lost theirs."""
    with database.begin() as connection:
        take_turn(connection)
        return _create(database, connection)


def _create(database: Database, connection: Connection) -> str:
    now = database.now()
    secret, _ = tokens.create(connection, ADMIN, now, who=ADMIN, grants={"*/*": ("admin",)})
    return secret
