"""Which environments variables choose, held to the installed tox."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from stead.cli.main import parser_of
from stead.cli.test import asked, heed
from stead.matrix import describe, select
from stead.values.context import Context
from stead.values.platform import Platform

FILE = """\
[tox]
env_list = py3{11,12}-{a,b}, lint, docs
labels =
  two = py311-a, docs
[testenv]
skip_install = true
[testenv:lint]
labels = quick, slow
[testenv:other]
"""


def ours(words: list[str]) -> list[str]:
    args = parser_of("test").parse_intermixed_args(words)
    args.rest = None
    nobody = SimpleNamespace(note=None, task=None)
    context = Context(
        home="/nowhere", environ=dict(os.environ), run=None, progress=nobody, now=None, offline=True
    )
    here = os.getcwd()
    app = SimpleNamespace(
        context=context, directory=here, cwd=here, platform=Platform("linux-64"), user_home="/none"
    )
    heed(args, app)
    question = asked(args, app)
    return sorted(select.names(describe.read(question, context, look=False), question.wanted))


def theirs(words: list[str]) -> list[str]:
    from tox.run import setup_state

    return sorted(setup_state(["run", *words]).envs.iter())


@pytest.mark.parametrize(
    "variables",
    [
        {"TOXENV": "lint"},
        {"TOX_ENV": "docs, lint", "TOXENV": "other"},
        {"TOXENV": "py3{11,12}-a"},
        {"TOXENV": "py311-a,ALL"},
        {"TOXENV": "other", "TOX_SKIP_ENV": "o"},
        {"TOX_SKIP_ENV": "py31[12]"},
        {"TOXSKIP_ENV": ".*-a"},
        {"TOX_LABELS": "two"},
        {"TOX_LABELS": "two;quick", "TOXENV": "other"},
        {"TOX_FACTORS": "py311;b"},
        {"TOX_FACTORS": "py311,a;docs"},
        {"TOX_FACTORS": "py312-b", "TOX_LABELS": "slow"},
        {"TOX_OVERRIDE": "tox.env_list=lint,docs,a-b;testenv:lint.deps=x"},
        {"TOXENV": ""},
    ],
    ids=lambda v: " ".join(f"{k}={t}" for k, t in v.items()),
)
@pytest.mark.parametrize("words", [[], ["-e", "lint,docs"], ["-m", "quick"], ["-f", "b"]], ids=str)
def test_the_same_environments_are_chosen(project, monkeypatch, variables, words):
    project({"tox.ini": FILE})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if words and not {"TOX_LABELS", "TOX_FACTORS"}.isdisjoint(variables):
        # tox chooses by them even then: a difference that the docs list.
        monkeypatch.delenv("TOX_LABELS", raising=False)
        monkeypatch.delenv("TOX_FACTORS", raising=False)
    assert ours(words) == theirs(words)
