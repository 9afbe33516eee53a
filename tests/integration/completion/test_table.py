"""The table says all that the parsers know, and the words come from reading alone."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stead.cli.completion import table
from stead.cli.main import COMMANDS, parser_of, shown_of
from stead.pipeline.words import KINDS, words

PROGRAM = Path(sys.prefix) / "bin" / "stead"


def parsers():
    def below(parser, state):
        yield state, parser
        for action in shown_of(parser):
            if isinstance(action, argparse._SubParsersAction):
                for name, sub in action.choices.items():
                    yield from below(sub, f"{state}/{name}")

    for name in COMMANDS:
        yield from below(parser_of(name), name)


def test_every_command_option_and_choice_is_in_the_table():
    made = table()
    assert {line.partition("\t")[0] for line in made["w:"]} == set(COMMANDS)
    for state, parser in parsers():
        offered = {line.partition("\t")[0] for line in made[f"o:{state}"]}
        assert offered == {o for a in shown_of(parser) for o in a.option_strings}, state
        for action in shown_of(parser):
            for option in action.option_strings:
                assert (f"v:{state}:{option}" in made) == (action.nargs != 0), (state, option)
            if action.choices and not isinstance(action, argparse._SubParsersAction):
                kinds = [
                    lines
                    for key, lines in made.items()
                    if key.startswith((f"v:{state}:", f"p:{state}:"))
                ]
                assert ("=" + " ".join(map(str, action.choices)),) in kinds


OTHERS = ("tested", "item", "owned", "page")
"""Kinds whose words stand in no manifest."""


def test_every_kind_is_one_that_somebody_knows():
    known = {"", "file", "directory", "command", *OTHERS, *KINDS}
    for key, lines in table().items():
        assert not any("\n" in line for line in lines)
        if key[0] in "vp":
            (kind,) = lines
            assert kind.startswith("=") or kind in known, key
        else:
            assert key[0] in "wot"
            assert key[0] == "t" or all("\t" in line for line in lines)


FOREIGN = {
    "setup.py": "import os\nopen('harmed', 'w')\nfrom setuptools import setup\nsetup(name='x')\n",
    "environment.yml": "dependencies:\n- numpy\n- !!python/object/apply:os.system ['touch harmed']\n",
    "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\n[build-system]\nrequires = ['evil']\n",
    "tox.ini": "[tox]\nenvlist = py3, {env:A:x}\n[testenv]\ncommands = touch harmed\n",
    ".env": "A=$(touch harmed)\n",
    "sitecustomize.py": "open('harmed', 'w')\n",
    "stead.py": "open('harmed', 'w')\n",
}


def test_nothing_of_the_place_is_run_or_made(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    for name, text in FOREIGN.items():
        (place / name).write_text(text, encoding="utf-8")
    (place / "stead.toml").write_text(
        "[workspace]\n[vars]\nB = '$(touch harmed)'\n[uses]\nm = { git = 'file:///nowhere' }\n",
        encoding="utf-8",
    )
    spies = tmp_path / "spies"
    spies.mkdir()
    for name in ("git", "uv", "conda", "python3", "sh"):
        (spies / name).write_text(f"#!/bin/sh\n: >{tmp_path}/asked\n", encoding="utf-8")
        (spies / name).chmod(0o755)
    before = sorted(os.listdir(tmp_path)), sorted(os.listdir(place))
    for kind in (*KINDS, *OTHERS):
        done = subprocess.run(
            [str(PROGRAM), "__complete", kind],
            cwd=place,
            env={
                "HOME": str(tmp_path),
                "PATH": f"{spies}:/usr/bin:/bin",
                "STEAD_HOME": str(tmp_path / "stead"),
                "PYTHONPATH": str(place),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), kind
    assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(place))) == before


def test_items_of_registries_and_modules_of_the_project(tmp_path):
    place = tmp_path / "place"
    (place / "items/tiny").mkdir(parents=True)
    (place / "items/tiny/stead-item.toml").write_text(
        'name = "tiny"\nkind = "lib"\nversion = "1.0"\nsummary = "Does little"\n'
    )
    (place / "stead.toml").write_text(
        '[workspace]\n[registries]\nmine = "items"\nfar = { git = "file:///nowhere" }\n'
    )
    environ = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "STEAD_HOME": str(tmp_path / "stead"),
    }

    def stead(*words):
        done = subprocess.run(
            [str(PROGRAM), *words],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    said = stead("__complete", "item")
    assert "tiny\tDoes little" in said
    assert any(line.startswith("elasticity\t") for line in said)
    stead("module", "add", "mine/tiny")
    assert stead("__complete", "owned") == ["tiny\t1.0, modules/tiny"]
    assert any(line.startswith("prices\t") for line in stead("__complete", "page"))


def test_words_of_the_lock(tmp_path):
    (tmp_path / "stead.toml").write_text("[workspace]\n", encoding="utf-8")
    (tmp_path / "stead.lock").write_text(
        "version = 1\n\n"
        '[environment."."."deep"."linux-64"]\nrequests = [\n  "pypi leaf",\n]\n'
        'artifacts = [\n  "pypi/leaf-1.0",\n]\n\n'
        '[artifact."pypi/leaf-1.0"]\nname = "leaf"\nversion = "1.0"\n',
        encoding="utf-8",
    )

    def of(kind):
        return [w for w, _ in words(kind, str(tmp_path), home=tmp_path / "h", user_home="/nobody")]

    assert of("locked") == ["leaf"]
    assert of("environment") == ["deep", "default"]
    (tmp_path / "stead.lock").write_text("no lock", encoding="utf-8")
    assert of("locked") == []
    assert of("environment") == ["default"]


@pytest.mark.parametrize("rest", [[], ["nothing"], ["task", "more"], ["--help"], ["../x"]])
def test_any_question_gets_an_answer(tmp_path, rest):
    done = subprocess.run(
        [str(PROGRAM), "-C", "/not/there", "__complete", *rest],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
