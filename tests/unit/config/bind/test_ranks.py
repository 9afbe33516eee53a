"""Which definition prevails, what unifies, what contradicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stead.values.table import RANKS, Definition


def every_rank(c):
    """Define X once at each rank, with a value that says which; weakest first."""
    c.lib("l", {"X": {"default": "lib default"}})
    c.define("module", {"X": "module"})
    c.client("c", "l", {"X": "client"})
    c.app("a", ["c"], values={"X": "app"})
    c.vars(X="vars")
    c.define("layer", {"X": "layer"}, by="layer prod")
    c.recipe("r", "a", settings={"X": "recipe"})
    c.more["adopt"] = ("X",)
    c.dotenv(X=".env")


def test_the_ranks_prevail_in_their_order(composition, values):
    every_rank(composition)
    table = composition.resolve(recipe="r", ambient={"X": "adopted"}, given={"X": "--set"})
    assert values(table) == {"X": "--set"}
    assert [d.rank for d in table.entry("X").definitions] == list(reversed(RANKS))


def test_without_the_strongest_the_next_prevails(new_composition, values):
    expected = list(RANKS)
    while expected[-1] != "app":
        c = new_composition()
        every_rank(c)
        kept = set(expected)
        c.definitions = [d for d in c.definitions if d.rank in kept]
        if "adopted" not in kept:
            c.more["adopt"] = ()
        table = c.resolve(
            recipe="r" if "recipe" in kept else "",
            ambient={"X": "adopted"} if "adopted" in kept else {},
            given={"X": "--set"} if "--set" in kept else {},
            app="a",
        )
        assert values(table)["X"] == expected[-1]
        expected.pop()


def test_a_client_outranks_the_default_and_the_app_the_client(composition, values):
    composition.lib("l", {"X": {"default": "d"}, "Y": {"default": "d"}, "Z": {"default": "d"}})
    composition.client("c", "l", {"X": "c", "Y": "c"})
    composition.app("a", ["c"], values={"X": "a"})
    assert values(composition.resolve()) == {"X": "a", "Y": "c", "Z": "d"}


def test_within_a_rank_the_nearer_directory_prevails(composition, values):
    composition.define("vars", {"X": "parent"}, depth=0)
    composition.define("vars", {"X": "child"}, depth=1)
    composition.define("vars", {"X": "parent too"}, depth=0)
    assert values(composition.resolve()) == {"X": "child"}


def test_equal_values_of_one_rank_unify(composition, values):
    composition.vars(X="1")
    composition.vars(X="1")
    table = composition.resolve()
    assert values(table) == {"X": "1"}
    assert len(table.entry("X").definitions) == 2


def test_values_are_equal_that_mean_the_same(composition, values):
    composition.declare(ON="bool", SIZE="bytes", WHERE="path")
    composition.vars(ON="yes", SIZE="1 KiB", WHERE="a/../b")
    composition.vars(ON="true", SIZE="1024", WHERE="b")
    assert values(composition.resolve()) == {"ON": "true", "SIZE": "1024", "WHERE": "/p/b"}


def test_one_relative_path_of_two_directories_is_two_values(composition, only):
    composition.declare(WHERE="path")
    composition.define("vars", {"WHERE": "x"}, base="/p/a")
    composition.define("vars", {"WHERE": "x"}, base="/p/b")
    assert "different values" in only(composition.resolve()).message


def test_different_values_of_one_rank_contradict_each_other(composition, only):
    composition.vars(X="1")
    composition.vars(X="2")
    composition.vars(X="2")
    finding = only(composition.resolve())
    assert finding.message == "X has different values of equal rank"
    assert finding.details == ("'1' ([vars], stead.toml:1)", "'2' ([vars], stead.toml:2)")


def test_a_stronger_definition_settles_a_contradiction(composition, values):
    composition.vars(X="1")
    composition.vars(X="2")
    composition.dotenv(X="3")
    assert values(composition.resolve()) == {"X": "3"}


def test_taking_away_and_defining_at_one_rank_contradict(composition, only):
    composition.vars(X="1")
    composition.vars(X=None)
    assert "taken away ([vars], stead.toml:2)" in only(composition.resolve()).details


def test_what_is_taken_away_has_no_value(composition, values):
    composition.vars(X="1")
    composition.define("layer", {"X": None}, by="layer prod")
    assert values(composition.resolve()) == {"X": None}


def test_two_clients_that_export_one_name_differently_contradict_each_other(composition, only):
    composition.lib("l", {"X": "str"})
    composition.client("a", "l", {"X": "1"})
    composition.client("b", "l", {"X": "2"})
    finding = only(composition.resolve())
    assert finding.message == "clients give X different values"
    assert finding.details == ("'1' (client a, stead.toml:4)", "'2' (client b, stead.toml:6)")
    assert "prefix = true in [lib.l]" in finding.remedy


def test_two_clients_that_export_one_name_alike_agree(composition, values):
    composition.lib("l", {"X": "str"})
    composition.client("a", "l", {"X": "1"})
    composition.client("b", "l", {"X": "1"})
    assert values(composition.resolve()) == {"X": "1"}


def test_a_prefix_keeps_two_clients_of_one_lib_apart(composition, values):
    composition.lib("l", {"X": {"default": "d"}, "Y": {"default": "${X}!"}}, prefix=True)
    composition.client("a", "l", {"X": "1"})
    composition.client("b", "l", {"X": "2"}, prefix="B_")
    composition.recipe("r", settings={"b.Y": "set"})
    assert values(composition.resolve()) == {"X": "1", "Y": "1!", "B_X": "2", "B_Y": "2!"}
    assert values(composition.resolve(recipe="r"))["B_Y"] == "set"


def test_a_prefix_that_the_lib_cannot_take_is_named(composition, only):
    composition.lib("l", {"X": "str"})
    composition.client("a", "l", {"X": "1"}, prefix="A_")
    finding = only(composition.resolve())
    assert finding.message == (
        "client a gives its variables the prefix A_, which lib l cannot take"
    )


def test_settings_may_be_for_one_module_alone(composition, values):
    composition.lib("l", {"X": "str"}, prefix=True)
    composition.lib("m", {"Y": "str"})
    composition.client("a", "l", prefix="A_")
    composition.client("b", "l", prefix="B_")
    composition.app("one", ["a", "b"], libs=("m",))
    composition.app("two", [])
    settings = {"a.X": "1", "l.X": "all", "m.Y": "y", "one.Z": "z", "two.Z": "no"}
    composition.recipe("r", "one", settings=settings)
    table = composition.resolve(recipe="r")
    assert table.entry("Y").value == "y"
    assert table.entry("Z").value == "z"
    assert table.entry("B_X").value == "all"
    # `l.X` and `a.X` are of equal rank.
    assert [f.message for f in table.findings] == ["A_X has different values of equal rank"]


def test_settings_for_modules_or_names_that_are_not_there_are_named(composition):
    composition.lib("l", {"POOL": "int"})
    composition.client("store", "l", {"POOL": "1"})
    composition.recipe("r", settings={"stroe.POOL": "1", "store.POL": "2"})
    found = composition.resolve(recipe="r").findings
    assert [f.message for f in found] == [
        "recipe r sets stroe.POOL, but no client, app or lib is named stroe",
        "recipe r sets store.POL, which lib l does not accept",
    ]
    assert [f.remedy for f in found] == ["did you mean store?", "did you mean POOL?"]


def test_a_name_that_a_lib_does_not_accept_is_named(composition, only):
    composition.lib("l", {"PG_POOL": "int"})
    composition.client("store", "l", {"PG_POL": "1"})
    finding = only(composition.resolve())
    assert finding.message == "client store sets PG_POL, which lib l does not accept"
    assert finding.remedy == "did you mean PG_POOL?"
    assert finding.where.line == 4


def test_dotenv_does_not_count_on_a_deploy(composition, values):
    composition.vars(X="1")
    composition.dotenv(X="2", Y="3")
    assert values(composition.resolve()) == {"X": "2", "Y": "3"}
    assert values(composition.resolve(deploy=True)) == {"X": "1"}


def test_dotenv_and_adopted_values_mean_themselves(composition, values):
    composition.more["adopt"] = ("B",)
    composition.dotenv(A="${HOME} $$ {net.db}")
    table = composition.resolve(ambient={"B": "${HOME} $$"})
    assert values(table) == {"A": "${HOME} $$ {net.db}", "B": "${HOME} $$"}


names = st.sampled_from(["A", "B", "C", "D"])
texts = st.sampled_from(["1", "2", "${A}", "${B}x", "x-${C}", "${paths.raw}", "$$", "", None])
definitions = st.lists(
    st.builds(
        Definition,
        name=names,
        value=texts,
        rank=st.sampled_from(["module", "vars", "layer", ".env"]),
        depth=st.integers(0, 2),
        by=st.sampled_from(["[vars]", "layer x"]),
        base=st.just("/p"),
    ),
    max_size=12,
)


def composed(new_composition, drawn):
    c = new_composition()
    c.path("raw", "data/raw")
    c.lib("l", {"A": {"default": "0"}, "B": "str"}, prefix=True)
    c.lib("m", {"A": {"default": "0"}, "C": {"type": "str", "required": True}})
    c.client("one", "l", {"B": "b"})
    c.client("two", "l", {"B": "b2"}, prefix="T_")
    c.client("three", "m")
    c.app("x", ["one", "two", "three"], listen={"PORT": "host.ports.web"})
    c.app("y", [], listen={"PORT": "host.ports.web", "OTHER": "host.ports.web"})
    c.host("h", ports={"web": "8000-8009"})
    for d in drawn:
        c.define(d.rank, {d.name: d.value}, depth=d.depth, by=d.by)
    return c


@given(definitions, st.integers(0, 2**32))
def test_any_order_of_files_gives_the_same_table(new_composition, drawn, seed):
    c = composed(new_composition, drawn)
    for app in ("x", "y", ""):
        one, other = c.resolve(app=app), c.resolve(app=app, shuffle=seed)
        assert one == other
        # Origins take no part in comparison, but must not depend on the order either.
        assert repr(one) == repr(other)


@given(definitions)
def test_a_value_never_comes_from_nowhere(new_composition, drawn):
    table = composed(new_composition, drawn).resolve(
        app="x", ambient={"Z": "ambient", "HOME": "/h"}, given={"S": "set"}
    )
    for entry in table.entries:
        if entry.value is not None:
            winner = entry.definitions[0]
            assert winner.value is not None
            assert winner.origin.file or winner.rank in ("adopted", "--set")
    assert table.entry("Z") is None
