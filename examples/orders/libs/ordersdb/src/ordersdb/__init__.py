"""Where orders are kept: SQLite or PostgreSQL, by DATABASE_URL.

The library reads plain variables: it works wherever they are set, with or without
Stead. Its ``stead.toml`` says which it knows.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sql

_METADATA = sql.MetaData()
_ORDERS = sql.Table(
    "orders",
    _METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("customer", sql.String(200), nullable=False),
    sql.Column("item", sql.String(200), nullable=False),
    sql.Column("cents", sql.Integer, nullable=False),
)


class Store:
    """The orders of one database."""

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        self.kind = engine.dialect.name
        _METADATA.create_all(engine)

    def add(self, customer: str, item: str, cents: int) -> dict:
        """Keep an order; gives it with its number."""
        values = {"customer": customer, "item": item, "cents": cents}
        with self._engine.begin() as connection:
            statement = _ORDERS.insert().values(values).returning(_ORDERS.c.id)
            number = connection.execute(statement).scalar_one()
        return {"id": number, **values}

    def all(self) -> list[dict]:
        """Give every order, the oldest first."""
        with self._engine.connect() as connection:
            found = connection.execute(_ORDERS.select().order_by(_ORDERS.c.id))
            return [dict(row) for row in found.mappings()]


def connect(url: str = "") -> Store:
    """Open the database at ``url``, or the one that the variables name."""
    parsed = sql.make_url(url or os.environ["DATABASE_URL"])
    if parsed.drivername == "sqlite":
        # A path in a URL is percent-encoded; SQLAlchemy takes it as it stands.
        file = Path(unquote(parsed.database or ""))
        file.parent.mkdir(parents=True, exist_ok=True)
        parsed = parsed.set(database=str(file))
    return Store(
        sql.create_engine(
            parsed,
            pool_size=int(os.environ.get("DATABASE_POOL", "5")),
            pool_timeout=_seconds(os.environ.get("DATABASE_TIMEOUT", "5s")),
        )
    )


def _seconds(text: str) -> float:
    """Read a duration as Stead gives it to processes: ``5s``, ``250ms``."""
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text.rstrip("s"))
