"""`stead trust`, as people and scripts call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PROGRAM = Path(sys.prefix) / "bin" / "stead"


@pytest.fixture
def stead(tmp_path):
    env = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "STEAD_HOME": str(tmp_path / "stead"),
        "LANG": "C.UTF-8",
    }

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *words],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )

    run.env = env
    return run


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "p"
    (directory / "sub").mkdir(parents=True)
    (directory / "stead.toml").write_text('[vars]\nA = "1"\n')
    return directory


def trusted(stead, place) -> bool:
    return json.loads(stead("trust", "--show", "--json", cwd=place).stdout)["state"] == "trusted"


@pytest.mark.parametrize(
    ("answer", "code"), [("y", 0), ("yes", 0), ("n", 1), ("", 1), ("maybe", 1)]
)
def test_a_person_is_asked(stead, place, answer, code):
    child = pexpect.spawn(
        str(PROGRAM), ["trust"], cwd=str(place), env=stead.env, encoding="utf-8", timeout=90
    )
    child.expect_exact("adds A: 1")
    child.expect_exact("[y/N]")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert trusted(stead, place) == (code == 0)


def test_a_script_must_say_yes(stead, place):
    done = stead("trust", cwd=place)
    assert done.returncode == 1
    assert "no terminal to ask on" in done.stderr
    assert "stead trust --yes" in done.stderr
    assert not trusted(stead, place)
    assert stead("trust", "--yes", cwd=place).returncode == 0
    assert trusted(stead, place)


def test_showing_changes_nothing(stead, place):
    done = stead("trust", "--show", cwd=place)
    assert (done.returncode, "adds A: 1" in done.stdout) == (0, True)
    assert not trusted(stead, place)


def test_another_directory(stead, place):
    assert stead("trust", "p", "--yes", cwd=place.parent).returncode == 0
    assert trusted(stead, place)
    assert stead("trust", "--list", cwd=place.parent).stdout == f"{place}\n"
    listed = json.loads(stead("trust", "--list", "--json", cwd=place.parent).stdout)
    assert [p["place"] for p in listed["places"]] == [str(place)]
    assert stead("trust", "nowhere", cwd=place).returncode == 2


def test_revoking_works_from_below_and_with_a_broken_or_missing_place(stead, place):
    for spoil in (None, "text", "gone"):
        (place / "sub").mkdir(parents=True, exist_ok=True)
        (place / "stead.toml").write_text('[vars]\nA = "1"\n')
        stead("trust", "--yes", cwd=place)
        assert str(place) in stead("trust", "--list", cwd=place).stdout
        if spoil == "text":
            (place / "stead.toml").write_text("[[[")
        if spoil == "gone":
            (place / "stead.toml").unlink()
        done = stead("trust", "--revoke", cwd=place / "sub")
        assert (done.returncode, "no more" in done.stderr) == (0, True)
        assert stead("trust", "--list", cwd=place).stdout == ""
    stead("trust", "--yes", cwd=place.parent)
    done = stead("trust", "--revoke", str(place), cwd=place.parent)
    assert "was not trusted" in done.stderr


def test_revoking_says_what_still_trusts(stead, place, tmp_path):
    config = tmp_path / ".config" / "stead" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[trust]\npaths = ["{place}"]\n')
    assert trusted(stead, place)
    done = stead("trust", "--revoke", cwd=place)
    assert done.returncode == 1
    assert str(config) in done.stderr


def test_what_is_shown_cannot_paint_over_itself(stead, place):
    (place / "stead.toml").write_text('[vars]\nA = "\\u001b[2Khidden\\r"\n')
    shown = stead("trust", "--show", cwd=place).stdout
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "\\x1b[2Khidden\\r" in shown


def test_all_environments_are_trusted_at_once(stead, place):
    (place / "stead.toml").write_text('[vars]\nA = "1"\n[layer.dev.vars]\nB = "1"\n')
    stead("trust", "--yes", cwd=place)
    done = stead("trust", "--show", "--json", "-e", "dev", cwd=place)
    assert json.loads(done.stdout)["state"] == "trusted"


def test_the_lock_that_stead_writes_keeps_trust(stead, place):
    (place / "stead.toml").write_text('[vars]\nA = "1"\n[packages]\npython = ">=3"\n')
    stead("trust", "--yes", cwd=place)
    assert stead("lock", "--no-python-downloads", cwd=place).returncode == 0
    assert (place / "stead.lock").exists()
    assert trusted(stead, place)
    (place / "stead.lock").write_text((place / "stead.lock").read_text() + "\n")
    assert not trusted(stead, place)


@pytest.mark.parametrize("shell", ["tcsh", ""])
def test_a_hook_for_an_unknown_shell(stead, place, shell):
    done = stead("hook", *([shell] if shell else []), cwd=place)
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr
