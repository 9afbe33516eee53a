"""What references come to: variables, paths, offers of hosts, endpoints of nets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.config.expand import expand
from stead.values.errors import SteadError
from stead.values.manifest import Variable


def test_each_role_comes_to_what_is_offered(composition, values):
    composition.host(
        "lab", ports={"web": "8080"}, paths={"tmp": "scratch"}, data={"scans": "/srv/scans"}
    )
    composition.net("n", db={"host": "db.lan", "port": "5432"}, six={"host": "::1", "port": "1"})
    composition.data("scans")
    composition.path("raw", "data/raw")
    composition.vars(
        A="${host.ports.web}", B="{host.paths.tmp}/x", C="${host.data.scans}", D="{data.scans}",
        E="{net.db}", F="${net.db.host}|{net.db.port}", G="{net.six}", H="{net.six.host}",
        I="{paths.raw} ${paths.raw}",
    )  # fmt: skip
    assert values(composition.resolve()) == {
        "A": "8080", "B": "/p/scratch/x", "C": "/srv/scans", "D": "/srv/scans",
        "E": "db.lan:5432", "F": "db.lan|5432", "G": "[::1]:1", "H": "::1",
        "I": "/p/data/raw /p/data/raw",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ['{"a": {"b": 1}}', "{name}", "{}", "{0}", "{ net.db }", "a{b", "$HOME", "100$", "{a.b}"],
)
def test_other_braces_and_dollars_are_text(composition, values, text):
    composition.vars(X=text)
    assert values(composition.resolve()) == {"X": text}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{net.db}}", "{net.db}"),
        ("$${net.db}", "${net.db}"),
        ("$${X}", "${X}"),
        ("{{{net.db}}}", "{{net.db}}"),
        ("$$$$", "$$"),
    ],
)
def test_what_is_doubled_stands_for_itself(composition, values, text, expected):
    composition.vars(X=text)
    assert values(composition.resolve()) == {"X": expected}


@pytest.mark.parametrize("text", ["{host.db}", "{net.}", "${host.secret.x}", "${a.b}", "${X:-1}"])
def test_what_looks_like_a_reference_and_is_none_is_named(composition, only, text):
    composition.vars(X=text)
    assert "is not a reference" in only(composition.resolve()).message


def test_what_is_put_into_a_url_is_encoded(composition, values):
    composition.net("n", db={"host": "db.lan", "port": "5432"})
    composition.declare(
        URL="url", OTHER="url", AT="url", HOST="host", PORT="port", PATH_="path", WHOLE="url"
    )
    composition.vars(
        URL="postgres://${USER_}:${PW}@{net.db}/${DB}",
        OTHER="https://h/?next=${URL}&at=${PATH_}",
        HOST="::1", PORT="8080", AT="http://${HOST}:${PORT}/",
        USER_="me@home", PW="a/b:c?#%é", DB="x y", PATH_="a b/c", WHOLE="${PLAIN}",
        PLAIN="https://example.org/a?b",
    )  # fmt: skip
    found = values(composition.resolve())
    assert found["URL"] == "postgres://me%40home:a%2Fb%3Ac%3F%23%25%C3%A9@db.lan:5432/x%20y"
    assert found["OTHER"] == f"https://h/?next={found['URL']}&at=/p/a%20b/c"
    assert found["AT"] == "http://[::1]:8080/"
    assert found["WHOLE"] == "https://example.org/a?b"


def test_an_address_that_was_encoded_as_text_says_how_to_declare_it(composition, only):
    composition.declare(URL="url")
    composition.vars(URL="${BASE}/x", BASE="https://example.org")
    assert only(composition.resolve()).remedy == (
        "declare BASE with type url, so that it is put in as it is"
    )


def test_a_circle_shows_all_of_its_links(composition, only):
    composition.vars(A="${B}", B="${C}", C="${A}", D="${A}")
    finding = only(composition.resolve())
    assert finding.message == "variables refer to each other in a circle: A → B → C → A"
    assert finding.details == (
        "A = '${B}' (stead.toml:1)", "B = '${C}' (stead.toml:2)", "C = '${A}' (stead.toml:3)"
    )  # fmt: skip


def test_a_circle_may_lead_through_a_net(composition, only):
    composition.app("a", values={"H": "${net.x}"}, listen={"P": "{net.x.port}"})
    composition.net("n", x={"app": "a", "listener": "P"})
    assert "in a circle" in only(composition.resolve()).message


def test_a_variable_cannot_refer_to_itself_within(composition, only):
    composition.vars(A="x${A}y")
    assert only(composition.resolve()).message == "A refers to itself"


def test_unknown_references_are_all_named(composition):
    composition.path("raw", "raw")
    composition.vars(COLOUR="red", A="${COLOR}", B="${paths.rwa}", C="${NOPE}", D="${MINE}")
    found = composition.resolve(ambient={"MINE": "x"}).findings
    assert [(f.message, f.remedy) for f in found] == [
        ("A refers to ${COLOR}, which is not defined", "did you mean COLOUR?"),
        (
            "B refers to ${paths.rwa}, but [paths] has no such entry",
            "did you mean paths.raw?",
        ),
        (
            "C refers to ${NOPE}, which is not defined",
            "define NOPE under [vars], or write $${NOPE} for the characters",
        ),
        (
            "D refers to ${MINE}, which is not defined",
            (
                "define MINE under [vars]: what the calling shell has is not taken over, "
                "so that others get the same"
            ),
        ),
    ]


def test_what_is_made_of_a_mistake_is_no_second_mistake(composition, only):
    composition.vars(A="${NOPE}", B="${A}", C="x${B}")
    composition.declare(N={"type": "int"})
    only(composition.resolve())


def test_the_home_directory_may_be_referred_to(composition, values):
    composition.vars(A="${HOME}/x", B="${TMPDIR}")
    assert values(composition.resolve(ambient={"HOME": "/h"})) == {"A": "/h/x", "B": "/tmp"}


def test_a_name_that_adds_to_itself_adds_to_what_is_there(composition):
    from stead.config.outcome import to_changes
    from stead.values.activation import Change

    composition.path("tools", "tools")
    composition.declare(LIST="paths")
    composition.vars(
        PATH="${paths.tools}:/x:${PATH}", MANPATH="${MANPATH}:/m", LIST=("a", "${LIST}"), X="1"
    )
    table = composition.resolve()
    assert [e.where for e in table.entries] == ["prepend", "append", "prepend", "set"]
    assert to_changes(table) == (
        Change("prepend", "LIST", "/p/a"), Change("append", "MANPATH", "/m"),
        Change("prepend", "PATH", "/x"), Change("prepend", "PATH", "/p/tools"),
        Change("set", "X", "1"),
    )  # fmt: skip


def test_a_list_that_is_added_to_has_no_value_of_its_own(composition, only):
    composition.vars(PATH="/x:${PATH}", Y="${PATH}")
    assert "adds to what the caller has" in only(composition.resolve()).message


def test_a_long_chain_is_no_matter(composition, values):
    composition.vars(V0="x", **{f"V{n}": f"${{V{n - 1}}}" for n in range(1, 3000)})
    assert values(composition.resolve())["V2999"] == "x"


def test_a_value_that_doubles_without_end_is_stopped(composition):
    composition.vars(V0="x" * 100, **{f"V{n}": f"${{V{n - 1}}}" * 10 for n in range(1, 40)})
    found = composition.resolve().findings
    assert ["longer than 128 KiB" in f.message for f in found] == [True]


def test_values_have_the_type_that_is_declared(composition):
    composition.declare(N={"type": "int", "max": "5"}, U={"type": "url", "scheme": ["https"]})
    composition.vars(N="6", U="http://u:pw@h/")
    found = composition.resolve().findings
    assert [f.message for f in found] == [
        "N is '6': expected at most 5",
        "U is 'http://u:***@h/': expected an address that begins with https://",
    ]


def test_a_default_is_checked_too(composition, only):
    composition.lib("l", {"N": {"type": "int", "default": "five"}})
    composition.client("c", "l")
    finding = only(composition.resolve())
    assert finding.message == "N is 'five': expected a whole number"
    assert finding.where.line == 2


def test_two_libs_that_declare_one_name_differently_are_named(composition, only):
    composition.lib("a", {"N": "int"})
    composition.lib("b", {"N": "str"})
    finding = only(composition.resolve())
    assert finding.message == "N is declared with different types"
    assert finding.details == ("int (lib a, stead.toml:2)", "str (lib b, stead.toml:4)")


def test_of_two_libs_limits_the_tightest_count(composition):
    composition.lib("a", {"N": {"type": "int", "min": "2", "max": "10"}})
    composition.lib("b", {"N": {"type": "int", "min": "1", "max": "9"}})
    table = composition.resolve()
    assert (table.entry("N").type.minimum, table.entry("N").type.maximum) == ("2", "9")
    composition.vars(N="10")
    assert [f.message for f in composition.resolve().findings] == ["N is '10': expected at most 9"]


def test_limits_that_leave_nothing_are_named(composition, only):
    composition.lib("a", {"N": {"type": "int", "min": "5"}})
    composition.lib("b", {"N": {"type": "int", "max": "4"}})
    assert "no value of N would do" in only(composition.resolve()).message


def test_a_type_that_makes_no_sense_is_named(composition, only):
    composition.lib("a", {"N": {"type": "bool", "min": "1"}})
    assert only(composition.resolve()).message == (
        "the type of N, which lib a declares, makes no sense: bool takes no min"
    )


def test_a_list_may_hold_another(composition, values):
    composition.declare(A="paths", B="paths")
    composition.vars(A=("x", "/y"), B=("${A}", "z"))
    assert values(composition.resolve())["B"] == "/p/x:/y:/p/z"


def test_all_mistakes_of_one_value_are_named(composition):
    composition.vars(A="${B} ${C} ${paths.d} {net.e} ${f-g}")
    composition.vars(H="${B} ${C} ${paths.d} {net.e}")
    assert [f.message for f in composition.resolve().findings] == [
        "in the value of A, '${f-g}' is not a reference",
        "H refers to ${B}, which is not defined",
        "H refers to ${C}, which is not defined",
        "H refers to ${paths.d}, but [paths] has no such entry",
        "no net here offers e (needed by [vars], stead.toml:2)",
    ]


def test_directories_of_the_person_keep_their_slashes_in_an_address(composition, values):
    composition.declare(URL="url")
    composition.vars(URL="sqlite:///${HOME}/x.db?by=${USER}")
    found = values(composition.resolve(ambient={"HOME": "/h m", "USER": "a/b"}))
    assert found["URL"] == "sqlite:////h%20m/x.db?by=a%2Fb"


names = st.sampled_from(["A", "B", "C", "D"])
pieces = st.sampled_from(
    ["${A}", "${B}", "${C}", "${paths.x}", "$$", "$", "{", "x", "${HOME}", "é"]
)


@given(st.dictionaries(names, st.lists(pieces, max_size=4).map("".join), max_size=4))
def test_plain_variables_are_what_a_tasks_own_would_be(new_composition, drawn):
    """Two readers of one language: of a task's environment, and of the table."""
    c = new_composition()
    c.path("x", "sub")
    c.vars(**drawn)
    table = c.resolve(ambient={"HOME": "/h"})
    variables = [Variable(n, v, base="/p") for n, v in drawn.items()]
    try:
        expected = dict(expand(variables, c.paths, ambient={"HOME": "/h"}))
    except SteadError:
        assert table.errors
        return
    assert not table.errors
    assert {e.name: e.value for e in table.entries} == expected


def test_what_is_put_into_json_stays_json(composition, values):
    composition.declare(J="json", WHOLE="json", INNER="json")
    composition.vars(
        QUOTED='a"b\\c\nd', N="5", INNER='{"x": "${QUOTED}"}',
        J='{"text": "<${QUOTED}>", "n": ${N}, "inner": ${INNER}}', WHOLE="${INNER}",
    )  # fmt: skip
    found = values(composition.resolve())
    assert json.loads(found["J"]) == {
        "text": '<a"b\\c\nd>', "n": 5, "inner": {"x": 'a"b\\c\nd'}
    }  # fmt: skip
    assert found["WHOLE"] == found["INNER"]
