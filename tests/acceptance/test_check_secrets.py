"""What `stead check` says of secrets that a run would look up."""

from __future__ import annotations

import pytest

MANIFEST = """\
[vars]
TOKEN = { type = "secret", value = "age:secrets.age#token" }
"""


@pytest.fixture
def place(machine, project):
    mine = machine.ok("secret", "keygen", cwd=machine.home).split()[-1]
    root = project({"stead.toml": f'{MANIFEST}\n[secrets]\nrecipients = ["{mine}"]\n'})
    done = machine.run("secret", "set", "token", cwd=root, stdin="hunter2hunter2\n")
    assert done.returncode == 0, done.stderr
    return root


def key_of(machine):
    return machine.home / ".config" / "stead" / "identity.txt"


def test_a_file_that_a_key_at_hand_opens_is_not_worth_a_word(machine, place):
    assert machine.ok("check", cwd=place).strip() == "nothing is wrong"


def test_that_no_key_fits_is_a_warning_that_names_those_tried(machine, place):
    key_of(machine).unlink()
    machine.ok("secret", "keygen", cwd=machine.home)
    said = machine.ok("check", cwd=place)
    assert said.startswith("warning: stead.toml:2: age:secrets.age#token cannot be had here")
    assert "no key here fits" in said
    assert str(key_of(machine)) in said.replace("~", str(machine.home))
    assert "hunter2" not in said
    (found,) = machine.json("check", cwd=place)["findings"]
    assert found["kind"] == "warning"


def test_a_key_that_the_file_does_not_hold_is_an_error_with_the_nearest(machine, place):
    text = (place / "stead.toml").read_text(encoding="utf-8")
    (place / "stead.toml").write_text(text.replace("#token", "#tokn"), encoding="utf-8")
    done = machine.run("check", cwd=place)
    assert done.returncode == 1
    assert "did you mean 'token'?" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_a_file_that_is_not_there_is_an_error(machine, place):
    (place / "secrets.age").unlink()
    done = machine.run("check", cwd=place)
    assert done.returncode == 1
    assert "stead.toml:2: age:secrets.age#token cannot be had here" in done.stdout


def test_no_program_of_a_secret_runs(machine, project):
    text = '[vars]\nTOKEN = { type = "secret", value = "command:touch ran" }\n'
    root = project({"stead.toml": text})
    machine.ok("check", cwd=root)
    assert not (root / "ran").exists()
    machine.run("run", "true", cwd=root)
    assert (root / "ran").exists()
