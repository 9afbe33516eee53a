from __future__ import annotations

import warnings

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from stead.server.database import migrations
from stead.server.database.migrations import HEAD, VERSION_TABLE, upgrade, version
from stead.server.database.opening import open_database
from stead.server.database.tables import metadata
from stead.server.values import ServerError


def test_the_migrations_make_the_tables_that_the_code_knows(database):
    options = {
        "version_table": VERSION_TABLE,
        # What SQLite's search consists of is its own.
        "include_name": lambda name, kind, _: not str(name).startswith("environment_search"),
    }
    with database.read() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    # SQLite cannot tell which expressions an index is over.
    unsure = "build_waiting" if database.dialect == "sqlite" else ""
    assert [d for d in differences if getattr(d[1], "name", None) != unsure] == []


def test_the_newest_migration_is_the_one_named():
    assert ScriptDirectory(migrations.__path__[0]).get_heads() == [HEAD]


def test_a_database_that_is_up_to_date_is_left_alone(database, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "alembic", None)
    upgrade(database)
    assert version(database) == HEAD


def test_an_empty_file_becomes_a_database(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/new.sqlite") as database:
        assert version(database) is None
        upgrade(database)
        assert version(database) == HEAD


def test_a_database_of_a_newer_version_is_refused(database):
    with database.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(ServerError, match="another version"):
        upgrade(database)


@pytest.mark.parametrize(
    "url", ["sqlite://", "mysql://x/y", "postgresql://h:abc/x", "no url", "sqlite:///:memory:"]
)
def test_what_is_no_database_for_several_processes_is_refused(url):
    with pytest.raises(ServerError):
        open_database(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ann:hidden@127.0.0.1:1/x", "Connection refused"),
        ("sqlite:////nowhere/at/all.sqlite", "unable to open"),
        ("sqlite:///{here}/text", "not a database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_with_the_reason(tmp_path, url, says):
    (tmp_path / "text").write_text("no database, and long enough to tell" * 100)
    with (
        open_database(url.format(here=tmp_path)) as database,
        pytest.raises(ServerError, match=says) as caught,
    ):
        upgrade(database)
    assert str(caught.value.where).startswith(url.partition(":")[0])
    assert "hidden" not in f"{caught.value}{caught.value.where}"


def test_what_is_read_is_not_written(database):
    statement = text("INSERT INTO channel (name) VALUES ('c')")
    with database.read() as connection, pytest.raises(DatabaseError, match=r"(?i)read-?only"):
        connection.execute(statement)
