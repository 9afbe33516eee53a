"""What others may rely on: the functions, their results, the command, and what a kill leaves.

Known numbers of the quarters were computed with pandas 3 (describe).
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import batch
from batch import InputError
from batch.cli import main

WORKS = """
import json, os, time

def size(path):
    return os.path.getsize(path)

def picky(path):
    if "bad" in path:
        raise ValueError("bad content")
    return 1

def deadly(path):
    if "bad" in path:
        os._exit(3)
    return 1

def nothing_json_can_hold(path):
    return {1, 2}

def slow(path):
    at = time.time()
    time.sleep(0.2)
    return [at, time.time()]

def very_slow(path):
    if not path.endswith("0.txt"):
        time.sleep(600)
    return 1
"""


@pytest.fixture
def works(tmp_path, monkeypatch):
    """A module of works, which processes can import."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "some_works.py").write_text(WORKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    import some_works

    yield some_works
    del sys.modules["some_works"]


def make(directory, names, content="x"):
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text(content, encoding="utf-8")
    return [str(directory / name) for name in names]


def names(of: type) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]


def test_names_that_others_may_use():
    assert sorted(batch.__all__) == [
        "Failure",
        "InputError",
        "Report",
        "example",
        "inputs",
        "read_result",
        "run",
        "summarise",
    ]
    assert all(hasattr(batch, name) for name in batch.__all__)
    assert names(batch.Report) == ["done", "skipped", "failed"]
    assert names(batch.Failure) == ["input", "error"]


def test_a_summary_is_that_of_other_programs():
    found = batch.summarise(f"{batch.example()}/1960s.csv")
    assert found["rows"] == 40
    assert list(found["columns"]) == [
        "year",
        "quarter",
        "gdp",
        "consumption",
        "cpi",
        "unemployment",
    ]
    gdp = found["columns"]["gdp"]
    assert list(gdp) == ["count", "mean", "deviation", "low", "high"]
    expected = {"count": 40, "mean": 3519.240925, "deviation": 497.664923}
    assert gdp == pytest.approx({**expected, "low": 2802.616, "high": 4283.378})


def test_what_a_summary_leaves_out(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,x,\n,2,\n3,4,\n", encoding="utf-8")
    found = batch.summarise(str(path))
    assert found["rows"] == 3
    assert list(found["columns"]) == ["a"], "words, and nothing, have no mean"
    assert found["columns"]["a"]["count"] == 2
    assert found["columns"]["a"]["deviation"] == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b"a,b\n1\n", "line 2 has 1 cells"), (b"a\n\xff\n", "cannot be read")],
)
def test_a_file_that_is_no_table_is_one_error(tmp_path, content, told):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as raised:
        batch.summarise(str(path))
    assert "Expected: CSV files" in str(raised.value)
    with pytest.raises(InputError, match="Expected: CSV files"):
        batch.summarise(str(tmp_path / "absent.csv"))


def test_inputs_are_the_files_that_fit(tmp_path):
    make(tmp_path / "in", ["b.csv", "a.csv", "c.txt"])
    (tmp_path / "in" / "d.csv").mkdir()
    found = batch.inputs(str(tmp_path / "in"))
    assert [os.path.basename(path) for path in found] == ["a.csv", "b.csv"]
    assert len(batch.inputs(str(tmp_path / "in"), pattern="*.txt")) == 1
    assert len(batch.inputs(batch.example())) == 6
    for wrong in (str(tmp_path / "absent"), str(tmp_path)):
        with pytest.raises(InputError, match="Expected: a directory with at least one file"):
            batch.inputs(wrong)


def test_each_input_has_an_output_and_a_second_run_does_nothing(tmp_path, works):
    paths = make(tmp_path / "in", ["a.txt", "b.txt"])
    out = str(tmp_path / "out")
    report = batch.run(paths, out, work=works.size, workers=2)
    assert report == batch.Report(("a.txt", "b.txt"), (), ())
    assert batch.read_result(f"{out}/a.txt.json") == 1
    before = os.stat(f"{out}/a.txt.json").st_mtime_ns
    assert batch.run(paths, out, work=works.size) == batch.Report((), ("a.txt", "b.txt"), ())
    assert os.stat(f"{out}/a.txt.json").st_mtime_ns == before


def test_what_changed_is_made_anew(tmp_path, works):
    paths = make(tmp_path / "in", ["a.txt", "b.txt", "c.txt"])
    out = tmp_path / "out"
    batch.run(paths, str(out), work=works.size, version="1")
    Path(paths[0]).write_text("longer", encoding="utf-8")
    (out / "b.txt.json").write_text('{"key": "1:', encoding="utf-8")
    report = batch.run(paths, str(out), work=works.size, version="1")
    assert (report.done, report.skipped) == (("a.txt", "b.txt"), ("c.txt",))
    assert batch.read_result(str(out / "a.txt.json")) == 6
    assert batch.run(paths, str(out), work=works.size, version="2").skipped == ()


def test_there_are_as_many_workers_as_processors_unless_told(tmp_path, works, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "cpu_count", lambda: asked.append(1) or 1)
    paths = make(tmp_path / "in", ["a.txt"])
    batch.run(paths, str(tmp_path / "out"), work=works.size, workers=1)
    assert not asked
    batch.run(paths, str(tmp_path / "out"), work=works.size)
    assert asked


def test_the_work_and_its_version_are_those_of_this_module(tmp_path):
    paths = [f"{batch.example()}/1950s.csv"]
    assert batch.run(paths, str(tmp_path), workers=1).done == ("1950s.csv",)
    assert batch.read_result(str(tmp_path / "1950s.csv.json")) == batch.summarise(paths[0])
    usual = {"work": batch.summarise, "version": "1", "workers": 0}
    assert batch.run(paths, str(tmp_path), **usual).skipped == ("1950s.csv",)


def test_what_fails_does_not_stop_the_others(tmp_path, works):
    paths = make(tmp_path / "in", ["a.txt", "bad.txt", "c.txt"])
    report = batch.run(paths, str(tmp_path / "out"), work=works.picky, workers=1)
    assert (report.done, report.skipped) == (("a.txt", "c.txt"), ())
    assert report.failed == (batch.Failure("bad.txt", "bad content"),)
    assert not (tmp_path / "out" / "bad.txt.json").exists()
    held = batch.run(paths[:1], str(tmp_path / "held"), work=works.nothing_json_can_hold)
    assert "not JSON serializable" in held.failed[0].error
    assert os.listdir(tmp_path / "held") == [".lock"]
    gone = batch.run([*paths[:1], "absent.txt"], str(tmp_path / "out"), work=works.picky)
    assert (gone.skipped, gone.failed[0].input) == (("a.txt",), "absent.txt")


def test_a_worker_that_dies_is_a_failure_and_the_next_run_goes_on(tmp_path, works):
    paths = make(tmp_path / "in", ["a.txt", "bad.txt"])
    report = batch.run(paths, str(tmp_path / "out"), work=works.deadly, workers=1)
    assert report.failed[-1].input == "bad.txt"
    assert "process ended" in report.failed[-1].error
    again = batch.run(paths[:1], str(tmp_path / "out"), work=works.deadly, workers=1)
    assert again.failed == ()


def test_no_more_work_at_a_time_than_there_are_workers(tmp_path, works):
    paths = make(tmp_path / "in", [f"{n}.txt" for n in range(8)])
    out = tmp_path / "out"
    assert len(batch.run(paths, str(out), work=works.slow, workers=2).done) == 8
    spans = [batch.read_result(str(path)) for path in out.glob("*.json")]
    for start, _ in spans:
        assert sum(begin <= start < end for begin, end in spans) <= 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_that_was_killed_leaves_whole_outputs_and_ends_its_workers(tmp_path, works):
    paths = make(tmp_path / "in", [f"{n}.txt" for n in range(3)])
    out = tmp_path / "out"
    code = "import sys, batch, some_works as w; batch.run(sys.argv[2:], sys.argv[1], "
    code += "work=w.very_slow, workers=2)"
    path = os.pathsep.join([str(tmp_path / "lib"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", code, str(out), *paths],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
    ) as run:
        while not (out / "0.txt.json").exists():
            assert run.poll() is None
            time.sleep(0.02)
        with pytest.raises(InputError, match="another run is at work"):
            batch.run(paths, str(out), work=works.picky)
        run.send_signal(signal.SIGKILL)
        # The workers have it open as well: it ends when they have.
        assert select.select([run.stdout], [], [], 60)[0]
        assert run.stdout.read() == b""
    (out / "1.txt.json.77.part").write_text("{", encoding="utf-8")
    report = batch.run(paths, str(out), work=works.picky)
    assert (report.done, report.skipped) == (("1.txt", "2.txt"), ("0.txt",))
    assert sorted(os.listdir(out)) == [".lock", *(f"{n}.txt.json" for n in range(3))]


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["done"] == [f"{decade}s.csv" for decade in range(1950, 2010, 10)]
    assert len(list(Path("batch-output").glob("*.json"))) == 6
    make(tmp_path / "in", ["a.txt", "b.csv"], content="n\n1\n")
    words = ["--pattern", "*.txt", "--output", "there", "--workers", "1"]
    assert main(["run", "in", *words]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == ["a.txt"]
    assert batch.read_result("there/a.txt.json")["rows"] == 1
    assert main(["run", "in", "--output", "csv"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == ["b.csv"]


def test_options_reach_the_run(tmp_path, monkeypatch, capsys):
    from batch import cli

    seen = []
    monkeypatch.setattr(
        cli, "run", lambda paths, out, *, workers: seen.append(workers) or batch.Report((), (), ())
    )
    assert main(["run", "--workers", "3"]) == 0
    assert main(["run"]) == 0
    assert seen == [3, 0]


def test_the_exit_code_says_that_some_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "in", ["a.csv"], content="")
    assert main(["run", "in"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"] == [
        {
            "input": "a.csv",
            "error": "it is empty. Expected: CSV files (UTF-8, comma) with a header line"
            " and rows as long as it",
        }
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["absent"], "absent cannot be read"),
        (["empty"], "has no file that fits *.csv"),
        (["in", "--workers", "-1"], "-1 workers"),
        (["in", "--output", "in/a.csv"], "cannot be written"),
    ],
)
def test_bad_input_is_one_error_that_names_what_is_expected(
    words, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "in", ["a.csv"])
    (tmp_path / "empty").mkdir()
    assert main(["run", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("batch: ")
    assert err.count("\n") == 1
    assert told in err
    assert "Expected: a directory with at least one file" in err


def test_functions_raise_one_class_for_what_they_cannot_use(tmp_path):
    paths = make(tmp_path / "a", ["x.csv"]) + make(tmp_path / "b", ["x.csv"])
    with pytest.raises(InputError, match="two inputs have the name"):
        batch.run(paths, str(tmp_path / "out"))
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    for wrong in ("absent.json", "other.json", "a/x.csv"):
        with pytest.raises(InputError, match="Expected: an output that batch wrote"):
            batch.read_result(str(tmp_path / wrong))
    assert issubclass(InputError, ValueError)
    assert InputError("a problem").problem == "a problem"


def test_the_command_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "batch.cli", "run", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    for option in ("--pattern", "--output", "--workers", "DIRECTORY"):
        assert option in done.stdout
