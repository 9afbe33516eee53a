"""A place's ``.env``: values of one person, of one machine."""

from __future__ import annotations

import json
import os
import stat

import pytest

SHOW = ("run", "--", "sh", "-c", "echo $A $B")


def test_a_place_with_only_a_dotenv_gets_its_values(machine, project):
    root = project({".env": "A=one\nexport B='two $x'\n# C\n"})
    for _ in range(2):
        assert machine.ok(*SHOW, cwd=root) == "one two $x\n"
    assert machine.json("env", "vars", cwd=root)["set"]["A"] == "one"
    assert machine.ok("explain", "A", cwd=root).splitlines()[2].split() == [
        *("defined", "wins", ".env", "one", "(.env:1)")
    ]  # fmt: skip


def test_one_in_a_subdirectory_inherits_its_parents(machine, project):
    root = project(
        {
            "stead.toml": "[vars]\nA = 'manifest'\nB = 'manifest'\n[lib.l.accepts]\nX = {}\n",
            ".env": "A=above\n",
            "sub/.env": "B=below\n",
            "sub/deep/x": "",
        }
    )
    assert machine.ok(*SHOW, cwd=root) == "above manifest\n"
    for _ in range(2):
        assert machine.ok(*SHOW, cwd=root / "sub") == "above below\n"
        assert machine.ok(*SHOW, cwd=root / "sub/deep") == "above below\n"
    (root / "sub/.env").write_text("A=nearer\n", encoding="utf-8")
    assert machine.ok(*SHOW, cwd=root / "sub") == "nearer manifest\n"


def test_an_edit_counts_at_once(machine, project):
    root = project({".env": "A=1\n"})
    for value in ("1", "2", "3"):
        (root / ".env").write_text(f"A={value}\n", encoding="utf-8")
        for _ in range(2):
            assert machine.ok(*SHOW, cwd=root) == f"{value}\n"
    (root / "stead.toml").write_text("[vars]\nA = 'manifest'\n", encoding="utf-8")
    assert machine.ok(*SHOW, cwd=root) == "3\n"
    (root / ".env").unlink()
    assert machine.ok(*SHOW, cwd=root) == "manifest\n"
    (root / ".env").write_text("A=back\n", encoding="utf-8")
    assert machine.ok(*SHOW, cwd=root) == "back\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A=x#y", "#"),
        ('A="unterminated', "quote"),
        ("A=it's", "quotes"),
        ("A=${HOME}", "$"),
        ("A = x", "runs the line as a command"),
        ("A=x y", "space"),
    ],
)
def test_a_line_that_is_not_read_alike_stops(machine, project, line, said):
    root = project({".env": f"B=fine\n\n{line}\n"})
    for words in (("run", "--", "touch", "started"), ("check",)):
        done = machine.run(*words, cwd=root)
        assert done.returncode == 1
        text = done.stdout + done.stderr
        assert ".env:3" in text
        assert said in text
        assert "Traceback" not in text
    assert not (root / "started").exists()


def test_every_such_line_is_said(machine, project):
    lines = ["A=x#y", "B=fine", "C=a b", "no equals sign", "D=${E}"]
    root = project({".env": "\n".join(lines) + "\n"})
    said = machine.fails("run", "true", cwd=root)
    for number in (1, 3, 4, 5):
        assert f".env:{number}" in said
    assert ".env:2" not in said


def test_check_says_what_is_wrong_besides(machine, project):
    """A required value may stand where nobody could read it; a wrong one is wrong all the same."""
    text = "[vars]\nA = { type = 'int', value = 'many' }\n"
    root = project({"stead.toml": text, ".env": "B=x#y\n"})
    done = machine.run("check", cwd=root)
    assert done.returncode == 1
    assert done.stdout.startswith("error: .env:1: ")
    assert "\nerror: stead.toml:2: A is 'many'" in done.stdout
    told = json.loads(machine.run("check", "--json", cwd=root).stdout)
    assert [f["where"] for f in told["findings"]] == [f"{root}/.env:1", f"{root}/stead.toml:2"]


def test_status_says_what_is_wrong_and_the_rest(machine, project):
    root = project({"stead.toml": "[vars]\nA = 'x'\n", ".env": "A=a b\nB='never closed\n"})
    found = machine.json("status", cwd=root)
    assert found["place"] == str(root)
    assert [v["name"] for v in found["variables"]] == ["A"]
    (problem,) = found["problems"]
    assert ".env:1" in problem["what"]
    assert ".env:2" in problem["what"]
    assert "single quotes" in problem["mend"]
    told = machine.ok("status", cwd=root)
    assert "to mend      " in told
    assert ".env:2: B: " in told
    (root / "stead.toml").write_text("[vars\n", encoding="utf-8")
    assert "stead.toml:1" in machine.fails("status", cwd=root)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xef\xbb\xbfA=1\n", 1),
        (b"A=1\nB=\0\n", 2),
        (b"A=1\nB=\xff\n", 2),
    ],
)
def test_bytes_that_are_no_text(machine, project, content, line):
    root = project({})
    (root / ".env").write_bytes(content)
    assert f".env:{line}" in machine.fails("run", "true", cwd=root)


def test_a_near_miss_of_a_declared_name_is_an_error(machine, project):
    text = "[lib.l.accepts]\nPG_POOL = { type = 'int' }\n[app.a]\nlibs = ['l']\nrun = ['true']\n"
    root = project({"stead.toml": text, ".env": "PG_POLO=3\nOTHER=x\n"})
    said = machine.fails("run", "a", cwd=root)
    assert ".env:1" in said
    assert "PG_POOL" in said
    assert "OTHER" not in said


def test_a_value_of_the_wrong_type_is_said_with_its_line(machine, project):
    text = "[vars]\nA = { type = 'int', max = 5, value = 1 }\n"
    root = project({"stead.toml": text, ".env": "\nA=9\n"})
    said = machine.fails("run", "true", cwd=root)
    assert ".env:2" in said
    assert "9" in said


def test_what_one_is_said_to_be_secret_is_not_shown(machine, project):
    text = "[vars]\nA = { type = 'secret', required = true }\n"
    root = project({"stead.toml": text})
    assert "A" in machine.fails("run", "true", cwd=root)
    (root / ".env").write_text("A=pl4nted\n", encoding="utf-8")
    for _ in range(2):
        assert machine.ok("run", "--", "sh", "-c", "echo $A", cwd=root) == "pl4nted\n"
    for words in (("explain", "A"), ("config", "list"), ("check",), ("env", "vars")):
        assert "pl4nted" not in machine.ok(*words, cwd=root)


def test_what_is_kept_of_it_is_for_its_owner_alone(machine, project):
    text = "[files]\n'all.json' = { format = 'json', names = ['A'] }\n"
    root = project({"stead.toml": text, ".env": "A=pr1vate-value\n"})
    machine.ok("trust", "--yes", cwd=root)
    machine.ok("run", "true", cwd=root)
    machine.ok("launcher", "-o", str(root / "launch"), "true", cwd=root)
    holding = [
        path
        for path, (mode, _, content) in machine.tree(machine.home).items()
        if stat.S_ISREG(mode) and b"pr1vate-value" in content
    ]
    assert holding
    for path in holding:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700, path
    assert "pr1vate-value" not in (root / "launch").read_text()


def test_a_deploy_would_not_have_it_and_a_layer_does_not_outrank_it(machine, project):
    root = project({"stead.toml": "[layer.prod.vars]\nA = 'layer'\n", ".env": "A=own\n"})
    words = ("run", "-e", "prod", "--", "sh", "-c", "echo $A")
    assert machine.ok(*words, cwd=root) == "own\n"
