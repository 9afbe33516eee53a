"""Variables with references → values."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.config.expand import ADOPTED, LONGEST, expand
from stead.config.references import Reference, escape, parse
from stead.values.errors import CycleError, ManifestError, SteadError
from stead.values.manifest import PathEntry, Variable
from stead.values.origin import Origin

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def variable(name, value, line=0):
    return Variable(name, value, Origin("/p/stead.toml", line))


def values(ambient=None, paths=(), adopt=ADOPTED, **given):
    made = [variable(n, v, line) for line, (n, v) in enumerate(given.items(), 1)]
    return dict(expand(made, paths, ambient=ambient or {}, adopt=adopt))


def failure(*arguments, **options):
    with pytest.raises(SteadError) as caught:
        values(*arguments, **options)
    return caught.value


@given(text)
def test_an_escaped_value_is_itself(value):
    assert values(X=escape(value)) == {"X": value}


@given(text.filter(lambda t: "$" not in t))
def test_a_value_without_dollar_is_itself(value):
    assert values(X=value) == {"X": value}


@given(
    st.lists(st.tuples(names, text), unique_by=lambda p: p[0], min_size=1, max_size=8), st.data()
)
def test_references_are_replaced_whatever_the_order(pairs, data):
    """Each refers to any defined before it; the order they are given in is no matter."""
    plain, made = {}, []
    for name, value in pairs:
        used = data.draw(st.sampled_from([None, *plain])) if plain else None
        written = escape(value) + (f"${{{used}}}" if used else "")
        plain[name] = value + (plain[used] if used else "")
        made.append(variable(name, written))
    shuffled = data.draw(st.permutations(made))
    result = expand(shuffled, (), ambient={})
    assert dict(result) == plain
    assert [n for n, _ in result] == [v.name for v in shuffled]


@given(st.text(alphabet="${}abpths.:- \n", max_size=20))
def test_no_text_makes_anything_but_a_value_or_an_error(value):
    try:
        parts = parse(value)
    except ManifestError:
        parts = (Reference("of no use"),)
    if any(isinstance(part, Reference) for part in parts):
        error = failure(X=value)
        assert isinstance(error, ManifestError)
        assert str(error.where) == "/p/stead.toml:1"
        assert error.remedy
    else:
        assert values(X=value) == {"X": "".join(parts)}


@given(st.text(alphabet="${}ab", max_size=20))
def test_parsing_loses_nothing(value):
    try:
        parts = parse(value)
    except ManifestError:
        return
    again = "".join(f"${{{p.text}}}" if isinstance(p, Reference) else escape(p) for p in parts)
    assert parse(again) == parts


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$HOME", "$HOME"),
        ("$", "$"),
        ("$$", "$"),
        ("$$$", "$$"),
        ("$${A}", "${A}"),
        ("$$${A}", "$a"),
        ("$$$${A}", "$${A}"),
        ("${A}${A}", "aa"),
        ("{A}", "{A}"),
        ("$(id)`id`", "$(id)`id`"),
        ("${A}}", "a}"),
        ("", ""),
    ],
)
def test_dollars(written, meant):
    assert values(A="a", X=written)["X"] == meant


def test_what_a_value_brings_is_not_read_again():
    assert values(A="$${B}", B="b", C="${A}")["C"] == "${B}"
    assert values(ambient={"HOME": "${B}"}, X="${HOME}") == {"X": "${B}"}


def test_paths_are_absolute():
    paths = [
        PathEntry("raw", "../data/./raw", "/w/p"),
        PathEntry("abs", "/srv", "/w/p"),
        PathEntry("with-dash.x", ".", "/w/p"),
    ]
    result = values(paths=paths, A="${paths.raw}/x:${paths.abs}:${paths.with-dash.x}")
    assert result["A"] == "/w/data/raw/x:/srv:/w/p"


def test_a_variable_taken_away_is_left_out():
    assert values(A=None, B="b") == {"B": "b"}


def test_the_callers_environment_is_no_source():
    error = failure(ambient={"TOKEN": "secret"}, X="${TOKEN}")
    assert isinstance(error, ManifestError)
    assert "[vars]" in error.remedy
    assert "secret" not in str(error)


def test_adopted_names_are_taken_from_the_caller_unless_defined():
    assert values(ambient={"HOME": "/h"}, X="${HOME}/x")["X"] == "/h/x"
    assert values(ambient={"HOME": "/h"}, HOME="/mine", X="${HOME}")["X"] == "/mine"
    assert values(ambient={"A": "1"}, adopt=("A",), X="${A}")["X"] == "1"


def test_adopted_names_that_have_a_meaning_anyway():
    assert values(X="${TMPDIR}")["X"] == "/tmp"
    assert values(ambient={"LOGNAME": "ann"}, X="${USER}")["X"] == "ann"


def test_an_adopted_name_that_is_not_set_is_an_error():
    error = failure(X="${SSH_AUTH_SOCK}")
    assert "not set where Stead was called" in error.message
    assert str(error.where) == "/p/stead.toml:1"


def test_an_unknown_name_gets_the_nearest():
    error = failure(DATABASE_URL="x", A="${DATABSE_URL}")
    assert error.remedy == "did you mean ${DATABASE_URL}?"
    assert str(error.where) == "/p/stead.toml:2"
    error = failure(paths=[PathEntry("reports", "r", "/p")], A="${paths.report}")
    assert error.remedy == "did you mean ${paths.reports}?"


def test_a_reference_to_what_is_taken_away_says_so():
    assert "taken away" in failure(A=None, B="${A}").message


@pytest.mark.parametrize(
    "value", ["${", "a${B", "${}", "${B:-x}", "${ B }", "${A${B}}", "${B!}x${"]
)
def test_what_is_no_reference_is_an_error_with_its_place(value):
    error = failure(B="b", X=value)
    assert isinstance(error, ManifestError)
    assert str(error.where) == "/p/stead.toml:2"
    assert "$${" in error.remedy


def test_a_cycle_shows_the_chain_with_places():
    error = failure(START="${A}", A="${B}-", B="x${C}", C="${A}")
    assert isinstance(error, CycleError)
    assert "A → B → C → A" in error.message
    assert error.details == (
        "A = '${B}-' (/p/stead.toml:2)",
        "B = 'x${C}' (/p/stead.toml:3)",
        "C = '${A}' (/p/stead.toml:4)",
    )


def test_a_variable_of_itself_is_a_cycle():
    assert isinstance(failure(A="x${A}y"), CycleError)
    assert isinstance(failure(ambient={"HOME": "/h"}, HOME="${HOME}/x"), CycleError)


def test_a_long_chain_is_no_matter():
    chain = {f"V{n}": f"${{V{n + 1}}}" for n in range(5000)}
    assert values(**chain, V5000="end")["V0"] == "end"


def test_a_value_that_grows_without_bound_is_an_error():
    bomb = {f"V{n}": f"${{V{n + 1}}}" * 10 for n in range(40)}
    error = failure(**bomb, V40="x" * 10)
    assert "longer than 128 KiB" in error.message


def test_the_longest_value_is_allowed():
    assert len(values(X="x" * LONGEST)["X"]) == LONGEST
    assert "128 KiB" in failure(X="é" * (LONGEST // 2 + 1)).message


def test_nul_is_an_error():
    assert "NUL" in failure(X="a\0b").message


def test_undecodable_bytes_of_the_caller_survive():
    home = os.fsdecode(b"/h\xff")
    assert values(ambient={"HOME": home}, X="${HOME}/x")["X"] == home + "/x"
