"""What a schema and a database are made of, how large a batch is, and where bad rows go."""

import dataclasses
import json
import sqlite3

import pytest

from etl import WEATHER, Column, Database, InputError, Schema, cli, connect, run


def names(of):
    return [field.name for field in dataclasses.fields(of)]


@pytest.fixture
def database(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/days.sqlite")
    yield database
    database.close()


def test_a_schema_is_made_of_columns():
    assert names(Schema) == ["table", "columns", "key"]
    assert names(Column) == ["name", "type", "low", "high", "choices", "required"]
    assert Column("note").expected() == "note: text"
    assert WEATHER.columns[2] == Column("temp_max", "number", low=-90, high=60)
    assert WEATHER.columns[-1].choices == ("drizzle", "fog", "rain", "snow", "sun")


def test_a_database_says_how_its_sql_differs(database):
    told = ["connection", "begin", "mark", "differs", "lock", "alone", "types", "error"]
    assert names(Database) == told
    assert (database.mark, database.error) == ("?", sqlite3.Error)


def test_a_batch_is_a_transaction_of_500_rows(database, tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("\n".join(["n", *map(str, range(1001))]), encoding="utf-8")
    seen = []
    database.connection.set_trace_callback(seen.append)
    many = Schema("many", (Column("n", "number"),), ("n",))
    assert run(path, database, many).changed == 1001
    batches = [text for text in seen if text.startswith("UPDATE etl_progress")]
    assert [text.split(" = ")[1].split()[0] for text in batches] == ["500", "1000", "1001"]


def test_the_command_hands_on_its_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = []

    def spied(source, database, **options):
        asked.append(options)
        return run(source, database, **options)

    monkeypatch.setattr(cli, "run", spied)
    address = f"sqlite:///{tmp_path}/command.sqlite"
    assert cli.main(["--database", address, "run"]) == 0
    (tmp_path / "bad.csv").write_text("date,wind\n2024-01-01,calm\n", encoding="utf-8")
    words = ["--batch", "7", "--rejects", "bad.jsonl"]
    assert cli.main(["--database", address, "run", "bad.csv", *words]) == 0
    assert asked == [{"batch": 500, "rejects": None}, {"batch": 7, "rejects": "bad.jsonl"}]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rejected"] == 1
    held = json.loads((tmp_path / "bad.jsonl").read_text(encoding="utf-8"))
    assert (held["number"], held["row"]["wind"]) == (1, "calm")


def test_a_source_that_is_not_there_is_one_error(database, tmp_path):
    with pytest.raises(InputError, match="Expected: a CSV or JSON lines file"):
        run(tmp_path / "absent.csv", database)
