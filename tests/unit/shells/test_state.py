"""Taking back what a hook applied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stead.shells.state import caller, is_bookkeeping, switch, undo
from stead.values.activation import Change, apply

names = st.sampled_from(["A", "B", "PATH", "C_D"])
values = st.text(alphabet="a:/ \n'", max_size=5)
environments = st.dictionaries(names, values)
changes = st.lists(
    st.builds(Change, st.sampled_from(["set", "unset", "default", "prepend"]), names, values)
)


@given(environments, changes)
def test_leaving_restores_every_variable_exactly(before, entered):
    inside = apply(switch(entered, before), before)
    assert undo(inside) == before
    assert apply(switch((), inside), inside) == before


@given(environments, changes, changes)
def test_going_from_one_environment_to_another_is_leaving_and_entering(before, first, second):
    inside = apply(switch(first, before), before)
    moved = apply(switch(second, inside), inside)
    assert moved == apply(switch(second, before), before)
    assert undo(moved) == before


@given(environments, changes)
def test_inside_is_the_environment_and_the_notes(before, entered):
    inside = apply(switch(entered, before), before)
    assert {n: v for n, v in inside.items() if not is_bookkeeping(n)} == apply(entered, before)


@given(environments, changes)
def test_entering_again_changes_nothing(before, entered):
    inside = apply(switch(entered, before), before)
    assert switch(entered, inside) == ()


def test_names_that_are_no_names_are_left_alone():
    environ = {"STEAD_APPLIED": "A; B$(x) 9 C", "B": "b", "C": "c", "STEAD_OLD_C": "old"}
    assert undo(environ) == {"B": "b", "C": "old"}


def test_a_name_without_an_old_value_had_none():
    assert undo({"STEAD_APPLIED": "A B", "A": "a", "B": "b", "STEAD_OLD_B": ""}) == {"B": ""}


def test_the_callers_python_settings_come_back_under_their_names():
    environ = {"PATH": "/bin", "PYTHONCOERCECLOCALE": "warn"}
    assert caller(environ) == environ
    started = {
        "STEAD_CALLER": "1",
        "STEAD_CALLER_PYTHONPATH": "/code",
        "STEAD_CALLER_PYTHONCOERCECLOCALE": "warn",
        "PYTHONCOERCECLOCALE": "0",
        "PATH": "/bin",
    }
    assert caller(started) == environ | {"PYTHONPATH": "/code"}
    del started["STEAD_CALLER_PYTHONCOERCECLOCALE"]
    assert caller(started) == {"PATH": "/bin", "PYTHONPATH": "/code"}
