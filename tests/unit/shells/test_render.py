"""The one door to all shells, and what is written for them."""

from __future__ import annotations

import json

import pytest

from stead.shells import SHELLS, posix, render
from stead.values.activation import Activation, Change
from stead.values.errors import SteadError, UsageError
from stead.values.manifest import Task, Variable


def activation(*changes: Change) -> Activation:
    return Activation("/p", "/p", "test", changes, build="/store/b")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_named_can_be_rendered(shell):
    text = render(shell, activation(Change("set", "A", "b c")))
    assert "A" in text
    assert "b c" in text or "b^ c" in text


def test_an_unknown_shell_is_refused_with_those_known():
    with pytest.raises(UsageError, match="tcsh") as caught:
        render("tcsh", activation())
    assert "fish" in caught.value.remedy


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish", "pwsh", "cmd"])
def test_a_name_no_shell_can_set_is_refused(shell):
    with pytest.raises(SteadError, match="no name"):
        render(shell, activation(Change("set", "a b", "")))


@pytest.mark.parametrize("shell", ["sh", "fish", "pwsh", "cmd"])
def test_a_separator_of_two_characters_is_refused(shell):
    with pytest.raises(SteadError, match="separate"):
        render(shell, activation(Change("prepend", "A", "b", "::")))


def test_json_holds_the_changes_in_order_even_those_that_are_no_text():
    text = render("json", activation(Change("unset", "A"), Change("append", "B", "\udcff", ";")))
    assert text.isascii()
    assert json.loads(text) == {
        "place": "/p",
        "environment": "test",
        "build": "/store/b",
        "changes": [
            {"kind": "unset", "name": "A"},
            {"kind": "append", "name": "B", "value": "\udcff", "separator": ";"},
        ],
    }


def test_many_names_go_away_with_one_word():
    text = render("sh", activation(*(Change("unset", f"A{n}") for n in range(300))))
    assert text.count("unset") == 1


@pytest.mark.parametrize(
    ("task", "simple"),
    [
        (Task("t", ("a",)), True),
        (Task("t", ("a",), cwd="/x", description="d"), True),
        (Task("t"), False),
        (Task("t", ("-a",)), False),
        (Task("t", ("a",), depends=("b",)), False),
        (Task("t", ("a",), inputs=("b",)), False),
        (Task("t", ("a",), outputs=("b",)), False),
        (Task("t", ("a",), variables=(Variable("A", "b"),)), False),
        (Task("t", ("a",), environment="test"), False),
    ],
)
def test_only_an_argument_list_needs_no_python(task, simple):
    assert posix.is_simple(task) is simple
