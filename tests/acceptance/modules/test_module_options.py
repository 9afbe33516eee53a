"""Options of items: by flags, from a file, asked for; and what is said of wrong ones."""

from __future__ import annotations

import shutil
import sys

import pexpect
import pytest


@pytest.fixture
def root(registry, project):
    return project({})


def chosen(machine, root, *words: str):
    return machine.json("module", "add", "scale", "--plan", *words, cwd=root)["modules"][0][
        "options"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("--type", "triple", "--folds", "7"),
        ("--type=triple", "--folds=7"),
        ("--set", "type=triple", "--set", "folds=7"),
        ("--set", "type=double", "--type", "triple", "--folds", "7"),
    ],
)
def test_options_are_given_in_words(machine, root, words):
    assert chosen(machine, root, *words) == {"type": "triple", "folds": 7}


def test_the_name_may_stand_behind_them(machine, root):
    planned = machine.json("module", "add", "--type", "triple", "--plan", "scale", cwd=root)
    assert planned["modules"][0]["options"]["type"] == "triple"


def test_options_are_read_from_a_file_and_words_count_more(machine, root):
    (root / "answers.toml").write_text('type = "triple"\nfolds = 3\n')
    assert chosen(machine, root, "--options", "answers.toml") == {"type": "triple", "folds": 3}
    assert chosen(machine, root, "--options", "answers.toml", "--folds", "4")["folds"] == 4
    (root / "answers.toml").write_text("\n[folds]\na = 1\n")
    message = machine.fails("module", "add", "scale", "--options", "answers.toml", cwd=root)
    assert "answers.toml:2" in message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tipe", "double"), ("did you mean type?", "--type double|triple, --folds INT")),
        (("--type", "tripel"), ("did you mean triple?", "the choices are: double, triple")),
        (("--folds", "many"), ("folds must be a whole number, not 'many'",)),
        (("--folds", "2.5"), ("folds must be a whole number, not '2.5'",)),
        (("--tipe", "x", "--folds", "y"), ("2 options of scale", "tipe", "folds must be")),
        (("--type",), ("type needs a value", "say --type double|triple")),
        (("--folds", "--defaults"), ("folds needs a value", "say --folds INT")),
        (("--set", "type"), ("--set takes OPTION=VALUE",)),
        (("--options", "none.toml"), ("none.toml",)),
    ],
)
def test_a_wrong_option_is_told_with_what_there_is(machine, root, words, said):
    message = machine.fails("module", "add", "scale", *words, cwd=root, code=2)
    assert all(part in message for part in said), message
    assert not (root / "modules").exists()


def test_an_unknown_item_is_told_with_the_nearest(machine, root):
    message = machine.fails("module", "add", "sclae", cwd=root)
    assert message.startswith("error: no registry has an item sclae")
    assert "did you mean scale?" in message
    assert "plain" in message
    message = machine.fails("module", "add", "scale", "--registry", "taem", cwd=root)
    assert "did you mean team?" in message
    message = machine.fails("module", "add", "plain", "--revision", "9.0", cwd=root)
    assert "no plain 9.0" in message
    assert "1.0.0" in message


def test_an_item_that_several_registries_have_is_asked_about(machine, root, registry):
    # The shipped registry has one of this name too.
    shutil.copytree(registry / "plain", registry / "elasticity")
    file = registry / "elasticity/stead-item.toml"
    file.write_text(file.read_text().replace("plain", "elasticity"))
    message = machine.fails("module", "add", "elasticity", cwd=root)
    assert "several registries have an item elasticity: team, stead" in message
    assert "--registry team" in message
    assert "from team" in machine.ok("module", "show", "team/elasticity", cwd=root)
    words = ("module", "show", "elasticity", "--registry", "stead")
    assert "from stead (shipped)" in machine.ok(*words, cwd=root)


def test_on_a_terminal_options_are_asked_for(machine, root):
    environ = {**machine.environ, "PWD": str(root), "TERM": "dumb"}
    child = pexpect.spawn(
        str(machine.program),
        ["module", "add", "team/scale", "--folds", "3"],
        cwd=str(root),
        env=environ,
        encoding="utf-8",
        timeout=90,
    )
    child.logfile_read = sys.stdout
    child.expect_exact("type: double, triple")
    child.expect_exact("How many times? [double] ")
    child.sendline("tripl")
    child.expect_exact("did you mean triple?")
    child.expect_exact("How many times? [double] ")
    child.sendline("triple")
    child.expect("added scale .*--folds 3 --type triple")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    text = (root / "modules/scale/src/scale/main.py").read_text()
    assert text.startswith("FACTOR = 3\nFOLDS = 3\n")


def test_an_option_without_default_must_be_given(machine, root, registry):
    file = registry / "scale/stead-item.toml"
    file.write_text(file.read_text().replace('default = "double"\n', ""))
    message = machine.fails("module", "add", "team/scale", cwd=root, code=2)
    assert "scale needs the option type" in message
    assert "--type double|triple: How many times?" in message
