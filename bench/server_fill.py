"""Fill the server's database with environments and builds, as quickly as it takes rows.

    python bench/server_fill.py URL --environments 100000 --builds 1000000

The rows are made by the database out of numbers: a minute for a million builds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from sqlalchemy import text

from stead.server.database import counters
from stead.server.database.migrations import upgrade
from stead.server.database.names import bump
from stead.server.database.opening import Database, open_database

if TYPE_CHECKING:
    from stead.testing.databases import PostgresServer

NAMESPACES = 20
SPECIFICATIONS = 1000
WORDS = ("train", "infer", "web", "etl")
AT = "'2026-11-21T00:14:01.817103'"


def numbers(kind: str, last: int) -> str:
    """Give the table ``n(i)`` of the numbers from 1 on."""
    if kind == "postgresql":
        return f"WITH n(i) AS (SELECT generate_series(1, {last}))"
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"


def padded(kind: str, number: str, width: int = 7) -> str:
    """Give a number as text of one width."""
    if kind == "postgresql":
        return f"lpad(CAST({number} AS text), {width}, '0')"
    return f"printf('%0{width}d', {number})"


def fill(database: Database, environments: int, builds: int, namespaces: int = NAMESPACES) -> None:
    """Fill an empty database; each environment's newest build is completed and current."""
    kind = database.dialect
    at_home = f"(1 + i % {namespaces})"
    of = f"(1 + (i - 1) % {environments})"
    word = " ".join(f"WHEN {n} THEN '{each}'" for n, each in enumerate(WORDS))
    failed = f"i <= {builds - environments} AND i % 10 = 0"
    rows = {
        "namespace": (namespaces, {"name": f"'team-' || {padded(kind, 'i')}"}),
        "specification": (
            SPECIFICATIONS,
            {
                "kind": "'conda'",
                "name": "'spec'",
                "spec": "'{}'",
                "text": "''",
                "sha256": padded(kind, "i", 64),
            },
        ),
        "environment": (
            environments,
            {
                "namespace_id": at_home,
                "namespace": f"'team-' || {padded(kind, at_home)}",
                "name": f"'env-' || CASE i % {len(WORDS)} {word} END || '-' || {padded(kind, 'i')}",
                "current_build_id": f"{builds - environments} + i",
                "decided": f"{builds}",
            },
        ),
        "build": (
            builds,
            {
                "environment_id": of,
                "namespace_id": f"(1 + {of} % {namespaces})",
                "specification_id": f"1 + i % {SPECIFICATIONS}",
                "key": padded(kind, "i", 64),
                "status": f"CASE WHEN {failed} THEN 'FAILED' ELSE 'COMPLETED' END",
                "asked": "i",
                "attempt": "1",
                "size": "1000",
                "started_on": AT,
                "ended_on": AT,
            },
        ),
    }
    with database.begin() as connection:
        for table, (last, columns) in rows.items():
            when = "scheduled_on" if table == "build" else "created_on"
            into = {"id": "i", **columns, when: AT}
            statement = (
                f"INSERT INTO {table} ({', '.join(into)}) {numbers(kind, last)} "
                f"SELECT {', '.join(into.values())} FROM n"
            )
            connection.execute(text(statement))
            if kind == "postgresql":
                newest = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})"
                connection.execute(text(newest))
        counters.repair(connection)
        bump(connection)
        if kind == "sqlite":
            connection.execute(text("ANALYZE"))
    if kind == "postgresql":
        with database.engine.connect() as connection:
            plain = connection.execution_options(isolation_level="AUTOCOMMIT")
            plain.execute(text("VACUUM ANALYZE"))


def settled(server: PostgresServer) -> None:
    """Have what was written brought to the disk, which would go on while pages are timed."""
    server.execute("CHECKPOINT")
    os.sync()


def main() -> int:
    """Fill the database named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--environments", type=int, default=100_000)
    parser.add_argument("--builds", type=int, default=1_000_000)
    parser.add_argument("--namespaces", type=int, default=NAMESPACES)
    args = parser.parse_args()
    began = time.monotonic()
    with open_database(args.url) as database:
        upgrade(database)
        fill(database, args.environments, args.builds, args.namespaces)
    print(f"filled in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
