"""The options of `stead test` are those of the table, and its values reach what is asked."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

from stead.cli.main import parser_of
from stead.cli.test import asked
from stead.matrix.options import ENVIRONMENTS, OPTIONS
from stead.values.platform import Platform


def test_the_parser_takes_what_the_table_says():
    actions = [a for a in parser_of("test")._actions if not isinstance(a, argparse._HelpAction)]
    assert actions[0].dest == ENVIRONMENTS.name
    assert [(tuple(a.option_strings), a.dest, a.help) for a in actions[1:]] == [
        (o.flags, o.name, o.help) for o in OPTIONS
    ]
    assert len({o.name for o in OPTIONS}) == len(OPTIONS)


def question(*words, rest=None):
    args = parser_of("test").parse_intermixed_args([*words])
    args.rest = rest
    app = SimpleNamespace(directory="/w", platform=Platform("linux-64"), user_home="/home/me")
    return asked(args, app)


def test_words_become_a_question():
    made = question("a", "-e", "b,c", "-l", "x", "-m", "y", "-f", "py3-d", "--skip-env", "z", "d")
    assert made.wanted.names == ("a", "d", "b,c")
    assert (made.wanted.labels, made.wanted.factors) == (("x", "y"), ("py3-d",))
    assert made.wanted.skip == "z"
    assert (made.directory, made.user_home, made.posargs) == ("/w", "/home/me", None)
    assert question(rest=()).posargs == ()


def test_interpreters_that_are_missing():
    assert question().skip_missing is None
    assert question("--skip-missing-interpreters").skip_missing is True
    assert question("-s", "-n").skip_missing is True
    assert question("--skip-missing-interpreters", "false").skip_missing is False
    assert question("--skip-missing-interpreters", "config").skip_missing is None


def test_packages_and_seeds():
    made = question("--package", "wheel", "--package", "sdist", "--hashseed", "7")
    assert (made.packages, made.no_packages, made.hash_seed) == (("wheel", "sdist"), False, "7")
    made = question("--skip-pkg-install", "--hashseed", "notset", "-r")
    assert (made.no_packages, made.hash_seed, made.recreate) == (True, "", True)


def test_variables_stand_in_the_docs():
    text = (Path(__file__).parents[3] / "docs" / "reference" / "tox.md").read_text()
    for option in OPTIONS:
        assert not option.variable or f"`TOX_{option.variable}`" in text
