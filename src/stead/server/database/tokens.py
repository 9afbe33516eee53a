"""Tokens: of each only the digest is kept; the token itself is shown once."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import or_, select

from stead.server.database.tables import token as table
from stead.server.values import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Row

    from stead.server.database.opening import Database
    from stead.server.values import Moment

PREFIX = "stead_"
"""What tokens begin with, so that those who look for lost secrets know one."""


def digest(secret: str) -> str:
    """Give what is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    connection: Connection,
    name: str,
    now: Moment,
    *,
    who: str,
    grants: Mapping[str, Iterable[str]],
    expires_on: Moment | None = None,
) -> tuple[str, Token]:
    """Make a token: the secret, which cannot be had again, and its row."""
    secret = PREFIX + secrets.token_urlsafe(32)
    given = {glob: tuple(roles) for glob, roles in grants.items()}
    values = {
        "sha256": digest(secret),
        "name": name,
        "who": who,
        "grants": orjson.dumps(given).decode(),
        "created_on": now,
        "expires_on": expires_on,
    }
    made = connection.execute(table.insert().returning(table.c.id), values).scalar_one()
    return secret, Token(made, digest(secret), name, who, given, now, expires_on)


def find(connection: Connection, secret: str, now: Moment) -> Token | None:
    """Give the row of a token that is valid; None for one unknown, expired or revoked."""
    query = select(table).where(
        table.c.sha256 == digest(secret),
        table.c.revoked_on.is_(None),
        or_(table.c.expires_on.is_(None), table.c.expires_on > now),
    )
    row = connection.execute(query).first()
    return None if row is None else _token(row)


_VALID = (
    "SELECT id, sha256, name, who, grants, created_on, expires_on, revoked_on FROM token "
    "WHERE sha256 = :sha256 AND revoked_on IS NULL AND (expires_on IS NULL OR expires_on > :now)"
)


def valid(database: Database, secret: str) -> Token | None:
    """Do what :func:`find` does, without a transaction: for each request that comes."""
    rows = database.reader.rows(_VALID, {"sha256": digest(secret), "now": database.now()})
    if not rows:
        return None
    found, kept, name, who, grants, *moments = rows[0]
    given = {glob: tuple(roles) for glob, roles in orjson.loads(grants).items()}
    return Token(found, kept, name, who, given, *moments)


def revoke(connection: Connection, token_id: int, now: Moment) -> bool:
    """End a token; False where it was not valid any more."""
    statement = (
        table.update()
        .where(table.c.id == token_id, table.c.revoked_on.is_(None))
        .values(revoked_on=now)
    )
    return bool(connection.execute(statement).rowcount)


def is_last(connection: Connection, one: Token, now: Moment) -> bool:
    """Say whether no other valid token has all rights for as long as this one, which has them."""

    def lasts(other: Token) -> bool:
        if other.expires_on is None:
            return True
        return other.expires_on > now and other.expires_on >= (one.expires_on or "~")

    return _has_all(one) and not any(
        other.id != one.id and other.revoked_on is None and _has_all(other) and lasts(other)
        for other in listed(connection)
    )


def _has_all(one: Token) -> bool:
    return "admin" in one.grants.get("*/*", ())


def listed(connection: Connection, who: str | None = None) -> tuple[Token, ...]:
    """Give all tokens, or somebody's."""
    query = select(table).order_by(table.c.id)
    if who is not None:
        query = query.where(table.c.who == who)
    return tuple(map(_token, connection.execute(query)))


def _token(row: Row[Any]) -> Token:
    grants = {glob: tuple(roles) for glob, roles in orjson.loads(row.grants).items()}
    return Token(
        row.id,
        row.sha256,
        row.name,
        row.who,
        grants,
        row.created_on,
        row.expires_on,
        row.revoked_on,
    )
