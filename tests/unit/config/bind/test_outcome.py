"""Changes, adopted names, drift, slips of the pen."""

from __future__ import annotations

import pytest

from stead.config.outcome import drift_findings, to_changes, undeclared
from stead.values.activation import Change, apply
from stead.values.kinds import Check, RenderedFile


def test_what_is_taken_away_is_left_as_the_caller_has_it(composition):
    composition.vars(A="1", B=None)
    assert to_changes(composition.resolve()) == (Change("set", "A", "1"),)


def test_an_adopted_name_stays_what_the_caller_has(composition, values):
    composition.more["adopt"] = ("EDITOR", "LEVEL", "OTHER", "NONE")
    composition.vars(LEVEL="${BASE}", BASE="1", OTHER="o", USES="${EDITOR}")
    table = composition.resolve(ambient={"EDITOR": "vi", "LEVEL": "2"})
    assert values(table) == {
        "BASE": "1", "EDITOR": "vi", "LEVEL": "2", "OTHER": "o", "USES": "vi"
    }  # fmt: skip
    changes = to_changes(table)
    assert changes == (
        Change("set", "BASE", "1"), Change("default", "LEVEL", "1"),
        Change("default", "OTHER", "o"), Change("set", "USES", "vi"),
    )  # fmt: skip
    assert apply(changes, {"LEVEL": "3"})["LEVEL"] == "3"
    assert apply(changes, {})["LEVEL"] == "1"
    assert table.drift == ()


def test_dotenv_outranks_what_is_adopted(composition):
    composition.more["adopt"] = ("A",)
    composition.dotenv(A="1")
    assert to_changes(composition.resolve(ambient={"A": "2"})) == (Change("set", "A", "1"),)


def test_an_adopted_value_is_checked_and_written_as_processes_read_it(composition):
    composition.more["adopt"] = ("ON", "N")
    composition.declare(ON="bool", N="int")
    table = composition.resolve(ambient={"ON": "yes", "N": "x"})
    assert [f.message for f in table.findings] == ["N is 'x': expected a whole number"]
    assert to_changes(table) == (Change("set", "ON", "true"),)


def test_what_the_callers_shell_sets_otherwise_is_drift(composition):
    composition.declare(PW="secret")
    composition.vars(A="1", B="2", PATH="/x:${PATH}", PW="env:PW")
    ambient = {"A": "1", "B": "3", "PATH": "/bin", "PW": "hidden", "ELSE": "x"}
    table = composition.resolve(ambient=ambient)
    assert table.drift == ("B",)
    (finding,) = table.findings
    assert drift_findings(table, ambient) == (finding,)
    assert (finding.message, finding.kind) == ("the calling shell sets B otherwise", "drift")
    assert table.errors == ()
    assert finding.details == ("'3' in the calling shell", "'2' here")


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("PG_POL", "PG_POOL"), ("PG_POOLS", "PG_POOL"), ("PG_POLO", "PG_POOL"),
        ("PGPOOL", "PG_POOL"), ("pg_pool", "PG_POOL"), ("PG_PUOL", "PG_POOL"),
    ],
)  # fmt: skip
def test_a_near_miss_of_a_declared_name_is_an_error(composition, only, slip, meant):
    composition.declare(PG_POOL="int")
    composition.dotenv(**{slip: "5"})
    finding = only(composition.resolve())
    assert finding.kind == "error"
    assert finding.message == f"nobody declares {slip}" or slip in finding.message
    assert f"did you mean {meant}?" in finding.remedy
    assert (finding.where.file, finding.where.line) == ("/p/.env", 2)


def test_what_the_command_line_alone_sets_is_compared_with_all_that_has_a_value(composition, only):
    composition.vars(TITLE="first")
    finding = only(composition.resolve(given={"TITEL": "x"}))
    assert (finding.kind, finding.message) == ("error", "the command line: nobody declares TITEL")
    assert finding.remedy.startswith("did you mean TITLE?")
    assert not composition.resolve(given={"TITLE": "x", "OTHER": "y"}).findings


@pytest.mark.parametrize(
    "name", ["PG_HOST", "PORT2", "A_URL", "PG_POOL_SIZE", "XG_POOL", "DEBUG", "P"]
)
def test_other_names_are_ones_own(composition, values, name):
    composition.declare(PG_POOL="int", PORT1="port", B_URL="url")
    composition.dotenv(**{name: "5"})
    table = composition.resolve()
    assert values(table)[name] == "5"
    assert [e.name for e in undeclared(table)] == [name]


def test_a_near_miss_in_a_manifest_is_a_warning(composition, only):
    composition.declare(PG_POOL="int")
    composition.vars(PG_POL="5")
    assert only(composition.resolve()).kind == "warning"


def test_a_name_that_another_lib_declares_is_no_slip(composition, values):
    composition.lib("a", {"REDIS_URL": "str"})
    composition.lib("b", {"REDIS_URI": "str"})
    composition.app("x", libs=("a",))
    composition.dotenv(REDIS_URI="5")
    values(composition.resolve())


def test_a_near_miss_on_the_command_line_is_an_error(composition, only):
    composition.declare(PG_POOL="int")
    assert only(composition.resolve(given={"PG_POL": "1"})).kind == "error"


def test_an_entry_says_who_declares_and_who_gets_it(composition):
    composition.lib("l", {"X": {"description": "what it is"}})
    composition.client("c", "l", {"X": "${A}"})
    files = (
        RenderedFile("all.json", format="json"), RenderedFile("a.ini", format="ini", names=("A*",)),
        RenderedFile("t.ini", template="t"),
    )  # fmt: skip
    composition.app("web", ["c"], processes=(("serve", ("s",)), ("work", ("w",))), files=files)
    composition.vars(A="1")
    table = composition.resolve()
    x, a = table.entry("X"), table.entry("A")
    assert (x.by, x.description, x.refers) == ("lib l", "what it is", ("A",))
    assert x.declared.name == "X"
    assert x.reaches == ("app web: serve", "app web: work", "all.json")
    assert a.reaches == ("app web: serve", "app web: work", "a.ini")
    assert (a.by, a.declared) == ("", None)
    assert {f.path for f in table.files} == {"all.json", "a.ini", "t.ini"}


def test_the_checks_of_what_applies_come_along(composition):
    own, apps, libs, other = (Check(n, "path", n) for n in ("own", "app", "lib", "other"))
    composition.lib("l", checks=(libs,))
    composition.lib("m", checks=(other,))
    composition.client("c", "l")
    composition.app("a", ["c"], checks=(apps,))
    composition.more["checks"] = (own,)
    assert set(composition.resolve().checks) == {own, apps, libs}


def test_the_selection_says_what_was_found(composition):
    composition.host("h", paths={"x": "/x"})
    composition.net("n", db={"host": "h"})
    composition.target("t", "h")
    composition.app("a", values={"X": "{host.paths.x}{net.db}"})
    composition.recipe("r", "a", targets=("t",))
    chosen = composition.resolve(recipe="r").selection
    assert (chosen.app, chosen.recipe, chosen.target, chosen.host, chosen.net) == (
        "a", "r", "t", "h", "n"
    )  # fmt: skip


def test_an_empty_place_has_an_empty_table(composition, values):
    assert values(composition.resolve()) == {}
