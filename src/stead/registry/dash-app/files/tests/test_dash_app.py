import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import date

import pytest

from dash_app import (
    MODES,
    InputError,
    Summary,
    Table,
    application,
    default_table,
    figure,
    read_table,
    summary,
    to_csv,
    view,
)
from dash_app.cli import main

DAYS = tuple(date(2024, month, 1) for month in (1, 2, 3, 4))
TABLE = Table(dates=DAYS, series={"a": (2.0, 4.0, 3.0, 5.0), "b": (None, 0.0, -1.0, None)})


def series(table):
    return dict(table.series)


def test_a_view_is_an_index_of_the_first_value_unless_asked_otherwise():
    assert view(TABLE, ["a"]) == Table(DAYS, {"a": (100.0, 200.0, 150.0, 250.0)})
    assert series(view(TABLE, ["b"], mode="index")) == {"b": (None,) * 4}
    assert list(view(TABLE, ["b", "a"]).series) == ["b", "a"]
    assert MODES == ("index", "level", "change")


def test_a_view_may_be_smoothed():
    smooth = view(TABLE, ["a", "b"], mode="level", smooth=2)
    assert series(smooth) == {"a": (None, 3.0, 3.5, 4.0), "b": (None, None, -0.5, None)}
    assert series(view(TABLE, ["a"], mode="level")) == {"a": TABLE.series["a"]}


def test_a_change_is_relative_to_the_row_before():
    changes = series(view(TABLE, ["a", "b"], mode="change"))
    assert changes["a"] == pytest.approx((None, 100.0, -25.0, 66.6666667), nan_ok=True)
    assert changes["b"] == (None,) * 4


def test_series_are_summed_up():
    assert summary(TABLE) == [
        Summary(name="a", first=2, last=5, low=2, high=5, change=150),
        Summary(name="b", first=0, last=-1, low=-1, high=0, change=None),
    ]
    assert summary(Table(DAYS, {"nothing": (None,) * 4})) == []


def test_a_figure_has_a_line_for_each_series():
    drawn = figure(TABLE, mode="level")
    assert [(line.name, tuple(line.y)) for line in drawn.data] == list(TABLE.series.items())
    assert tuple(drawn.data[0].x) == DAYS
    assert drawn.layout.yaxis.title.text == "value"
    assert figure(TABLE).layout.yaxis.title.text == "first value = 100"


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(to_csv(TABLE), encoding="utf-8")
    assert read_table(path) == TABLE
    path.write_text("when,x\n2023,1\n\n2023-05,\n", encoding="utf-8")
    assert read_table(path) == Table((date(2023, 1, 1), date(2023, 5, 1)), {"x": (1.0, None)})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no rows"),
        (b"date,a\n", "no rows"),
        (b"date\n2024\n", "a name of its own"),
        (b"date,a,a\n2024,1,2\n", "a name of its own"),
        (b"date,a\n2024\n", "line 2: 1 cells"),
        (b"date,a\n2024,1\n2023,1\n", "line 3: the date is '2023'"),
        (b"date,a\n1.1.2024,1\n", "the date is '1.1.2024'"),
        (b"date,a\n2024-13,1\n", "the date is '2024-13'"),
        (b"date,a\n2024,many\n", "line 2: a is 'many'"),
        (b"date,a\n2024,inf\n", "line 2: a is 'inf'"),
        (b"\xff\xfe", "not a CSV file"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error_that_says_what_is_expected(
    tmp_path, content, problem
):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=problem) as raised:
        read_table(tmp_path / "t.csv")
    assert "Expected: a CSV file (UTF-8) with a header row" in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"names": ["c"]}, "one of a, b"),
        ({"mode": "loud"}, "one of index, level, change"),
        ({"smooth": 0}, "at least 1"),
    ],
)
def test_a_view_that_there_is_not_is_one_error(wrong, expected):
    with pytest.raises(InputError, match=f"Expected: .*{expected}"):
        view(TABLE, **{"names": ["a"], **wrong})


def called(client, output, values, changed):
    """What a callback of the app answers to values of the page."""
    inputs = [{"id": part, "property": "value", "value": value} for part, value in values.items()]
    clicks = [{"id": "save", "property": "n_clicks", "value": 1}]
    saving = output == "saved.data"
    asked = {
        "output": output,
        "outputs": [
            dict(zip(("id", "property"), one.split("."), strict=True))
            for one in output.strip(".").split("...")
        ],
        "inputs": clicks if saving else inputs,
        "state": inputs if saving else [],
        "changedPropIds": [changed],
    }
    if saving:
        asked["outputs"] = asked["outputs"][0]
    answer = client.post("/_dash-update-component", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["response"]


def test_the_page_shows_what_is_chosen():
    client = application(TABLE, title="Mine").server.test_client()
    values = {"names": ["a"], "mode": "level", "smooth": 2}
    shown = called(client, "..figure.figure...summary.children..", values, "mode.value")
    (line,) = shown["figure"]["figure"]["data"]
    assert line["y"] == [None, 3.0, 3.5, 4.0]
    text = json.dumps(shown["summary"]["children"])
    assert "+33.3 %" in text
    nothing = {**values, "names": None}
    shown = called(client, "..figure.figure...summary.children..", nothing, "names.value")
    assert shown["figure"]["figure"]["data"] == []


def test_what_is_shown_can_be_saved():
    client = application(TABLE).server.test_client()
    values = {"names": ["b"], "mode": "level", "smooth": 1}
    saved = called(client, "saved.data", values, "save.n_clicks")["saved"]["data"]
    assert saved["content"] == to_csv(view(TABLE, ["b"], mode="level"))
    assert saved["filename"] == "series.csv"


def test_the_page_has_its_title_and_says_that_it_is_well():
    client = application(TABLE, title="Mine").server.test_client()
    assert client.get("/health").get_json() == {"status": "ok", "series": 2, "rows": 4}
    assert "<title>Mine</title>" in client.get("/").text
    layout = client.get("/_dash-layout").text
    assert '"Mine"' in layout
    untitled = application(TABLE).server.test_client().get("/").text
    assert "<title>Series over time</title>" in untitled


def test_the_default_data_is_real():
    table = default_table()
    assert (table.dates[0], table.dates[-1]) == (date(2006, 1, 1), date(2015, 12, 1))
    assert table.series["construction"][0] == 7601
    assert len(table.series) == 22


def test_what_would_be_shown_is_printed(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(to_csv(TABLE), encoding="utf-8")
    assert main(["export", "--data", str(path)]) == 0
    assert capsys.readouterr().out == to_csv(view(TABLE, ["a", "b"]))
    assert main(["export", "--data", str(path), "--mode", "level", "--smooth", "2", "a"]) == 0
    assert capsys.readouterr().out == to_csv(view(TABLE, ["a"], mode="level", smooth=2))
    assert main(["export", "construction"]) == 0
    assert capsys.readouterr().out.startswith("date,construction\n2006-01-01,100.0\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--port", "http"],
        ["run", "--port", "65536"],
        ["run", "--host", "256.0.0.1"],
        ["run", "--data", "absent.csv"],
        ["export", "--smooth", "0"],
        ["export", "absent"],
    ],
)
def test_bad_input_is_one_line_that_says_what_is_expected(arguments, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dash-app: ")
    assert "Expected: " in line


@pytest.mark.parametrize("by", ["option", "variable"])
def test_the_command_serves_where_it_is_told_and_says_nothing_else(by):
    where = {"HOST": "127.0.0.2", "PORT": "0"}
    options = [] if by == "variable" else ["--host", "127.0.0.2", "--port", "0", "--title", "Mine"]
    server = subprocess.Popen(
        [sys.executable, "-m", "dash_app.cli", "run", *options],
        env={**os.environ, **(where if by == "variable" else {"PORT": "no", "HOST": "no"})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.2:")
        with urllib.request.urlopen(address, timeout=30) as answer:
            title = "Mine" if by == "option" else "Series over time"
            assert f"<title>{title}</title>" in answer.read().decode()
    finally:
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    assert (out, err, server.returncode) == ("", "", 0)
