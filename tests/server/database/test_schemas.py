"""Each schema that was released, kept as text, becomes the newest with all that is in it.

``schemas/NUMBER-DATABASE.sql`` is what the migration of that number makes. A migration that
is changed after its release no longer makes what is kept; the text of a new one is written
here by the first run of the tests.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import warnings
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from stead.server.database import builds, counters, environments, migrations, shares, sources
from stead.server.database.migrations import HEAD, VERSION_TABLE, upgrade, version
from stead.server.database.opening import open_database
from stead.server.database.tables import metadata

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted(
    script.revision for script in ScriptDirectory(migrations.__path__[0]).walk_revisions()
)
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
AT = "2026-11-21T00:14:01.817103"
ROWS = (
    f"INSERT INTO namespace (name, created_on) VALUES ('team', '{AT}')",
    (
        f"INSERT INTO environment (namespace_id, namespace, name, created_on, current_build_id) "
        f"VALUES (1, 'team', 'train', '{AT}', 1)"
    ),
    (
        f"INSERT INTO specification (kind, name, spec, text, sha256, created_on) "
        f"VALUES ('conda', 'train', '{{}}', '', 'a', '{AT}')"
    ),
    (
        f"INSERT INTO build (environment_id, namespace_id, specification_id, key, status, size, "
        f"scheduled_on) VALUES (1, 1, 1, 'k', 'COMPLETED', 7, '{AT}')"
    ),
    "INSERT INTO counter (namespace_id, status, builds, bytes) VALUES (1, 'COMPLETED', 1, 7)",
    "INSERT INTO counter (namespace_id, status, environments) VALUES (1, '', 1)",
    "INSERT INTO build_block (block, builds) VALUES (0, 1)",
    "INSERT INTO revision (name, number) VALUES ('names', 1)",
)

PARTS = (
    (
        "INSERT INTO part (id, sha256, size, packed) VALUES (1, 'a', 50, 20), (2, 'b', 60, 30), "
        "(3, 'c', 70, NULL)"
    ),
    (
        f"INSERT INTO build (id, environment_id, namespace_id, specification_id, key, status, size, "
        f"scheduled_on) VALUES (8, 1, 1, 1, 'l', 'COMPLETED', 500, '{AT}'), "
        f"(9, 1, 1, 1, 'm', 'COMPLETED', 600, '{AT}')"
    ),
    "INSERT INTO build_part (build_id, part_id) VALUES (8, 1), (8, 2), (9, 2), (9, 3)",
    "UPDATE counter SET builds = builds + 2, bytes = bytes + 1100 WHERE status = 'COMPLETED'",
    "UPDATE build_block SET builds = builds + 2",
)
"""Two builds that share a part, each of which counted with all of its size once."""

SOURCE = (
    "INSERT INTO source (namespace_id, kind, location, state) VALUES (1, 'watch', '{}', '"
    '{"commit":"c0ffee","files":{"b.yml":{"gone": true},"é/a.yml":{"name":"a","build": 1}}}\')'
)
"""As it stood until files had a table."""

_numbers = itertools.count()


@pytest.fixture
def empty(request, kind, tmp_path):
    """A database without tables."""
    if kind == "sqlite":
        with open_database(f"sqlite:///{tmp_path}/empty.sqlite") as database:
            yield database
        return
    server = request.getfixturevalue("postgresql")
    name = f"schema_{os.getpid()}_{next(_numbers)}"
    with open_database(server.create(name)) as database:
        yield database
    server.drop(name)


def schema_of(database) -> str:
    """Write what makes a database's tables."""
    if database.dialect == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE :inner"
        with database.read() as connection:
            values = {"inner": "environment\\_search\\_%"}
            found = connection.execute(text(f"{query} ESCAPE '\\' AND name NOT LIKE 'sqlite%' "
                                            "OR type = 'trigger' ORDER BY rowid"), values)  # fmt: skip
            lines = "".join(f"{sql.strip()};\n" for (sql,) in found).splitlines()
            return "".join(f"{line.rstrip()}\n" for line in lines)
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    dumped = subprocess.run(
        ["pg_dump", "-s", "-O", "-x", url], capture_output=True, text=True, check=True
    ).stdout
    # What depends on the version of pg_dump is left out, and names are told with their schema.
    noise = ("--", "SET ", "SELECT pg_catalog", "\\", "COMMENT ON EXTENSION")
    return "".join(f"{x}\n" for x in dumped.splitlines() if x.strip() and not x.startswith(noise))


def run(database, script: str) -> None:
    """Run what is kept."""
    connection = database.engine.raw_connection()
    if database.dialect == "sqlite":
        connection.driver_connection.executescript(script)
    else:
        connection.driver_connection.execute(script)
        connection.commit()
    connection.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", RELEASED)
def test_a_released_migration_still_makes_what_it_made(empty, kind, number):
    upgrade(empty, number)
    kept = SCHEMAS / f"{number}-{kind}.sql"
    if not kept.exists():
        kept.write_text(schema_of(empty), "utf-8")
        pytest.fail(f"{kept.name} is written now, because it was missing: commit it")
    assert schema_of(empty) == kept.read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", RELEASED)
def test_a_released_schema_becomes_the_newest_with_what_is_in_it(empty, kind, number):
    run(empty, (SCHEMAS / f"{number}-{kind}.sql").read_text("utf-8"))
    with empty.begin() as connection:
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES ('{number}')"))
        for statement in (*ROWS, *((SOURCE,) if number < "0004" else ())):
            connection.execute(text(statement))
    assert version(empty) == number
    upgrade(empty)
    assert version(empty) == HEAD
    with empty.read() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {
            "version_table": VERSION_TABLE,
            "include_name": lambda name, *_: not str(name).startswith("environment_search"),
        }
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
        assert counters.stored(connection) == counters.recount(connection)
        kept = sources.listed(connection)
        assert len(kept) == (number < "0004")
        for source in kept:
            assert source.state == {"commit": "c0ffee"}
            assert sources.files(connection, source.id) == {
                "b.yml": {"gone": ""},
                "é/a.yml": {"name": "a", "build": 1},
            }
    # SQLite cannot tell which expressions an index is over.
    unsure = "build_waiting" if kind == "sqlite" else ""
    assert [d for d in differences if getattr(d[1], "name", None) != unsure] == []
    (found,) = environments.page(empty, search="rai").items
    assert (found.namespace, found.name, found.current_build_id) == ("team", "train", 1)
    assert environments.page(empty, search="rai", by_name=True).items == (found,)
    assert [build.size for build in builds.page(empty).items] == [7]


@pytest.mark.parametrize("kind", KINDS)
def test_what_builds_shared_before_counts_once_after(empty, kind):
    run(empty, (SCHEMAS / f"0002-{kind}.sql").read_text("utf-8"))
    with empty.begin() as connection:
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES ('0002')"))
        for statement in (*ROWS, *PARTS):
            connection.execute(text(statement))
    upgrade(empty)
    with empty.begin() as connection:
        assert shares.stored(connection) == {(1, 1): 1, (1, 2): 2, (1, 3): 1}
        assert shares.stored(connection) == shares.recount(connection)
        assert counters.stored(connection) == counters.recount(connection)
        assert counters.usage(connection)["team"].bytes == 7 + 20 + 30
        builds.delete(connection, 8, AT)
        assert counters.usage(connection)["team"].bytes == 7 + 30
