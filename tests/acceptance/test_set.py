"""`stead set` and `stead unset`: one value changes, and nothing else does."""

from __future__ import annotations

import stat
import subprocess

import pytest

MANIFEST = """\
# mine, with a comment

[vars]
# the first
HELLO = "1"   # said of it
COUNT = 5

[layer.prod.vars]
HELLO = "prod"
"""


def snapshot(root):
    return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_value_changes_and_nothing_else(machine, project):
    root = project({"stead.toml": MANIFEST})
    out = machine.ok("set", "HELLO=a 'b' \"c\"=d", "COUNT=7", "NEW=", cwd=root)
    assert out == "changed stead.toml\n"
    expected = MANIFEST.replace('"1"   #', '"a \'b\' \\"c\\"=d"   #').replace(
        "5\n", '7\nNEW = ""\n'
    )
    assert (root / "stead.toml").read_text() == expected
    code = "import os; print(os.environ['HELLO'], os.environ['COUNT'], repr(os.environ['NEW']))"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "a 'b' \"c\"=d 7 ''\n"
    assert machine.ok("set", "HELLO=a 'b' \"c\"=d", cwd=root) == "nothing to change\n"


def test_a_layer_s_value_changes(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("set", "--layer", "prod", "HELLO=2", cwd=root)
    machine.ok("set", "--layer", "dev", "HELLO=3", cwd=root)
    text = MANIFEST.replace('"prod"', '"2"')
    assert (root / "stead.toml").read_text() == f'{text}\n[layer.dev.vars]\nHELLO = "3"\n'
    assert "HELLO=3" in machine.ok("run", "-e", "dev", "env", cwd=root)
    machine.ok("unset", "--layer", "dev", "HELLO", cwd=root)
    assert "HELLO=1" in machine.ok("run", "-e", "dev", "env", cwd=root)


def test_a_value_is_taken_away(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("unset", "HELLO", cwd=root)
    assert (root / "stead.toml").read_text() == MANIFEST.replace('HELLO = "1"   # said of it\n', "")
    before = snapshot(root)
    message = machine.fails("unset", "COUNT", "NOPE", cwd=root)
    assert "there is no variable NOPE here" in message
    assert snapshot(root) == before


def test_what_would_not_compose_changes_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    before = snapshot(root)
    assert "HELLO" in machine.fails("set", "HELLO=${HELLO", "COUNT=6", cwd=root)
    machine.fails("set", "A=${B}", "B=${A}", cwd=root)
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("9A=1",), "'9A' cannot name a variable"),
        (("A",), "'A' has no value"),
        (("STEAD_HOME=x",), "are Stead's own"),
        (("--private", "--layer", "x", "A=1"), "not allowed with"),
    ],
)
def test_a_wrong_command_line_is_told(machine, project, words, said):
    root = project({"stead.toml": MANIFEST})
    before = snapshot(root)
    assert said in machine.fails("set", *words, cwd=root, code=2)
    assert snapshot(root) == before


TYPED = """\
[vars]
LEVEL = { type = "int", value = 3, min = 1, max = 9, description = "how loud" }   # said of it
MODE = { type = "enum", choices = ["a", "b"], default = "a" }
WANTED = { type = "str", required = true }
PASSWORD = { type = "secret" }
"""


def test_a_declared_variable_keeps_its_declaration(machine, project):
    root = project({"stead.toml": TYPED})
    machine.ok("set", "LEVEL=5", "MODE=b", cwd=root)
    text = TYPED.replace("value = 3", "value = 5").replace(
        'default = "a" }', 'default = "a", value = "b" }'
    )
    assert (root / "stead.toml").read_text() == text
    machine.ok("unset", "LEVEL", cwd=root)
    assert (root / "stead.toml").read_text() == text.replace(" value = 5,", "")
    assert "LEVEL is declared here and has no value" in machine.fails("unset", "LEVEL", cwd=root)


def test_what_is_wrong_already_hinders_no_edit_of_something_else(machine, project):
    root = project({"stead.toml": TYPED})
    machine.ok("set", "--layer", "new", "LEVEL=5", cwd=root)
    machine.ok("set", "FIRST=1", cwd=root)
    machine.ok("set", "--private", "OTHER=1", cwd=root)
    assert "WANTED has no value" in machine.run("check", cwd=root).stdout
    machine.ok("set", "WANTED=1", cwd=root)
    machine.ok("check", cwd=root)


@pytest.mark.parametrize("value", ["LEVEL=loud", "LEVEL=10", "MODE=c"])
def test_a_value_that_its_type_does_not_take_is_refused(machine, project, value):
    root = project({"stead.toml": TYPED})
    before = snapshot(root)
    for words in (("set",), ("set", "--private")):
        message = machine.fails(*words, value, cwd=root)
        assert value.partition("=")[0] in message
        assert snapshot(root) == before


def test_a_project_of_other_tools_gets_a_manifest(machine, project):
    root = project({"requirements.txt": "", "sub/x.py": ""})
    assert machine.ok("set", "A=1", cwd=root / "sub") == "changed ../stead.toml\n"
    assert (root / "stead.toml").read_text() == '[vars]\nA = "1"\n'
    assert (root / "requirements.txt").read_text() == ""


def test_a_pyproject_with_stead_s_table_is_edited(machine, project):
    text = '[project]\nname = "x"\nversion = "1"\n\n[tool.stead.vars]\nA = "1"\n'
    root = project({"pyproject.toml": text, "x.py": ""})
    machine.ok("set", "A=2", cwd=root)
    assert (root / "pyproject.toml").read_text() == text.replace('A = "1"', 'A = "2"')
    assert not (root / "stead.toml").exists()


# -- the private file


def test_a_private_value_goes_into_the_untracked_file(machine, project):
    root = project({"stead.toml": MANIFEST})
    assert machine.ok("set", "--private", "PASSWORD=it's", cwd=root) == "changed .env\n"
    file = root / ".env"
    assert file.read_text() == 'PASSWORD="it\'s"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (root / "stead.toml").read_text() == MANIFEST
    assert "it's" not in "".join(
        p.read_text(errors="replace") for p in machine.stead_home.rglob("*") if p.is_file()
    )
    machine.ok("unset", "--private", "PASSWORD", cwd=root)
    assert file.read_text() == ""


def test_a_private_value_need_not_stand_on_the_command_line(machine, project):
    root = project({"stead.toml": MANIFEST})
    done = machine.run("set", "--private", "PASSWORD", cwd=root, stdin="s3 cret\n")
    assert done.returncode == 0, done.stderr
    assert (root / ".env").read_text() == "PASSWORD='s3 cret'\n"
    assert "s3 cret" not in done.stdout + done.stderr


def test_a_file_that_is_there_keeps_its_lines_and_mode(machine, project):
    text = "# mine\n\nexport A=1 # said of it\nB='x\ny'\n"
    root = project({"stead.toml": MANIFEST, ".env": text})
    (root / ".env").chmod(0o640)
    done = machine.run("set", "--private", "A=2", "C=3", cwd=root)
    assert done.returncode == 0, done.stderr
    assert (root / ".env").read_text() == text.replace("A=1", "A=2") + "C=3\n"
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o640
    assert "can be read by others" in done.stderr


def test_a_value_that_not_all_would_read_alike_is_refused_unseen(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "A=1\n"})
    message = machine.fails("set", "--private", 'A=it\'s "s3cret"', cwd=root)
    assert "A cannot be written into a .env" in message
    assert "s3cret" not in message
    assert (root / ".env").read_text() == "A=1\n"


def test_a_file_with_a_fault_can_be_mended_by_setting_the_value(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "A = 1\n"})
    assert ".env:1: A: " in machine.fails("set", "--private", "B=2", cwd=root)
    machine.ok("set", "--private", "A=1", cwd=root)
    assert (root / ".env").read_text() == "A=1\n"


@pytest.mark.needs("git")
def test_a_file_that_git_tracks_is_refused(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "A=1\n"})
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    message = machine.fails("set", "--private", "A=2", cwd=root)
    assert "git tracks this file" in message
    assert "git rm --cached .env" in message
    assert (root / ".env").read_text() == "A=1\n"
    subprocess.run(["git", "-C", str(root), "rm", "-q", "--cached", ".env"], check=True)
    done = machine.run("set", "--private", "A=2", cwd=root)
    assert "git does not ignore .env" in done.stderr
    (root / ".gitignore").write_text(".env\n")
    (root / ".env").chmod(0o600)
    assert machine.run("set", "--private", "A=3", cwd=root).stderr == ""
