"""Examples of each step, of the checks between them, and of the command.

The means of the Nile before and after 1921 were computed with pandas.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

import workflow
from workflow import InputError, State, Step, StepError
from workflow.cli import main
from workflow.main import compare, compared, load, loaded, tidied, tidy

YEARS = ((2001, 5.0), (2000, 3.0), (2003, -1.0), (2002, 10.0))
BEFORE, AFTER = 984.32, 854.38


def names(of: type) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]


def fine(state: State) -> str:
    return ""


def test_names_that_others_may_use():
    assert sorted(workflow.__all__) == [
        "InputError",
        "STEPS",
        "State",
        "Step",
        "StepError",
        "example",
        "read",
        "run",
    ]
    assert all(hasattr(workflow, name) for name in workflow.__all__)
    assert names(Step) == ["name", "run", "check"]
    assert names(State) == ["source", "years", "clean", "result"]
    assert State("a.csv") == State("a.csv", years=(), clean=(), result=None)
    assert [step.name for step in workflow.STEPS] == ["load", "tidy", "compare"]


def test_the_example_is_read():
    rows = workflow.read(workflow.example(), ["volume", "year"])
    assert len(rows) == 100
    assert rows[0] == (1120, 1871)


def test_load():
    state = load(State(workflow.example()))
    assert state.years[0] == (1871, 1120.0)
    assert len(state.years) == 100
    assert loaded(state) == ""
    assert loaded(State("", years=(*YEARS, (2000, 1.0)))) == "the year 2000 is there twice"


def test_tidy():
    state = tidy(State("", years=YEARS))
    assert state.clean == ((2000, 3.0), (2001, 5.0), (2002, 10.0))
    assert tidied(state) == "only 3 of 4 years are left"
    assert tidied(State("", years=YEARS[:2], clean=YEARS[:2])) == "2 years are too few to compare"
    assert tidied(State("", years=YEARS, clean=YEARS)) == ""


def test_compare():
    state = compare(State("", clean=YEARS))
    assert state.result == {"before": 4.0, "after": 4.5, "change": 0.5}
    assert compared(state) == ""
    assert compared(State("")) == "there is no result"


def test_all_steps():
    state = workflow.run(State(workflow.example()))
    assert state.source == workflow.example()
    assert state.result == {
        "before": pytest.approx(BEFORE),
        "after": pytest.approx(AFTER),
        "change": pytest.approx(AFTER - BEFORE),
    }
    assert workflow.run(State(workflow.example()), workflow.STEPS, until="") == state


def test_steps_are_taken_in_order_and_no_farther_than_asked():
    def step(name):
        return Step(name, lambda s: dataclasses.replace(s, source=s.source + name), fine)

    steps = [step("a"), step("b"), step("c")]
    assert workflow.run(State(""), steps).source == "abc"
    assert workflow.run(State(""), steps, until="b").source == "ab"
    with pytest.raises(InputError, match=r"no step d \(there are: a, b, c\)"):
        workflow.run(State(""), steps, until="d")
    assert workflow.run(State(workflow.example()), until="load").clean == ()


def test_a_check_stops_the_workflow_before_the_next_step():
    taken = []
    steps = [
        Step("one", lambda s: s, lambda s: "too little"),
        Step("two", lambda s: taken.append(2), fine),
    ]
    with pytest.raises(StepError, match="step one: too little") as raised:
        workflow.run(State(""), steps)
    assert (raised.value.step, raised.value.problem) == ("one", "too little")
    assert taken == []


def test_a_step_that_fails_is_named_and_its_cause_is_kept():
    with pytest.raises(StepError, match="step one: ZeroDivisionError") as raised:
        workflow.run(State(""), [Step("one", lambda s: 1 / 0, fine)])
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_the_command(tmp_path, capsys):
    assert main(["run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert list(json.loads(out)) == ["before", "after", "change"]
    assert main(["run", "--until", "tidy"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["clean"][0] == [1871, 1120.0]
    assert state["result"] is None
    path = tmp_path / "few.csv"
    path.write_text("year,volume\n2001,1\n2002,2\n2003,3\n2004,5\n", encoding="utf-8")
    assert main(["run", str(path), "--output", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["change"] == 2.5
    assert capsys.readouterr() == ("", "")
    assert main(["steps"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "load: Read the input. Raises InputError."


def test_a_refused_result_is_one_line_and_code_1(tmp_path, capsys):
    path = tmp_path / "twice.csv"
    path.write_text("year,volume\n2001,1\n2001,2\n", encoding="utf-8")
    assert main(["run", str(path)]) == 1
    assert capsys.readouterr() == ("", "workflow: step load: the year 2001 is there twice\n")


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (None, [], "cannot be read"),
        ("", [], "is empty"),
        ("year,volume\n", [], "no row"),
        ("year,flow\n1,2\n", [], "not exactly one column named volume"),
        ("year,volume\n1,2\n2,much\n", [], "line 3: volume is much"),
        ("year,volume\n1,2\n2\n", [], "line 3: volume is missing"),
        ("\x00\xff", [], "UTF-8"),
        ("year,volume\n1,2\n", ["--until", "never"], "no step never"),
    ],
)
def test_bad_input_is_one_error_that_names_what_is_expected(text, words, told, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    assert main(["run", str(path), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("workflow: ")
    assert err.count("\n") == 1
    assert told in err
    assert "Expected: a CSV file with a header line" in err
    assert issubclass(InputError, ValueError)


def test_the_command_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "workflow.cli", "run", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "--until" in done.stdout
    assert "--output" in done.stdout
