"""The program as it is installed: both paths of `stead run`, and launchers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stead.shells.state import switch
from stead.values.activation import Change, apply

# Whether a run has no Python in it is seen by what programs it starts.
pytestmark = pytest.mark.needs("strace")

STEAD = Path(sys.executable).parent / "stead"

MANIFEST = """\
[vars]
GREETING = "it's $HOME `x`"

[tasks]
greet = ["sh", "-c", 'printf "%s|" "$GREETING" "$@"; pwd', "sh", "first"]
"""


class Tree:
    """A place without packages, and the installed program."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.above = base / "tree"
        self.place = self.above / "place it's"
        self.sub = self.place / "sub"
        self.sub.mkdir(parents=True)
        self.home = base / "home"
        self.manifest(MANIFEST)

    def manifest(self, text: str) -> None:
        (self.place / "stead.toml").write_text(text)

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.base),
            "STEAD_HOME": str(self.home),
            **more,
        }

    def call(self, *argv: object, cwd: Path | str | None = None, env=None):
        return subprocess.run(
            [str(word) for word in argv],
            cwd=cwd or self.place,
            env=self.environ() if env is None else env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def variables(self, *argv: object, cwd: Path | str | None = None, env=None) -> dict[str, str]:
        """Give what ``env -0`` sees when ``argv`` starts it."""
        done = self.call(*argv, cwd=cwd, env=env)
        assert done.returncode == 0, done.stderr
        pairs = (line.split("=", 1) for line in done.stdout.split("\0") if line)
        return {n: v for n, v in pairs if n not in ("SHLVL", "_")}

    def settle(self) -> None:
        """Let a run be recorded, and see that it was: the next one has no Python."""
        deadline = time.monotonic() + 90
        while True:
            done = self.call(STEAD, "run", "true")
            assert done.returncode == 0, done.stderr
            if (
                list(self.home.glob("places/at/**/current/run.sh"))
                and self.starts("run", "true") == 2
            ):
                return
            assert time.monotonic() < deadline, "the run never became fast"

    def starts(self, *words: object, program: object = STEAD, env=None) -> int:
        """Count the programs that are started one after the other; no other process may be."""
        done = self.call(
            "strace", "-f", "-e", "trace=execve,clone,clone3,fork,vfork", program, *words, env=env
        )
        lines = done.stderr.splitlines()
        if [ln for ln in lines if re.search(r"\b(clone3?|v?fork)\(", ln)]:
            return -1
        return len([ln for ln in lines if ln.startswith("execve") and ln.endswith("= 0")])


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    assert STEAD.exists(), "stead is not installed in the environment of the tests"
    return Tree(tmp_path.resolve())


CALLERS = {
    "plain": {},
    "python's settings": {"PYTHONPATH": "/a b", "PYTHONNOUSERSITE": "x", "PYTHONUTF8": "1"},
    "locale": {"LC_ALL": "C"},
    "odd": {"EMPTY": "", "LINES_": "a\nb", "OLDPWD": "/usr", "STEAD_ENVIRONMENT": "default"},
}


@pytest.mark.parametrize("more", CALLERS.values(), ids=CALLERS)
def test_both_paths_and_a_launcher_give_the_same_variables(tree, more):
    caller = tree.environ(**more)
    slow = tree.variables(STEAD, "run", "env", "-0", env=caller)
    tree.settle()
    fast = tree.variables(STEAD, "run", "env", "-0", env=caller)
    assert fast == slow
    assert fast["GREETING"] == "it's $HOME `x`"
    assert fast["PWD"] == str(tree.place)
    path = tree.call(STEAD, "launcher", "env", "-0").stdout.strip()
    assert tree.variables(path, env=caller) == fast
    elsewhere = tree.variables(STEAD, "-C", tree.place, "run", "env", "-0", env=caller, cwd="/")
    assert elsewhere == fast
    before = {"PWD": str(tree.place), **caller}
    inside = apply(
        switch([Change("set", "PATH", "/usr/bin"), Change("set", "X", "y")], before), before
    )
    assert tree.variables(STEAD, "run", "env", "-0", env=inside) == fast
    (tree.place / "stead.toml").touch()
    assert tree.variables(STEAD, "run", "env", "-0", env=inside) == fast


def test_the_second_run_has_no_python_and_an_edit_brings_it_back(tree):
    tree.settle()
    assert tree.starts("run", "greet") == 2
    tree.manifest(MANIFEST.replace("it's", "now"))
    assert tree.call(STEAD, "run", "greet", "b").stdout == f"now $HOME `x`|first|b|{tree.place}\n"
    tree.settle()
    assert tree.call(STEAD, "run", "greet").stdout == f"now $HOME `x`|first|{tree.place}\n"


def test_a_new_manifest_below_is_another_place(tree):
    tree.settle()
    assert (
        tree.call(STEAD, "run", "printenv", "STEAD_PLACE", cwd=tree.sub).stdout == f"{tree.place}\n"
    )
    (tree.sub / "stead.toml").write_text('[vars]\nGREETING = "below"\n')
    for _ in range(3):
        done = tree.call(STEAD, "run", "printenv", "STEAD_PLACE", "GREETING", cwd=tree.sub)
        assert done.stdout == f"{tree.sub}\nbelow\n", done.stderr
    (tree.sub / "stead.toml").unlink()
    assert (
        tree.call(STEAD, "run", "printenv", "STEAD_PLACE", cwd=tree.sub).stdout == f"{tree.place}\n"
    )


def test_a_manifest_that_appears_above_is_inherited_at_once(tree):
    tree.settle()
    assert tree.call(STEAD, "run", "printenv", "ABOVE").returncode == 1
    (tree.above / "stead.toml").write_text('[vars]\nABOVE = "yes"\n')
    assert tree.call(STEAD, "run", "printenv", "ABOVE").stdout == "yes\n"
    tree.settle()
    (tree.above / "stead.toml").unlink()
    assert tree.call(STEAD, "run", "printenv", "ABOVE").returncode == 1


@pytest.mark.needs("git")
def test_a_repository_that_begins_in_between_ends_inheritance_at_once(tree):
    (tree.above / "stead.toml").write_text('[vars]\nABOVE = "yes"\n')
    tree.settle()
    assert tree.call(STEAD, "run", "printenv", "ABOVE").stdout == "yes\n"
    subprocess.run(["git", "init", "-q", str(tree.place)], check=True)
    assert tree.call(STEAD, "run", "printenv", "ABOVE").returncode == 1


@pytest.mark.parametrize("words", [["no-such-command"], ["./sub"], ["--", "greet"]])
def test_a_command_that_cannot_start_is_the_same_on_both_paths(tree, words):
    slow = tree.call(STEAD, "run", *words)
    tree.settle()
    fast = tree.call(STEAD, "run", *words)
    assert fast.returncode == slow.returncode in (126, 127)
    assert fast.stderr == slow.stderr


def test_a_script_without_its_first_line_runs_on_both_paths(tree):
    tool = tree.sub / "tool"
    tool.write_text('echo "$GREETING $1"\n')
    tool.chmod(0o755)
    assert tree.call(STEAD, "run", "sub/tool", "a").stdout == "it's $HOME `x` a\n"
    tree.settle()
    assert tree.call(STEAD, "run", "sub/tool", "a").stdout == "it's $HOME `x` a\n"


class TestLauncher:
    def test_it_runs_from_anywhere_with_nothing_set(self, tree):
        path = tree.call(
            STEAD, "launcher", "sh", "-c", 'echo "$GREETING|$PWD|$1|$2"; exit 3', "sh", "a"
        ).stdout
        path = path.rstrip("\n")
        assert Path(path).name == "sh"
        assert os.access(path, os.X_OK)
        tree.settle()
        for _ in ("as recorded", "after an edit", "recorded again"):
            done = tree.call(path, "b c", cwd="/usr", env={})
            assert (done.returncode, done.stdout) == (3, "it's $HOME `x`|/usr|a|b c\n"), done.stderr
            (tree.place / "stead.toml").touch()

    def test_it_becomes_the_command_and_starts_nothing_else(self, tree):
        path = tree.call(STEAD, "launcher", "true").stdout.rstrip("\n")
        tree.settle()
        assert tree.starts(program=path) == 2
        assert tree.starts(program=path, env={}) == 2

    def test_it_never_runs_an_environment_that_is_out_of_date(self, tree):
        path = tree.call(STEAD, "launcher", "printenv", "GREETING").stdout.rstrip("\n")
        tree.settle()
        assert tree.call(path, env={}).stdout == "it's $HOME `x`\n"
        tree.manifest(MANIFEST.replace("it's", "now"))
        assert tree.call(path, env={}).stdout == "now $HOME `x`\n"
        tree.settle()
        assert tree.starts(program=path, env={}) == 2
        tree.manifest("nonsense")
        done = tree.call(path, env={})
        assert done.returncode == 1
        assert "stead.toml" in done.stderr

    def test_a_place_that_is_gone_is_said(self, tree):
        path = tree.call(STEAD, "launcher", "true").stdout.rstrip("\n")
        tree.place.rename(tree.base / "elsewhere")
        done = tree.call(path, cwd="/", env={})
        assert done.returncode != 0
        assert str(tree.place) in done.stderr

    def test_a_task_is_a_task_and_after_two_dashes_a_command(self, tree):
        task = tree.call(STEAD, "launcher", "greet", "x").stdout.rstrip("\n")
        literal = tree.call(STEAD, "launcher", "--name", "other", "--", "greet").stdout.rstrip("\n")
        tree.settle()
        for _ in ("as recorded", "after an edit"):
            done = tree.call(task, "y", cwd="/", env={})
            assert done.stdout == f"it's $HOME `x`|first|x|y|{tree.place}\n"
            assert tree.call(literal, cwd="/", env={}).returncode == 127
            (tree.place / "stead.toml").touch()

    def test_a_relative_command_is_the_one_seen_from_here(self, tree):
        tool = tree.sub / "tool"
        tool.write_text('#!/bin/sh\necho "$0"\n')
        tool.chmod(0o755)
        path = tree.call(STEAD, "launcher", "./tool", cwd=tree.sub).stdout.rstrip("\n")
        assert tree.call(path, cwd="/", env={}).stdout == f"{tool}\n"

    def test_it_goes_where_it_is_told_but_over_no_other_file(self, tree):
        target = tree.base / "bin" / "it's"
        words = ("launcher", "-o", "../../bin/it's", "true")
        assert tree.call(STEAD, *words).stdout == f"{target}\n"
        assert tree.call(STEAD, *words).returncode == 0  # its own
        target.write_text("#!/bin/sh\nprecious\n")
        done = tree.call(STEAD, *words)
        assert done.returncode == 2
        assert "no launcher" in done.stderr
        assert "precious" in target.read_text()
        assert tree.call(STEAD, "launcher", "--force", *words[1:]).returncode == 0
        assert tree.call(target, cwd="/", env={}).returncode == 0

    @pytest.mark.parametrize(
        "words", [[], ["--"], ["--name", "a/b", "true"], ["--name", "..", "true"]]
    )
    def test_what_cannot_be_one_is_refused(self, tree, words):
        done = tree.call(STEAD, "launcher", *words)
        assert done.returncode == 2
        assert "→" in done.stderr

    def test_the_default_home_needs_no_variable(self, tree):
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tree.base)}
        path = tree.call(STEAD, "launcher", "env", "-0", env=environ).stdout.rstrip("\n")
        assert path.startswith(str(tree.base / ".local" / "share" / "stead"))
        assert "STEAD_HOME" not in tree.variables(path, cwd="/", env=environ)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_damaged_record_costs_one_slow_run_and_no_more(tree, share):
    """As after a disk that lost the end of a file."""
    tree.settle()
    (script,) = tree.home.glob("places/at/**/[0-9]*/run.sh")
    with open(script, "rb+") as file:
        file.truncate(int(script.stat().st_size * share))
    done = tree.call(STEAD, "run", "greet", "second", cwd=tree.sub)
    assert (done.returncode, done.stdout) == (0, f"it's $HOME `x`|first|second|{tree.place}\n")
    assert tree.starts("run", "true") == 2
