import gzip
import json
import os
import uuid

import pytest

from etl import (
    WEATHER,
    Column,
    Database,
    InputError,
    Report,
    Schema,
    connect,
    extract,
    load,
    run,
    transform,
)
from etl.cli import main

DAY = {
    "date": "2024-02-29", "precipitation": "1.5", "temp_max": "9", "temp_min": "-2.5",
    "wind": "3", "weather": "rain",
}  # fmt: skip
ROW = ("2024-02-29", 1.5, 9.0, -2.5, 3.0, "rain")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database. That of TEST_DATABASE_URL is used for PostgreSQL: a schema of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.sqlite"
        return
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL database")
    import psycopg

    name = f"etl_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def database(url):
    database = connect(url)
    yield database
    database.close()


def held(database, query='SELECT * FROM "weather" ORDER BY 1'):
    with database.transaction() as cursor:
        cursor.execute(query)
        return [tuple(str(one) if i == 0 else one for i, one in enumerate(row)) for row in cursor]


def days(path, count, **changes):
    rows = [{**DAY, "date": f"2024-01-{day + 1:02}", **changes} for day in range(count)]
    path.write_text("\n".join(",".join(row) for row in (DAY, *(row.values() for row in rows))))
    return path


def test_a_row_is_checked_and_typed():
    assert transform(DAY, schema=WEATHER) == ROW


@pytest.mark.parametrize(
    "change",
    [
        {"date": "29.2.2024"}, {"date": "2023-02-29"}, {"wind": ""}, {"wind": "strong"},
        {"wind": "-1"}, {"wind": "nan"}, {"wind": "1_0"}, {"weather": "hail"}, {"colour": "grey"},
    ],
)  # fmt: skip
def test_a_bad_row_is_one_error_that_names_the_columns(change):
    with pytest.raises(InputError) as raised:
        transform({**DAY, **change}, WEATHER)
    assert next(iter(change)) in str(raised.value)
    assert "wind: a number from 0 to 120; weather: one of drizzle, fog" in str(raised.value)


def test_a_schema_may_be_any(database, tmp_path):
    schema = Schema(
        table="order",
        columns=(Column("id", "number", low=1), Column("note", required=False)),
        key=("id",),
    )
    path = tmp_path / "orders.jsonl"
    path.write_text('{"id": 1, "note": "ünï \\u0027"}\n\n{"id": 2}\n', encoding="utf-8")
    assert run(path, database, schema).changed == 2
    assert held(database, 'SELECT note, id FROM "order" ORDER BY 2') == [
        ("ünï '", 1.0),
        ("None", 2.0),
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.ndjson.gz"])
def test_rows_are_read_from_either_form(tmp_path, name):
    path = tmp_path / name
    text = json.dumps(DAY) if "json" in name else f"{','.join(DAY)}\n{','.join(DAY.values())}\n"
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as stream:
        stream.write(text)
    assert list(extract(path)) == [DAY]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.csv", None),
        ("a.jsonl", b"{"),
        ("a.jsonl", b"[1]"),
        ("a.csv", b"date\n\xff"),
        ("a.csv", b'date\n"open'),
        ("a.csv", b"date,date\n1,2\n"),
        ("a.csv.gz", b"no gzip"),
    ],
)
def test_a_source_that_is_neither_is_one_error(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="Expected: "):
        list(extract(tmp_path / name))


def test_the_default_data_is_loaded_and_loading_it_again_changes_nothing(url, capsys):
    assert main(["--database", url, "run"]) == 0
    first = Report(**json.loads(capsys.readouterr().out))
    assert first == Report(read=1461, rejected=0, resumed=0, changed=1461)
    assert main(["--database", url, "run", "--batch", "7"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 0


def test_what_changed_is_brought_up_to_date(database, tmp_path):
    run(days(tmp_path / "a.csv", 5), database)
    assert run(days(tmp_path / "b.csv", 6, wind="4"), database).changed == 6
    assert [row[4] for row in held(database)] == [4.0] * 6


def test_one_bad_row_loads_nothing_unless_it_is_set_aside(database, tmp_path):
    path = days(tmp_path / "a.csv", 5)
    path.write_text(path.read_text() + "\n2024-02-01,1,2\n2024-02-02,1,2,1,1,sun", encoding="utf-8")
    with pytest.raises(InputError, match=r"row 6: wind is ''|row 6: temp_min is ''"):
        run(path, database)
    aside = tmp_path / "bad.jsonl"
    assert run(path, database, rejects=aside) == Report(7, 1, 0, 6)
    (one,) = map(json.loads, aside.read_text(encoding="utf-8").splitlines())
    assert (one["number"], one["row"]["date"]) == (6, "2024-02-01")
    assert len(held(database)) == 6


def test_a_load_that_was_cut_goes_on_where_it_stopped(database, tmp_path, monkeypatch):
    path = days(tmp_path / "a.csv", 25)
    real, calls = load, []

    def cut(*arguments, **named):
        calls.append(named["end"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr("etl.main.load", cut)
    with pytest.raises(KeyboardInterrupt):
        run(path, database, batch=10)
    assert len(held(database)) == 10
    assert run(path, database, batch=10) == Report(read=25, rejected=0, resumed=10, changed=15)
    assert calls == [10, 20, 20, 25]


def test_a_batch_holds_whole_or_not_at_all(database, tmp_path):
    run(days(tmp_path / "a.csv", 2), database)
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO etl_progress VALUES ('s', 0)")
    with pytest.raises(InputError, match="The database refuses"):
        load(database, WEATHER, [(1, ROW), (2, (None, *ROW[1:]))], source="s", end=2)
    assert len(held(database)) == 2
    assert load(database, WEATHER, [(1, ROW), (2, ROW)], source="s", end=2) == 1
    assert load(database, WEATHER, [(2, ROW)], source="s", end=2) == 0


def test_a_database_that_cannot_be_used_is_one_error_without_the_password(tmp_path):
    (tmp_path / "no.sqlite").write_text("no database at all, as anyone can see", encoding="utf-8")
    for url in (
        "mysql://u:geheim@host/db",
        "sqlite:///",
        "geheim",
        f"sqlite:///{tmp_path}/absent/a.sqlite",
        f"sqlite:///{tmp_path}/no.sqlite",
        "postgresql://u:geheim@127.0.0.1:1/db",
        "postgresql://u:geheim%zz@127.0.0.1:1/db",
    ):
        with pytest.raises(InputError, match="Expected: sqlite:///FILE or postgresql:") as raised:
            connect(url)
        assert "geheim" not in str(raised.value)


def test_an_open_database_can_be_closed(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/a.sqlite")
    assert isinstance(database, Database)
    database.close()
    with pytest.raises(InputError), database.transaction():
        pass


@pytest.mark.parametrize(
    "arguments",
    [["run", "absent.csv"], ["run", "--batch", "0"], ["--database", "x://", "run"]],
)
def test_bad_input_is_one_line_that_says_what_is_expected(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("etl: ")
    assert "Expected: " in line


def test_the_expected_columns_are_told(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out.startswith("Expected: date: a date, YYYY-MM-DD; precipitation")
