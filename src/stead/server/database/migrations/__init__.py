"""Bringing a database to the tables of this version, step by step.

Each released schema stays reachable: a migration that was released is never
changed, only followed by another (``versions/``, in order of their numbers).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, DBAPIError

from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from stead.server.database.opening import Database

HEAD = "0004"
"""The newest migration."""

VERSION_TABLE = "schema_version"

_LOCK = 0x73746D67


def upgrade(database: Database, target: str = "head") -> None:
    """Bring the tables up to date; does nothing, quickly, where they are.

    Servers that start at once wait for one another. Raises :class:`ServerError`
    where the database was made by a newer version, or cannot be used.
    """
    if target == "head" and version(database) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", os.path.dirname(__file__).replace("%", "%%"))
    with _told(database), database.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, target)
        except CommandError as exc:
            raise ServerError(
                "the database was made by another version of Stead",
                details=(str(exc),),
                remedy="start the server with the version that made it, or a newer one",
            ) from exc


@contextlib.contextmanager
def _told(database: Database) -> Iterator[None]:
    """Say of a database that cannot be used which one it is and why."""
    try:
        yield
    except DBAPIError as exc:
        reason = str(exc.orig).strip().partition("\n")[0]
        raise ServerError(
            f"the database cannot be used: {reason}",
            where=database.engine.url.render_as_string(hide_password=True),
            remedy="see that it answers, and that the server may make tables in it",
        ) from exc


def version(database: Database) -> str | None:
    """Tell the migration at which the tables stand; None where there are none."""
    try:
        with database.read() as connection:
            return _version(connection)
    except DatabaseError:
        return None


def _version(connection: Connection) -> str | None:
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).first()  # noqa: S608
    return None if row is None else str(row[0])
