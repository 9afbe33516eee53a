"""`install`, `test` and `run` with `--module`: what is done with modules by their names."""

from __future__ import annotations

import pytest

MANIFEST = """
[workspace]
name = "p"

[layer.alpha]
commands = [["tool"]]
[layer.alpha.packages.pypi]
tool = "1.0"
[tasks.alpha]
run = ["tool", "run"]
environment = "alpha"
[app.alpha]
run = ["tool", "run"]
environment = "alpha"

[layer.beta]
commands = [["sh", "beta.sh", "test"]]
cwd = "modules/beta"
[tasks."beta:install"]
run = ["sh", "-c", "echo made > made.txt"]
cwd = "modules/beta"
[tasks."beta:install-2"]
run = ["sh", "-c", "cat made.txt > ready.txt"]
cwd = "modules/beta"
depends = ["beta:install"]
[tasks.beta]
run = ["sh", "beta.sh", "run"]
cwd = "modules/beta"
depends = ["beta:install-2"]
[app.beta]
run = ["sh", "beta.sh", "run"]
cwd = "modules/beta"
libs = ["beta"]
[lib.beta.accepts]
GREETING = { type = "str", default = "hello" }

[tasks.gamma]
run = ["true"]
"""

SCRIPT = 'echo beta "$GREETING" "$@"\n'


@pytest.fixture
def place(project):
    """A project with three modules, as they are once their records are forgotten."""
    return project(
        {
            "stead.toml": MANIFEST,
            "modules/alpha/README.md": "",
            "modules/beta/beta.sh": SCRIPT,
            "modules/gamma/README.md": "",
            "modules/notes/README.md": "",
        }
    )


def test_install_makes_all_modules_ready(machine, place):
    said = machine.ok("install", cwd=place)
    lines = sorted(said.splitlines())
    assert [line.split(" (")[0] for line in lines] == [
        "alpha: ready",
        "beta: ready",
        "gamma: nothing to install",
    ]
    assert (place / "modules" / "beta" / "ready.txt").read_text() == "made\n"
    assert "tool ran" in machine.ok("run", "-e", "alpha", "--locked", "--", "tool", cwd=place)


def test_install_takes_those_that_are_named(machine, place):
    found = machine.json("install", "--module", "beta", "--module", "beta", cwd=place / "modules")
    assert [(one["name"], one["code"]) for one in found] == [("beta", 0)]
    assert (place / "modules" / "beta" / "ready.txt").exists()


def test_one_that_cannot_be_installed_hinders_no_other(machine, place):
    text = (place / "stead.toml").read_text()
    (place / "stead.toml").write_text(text.replace('tool = "1.0"', 'tool = "99"'))
    done = machine.run("install", cwd=place)
    assert done.returncode == 1
    assert "beta: ready" in done.stdout
    assert "alpha: failed with code 1" in done.stdout
    assert "tool" in done.stdout.partition("alpha: failed")[2]
    assert "1 of 3 modules could not be installed" in done.stderr


@pytest.mark.parametrize(
    "words", [("install", "--module"), ("test", "--module"), ("run", "--module")]
)
def test_a_module_that_is_not_there_is_told_with_the_nearest(machine, place, words):
    said = machine.fails(*words, "alhpa", cwd=place, code=2)
    assert "no module alhpa is here; did you mean alpha?" in said
    assert "alpha, beta, gamma" in said


def test_a_project_without_modules_says_how_to_get_one(machine, project):
    root = project({"stead.toml": '[workspace]\nname = "p"\n'})
    assert "stead module add" in machine.fails("install", cwd=root, code=2)


def test_a_module_is_a_goal_of_the_matrix(machine, place):
    assert "alpha: passed" in machine.ok("test", "--module", "alpha", cwd=place)
    said = machine.ok("test", cwd=place)
    assert "passed  alpha" in said
    assert "passed  beta" in said
    both = machine.ok("test", "--module", "beta", "--module", "alpha", "--list", cwd=place)
    assert "alpha" in both
    assert "has nothing to test" in machine.fails("test", "--module", "gamma", cwd=place, code=2)


def test_a_modules_name_means_the_environment_that_its_tests_run_in(machine, place):
    text = (place / "stead.toml").read_text()
    changed = text.replace(
        '[layer.alpha]\ncommands = [["tool"]]',
        '[layer.alpha-test]\ncommands = [["tool"]]\ninherits = ["alpha"]',
    )
    assert changed != text
    (place / "stead.toml").write_text(changed)
    for words in (("alpha",), ("-e", "alpha"), ("--module", "alpha"), ("alpha-test",)):
        chosen = machine.json("test", *words, "--list", cwd=place)
        assert [one["name"] for one in chosen["environments"]] == ["alpha-test"]
    assert "alpha-test: passed" in machine.ok("test", "alpha", "beta", cwd=place)
    # What has commands of its own is meant by its name.
    (place / "stead.toml").write_text(
        changed.replace(
            "[layer.alpha.packages", '[layer.alpha]\ncommands = [["true"]]\n[layer.alpha.packages'
        )
    )
    assert "alpha: passed" in machine.ok("test", "alpha", cwd=place)


def test_a_modules_command_gets_the_arguments(machine, place):
    machine.ok("install", cwd=place)
    said = machine.ok("run", "--module", "beta", "--", "nearest", "--here", "1", cwd=place)
    assert said == "beta hello nearest --here 1\n"
    assert machine.ok("run", "--module", "beta", cwd=place) == "beta hello run\n"
    assert machine.ok("run", "--module", "alpha", "--", "any", cwd=place) == "tool ran\n"


def test_options_alone_are_for_what_the_module_runs_otherwise(machine, place):
    machine.ok("install", cwd=place)
    said = machine.ok("run", "--module", "beta", "--", "--input", "x.csv", cwd=place)
    assert said == "beta hello run --input x.csv\n"
    assert machine.ok("run", "beta", "--", "--input", "x.csv", cwd=place) == said


def test_a_module_without_subcommands_gets_its_arguments_alone(machine, place):
    text = (place / "stead.toml").read_text()
    (place / "stead.toml").write_text(text.replace('"beta.sh", "run"]', '"beta.sh"]'))
    assert machine.ok("run", "--module", "beta", cwd=place) == "beta hello\n"
    assert machine.ok("run", "--module", "beta", "--", "-x", cwd=place) == "beta hello -x\n"


def test_a_modules_command_has_the_apps_configuration(machine, place):
    said = machine.ok("run", "--module", "beta", "--set", "GREETING=ahoy", "--", "x", cwd=place)
    assert said == "beta ahoy x\n"


def test_a_modules_exit_code_is_its_own(machine, place):
    (place / "modules" / "beta" / "beta.sh").write_text("exit 7\n")
    assert machine.run("run", "--module", "beta", cwd=place).returncode == 7
