"""What is done at the last moment: checks all at once, secrets all at once, or nothing starts."""

from __future__ import annotations

import json
import re
import subprocess

import pytest


def test_a_used_modules_checks_come_with_it(machine, project):
    root = project(
        {
            "stead.toml": "[uses]\nlibs = { path = 'libs' }\n"
            "[client.c]\nuses = 'used'\n[app.a]\nclients = ['c']\nrun = ['true']\n",
            "libs/stead.toml": "[lib.used.checks]\nscans = { path = 'scans', message = 'fetch them' }\n"
            "[lib.idle.checks]\nother = { path = 'other' }\n"
            "[lib.idle.accepts]\nX = {}\n",
        }
    )
    said = machine.fails("run", "a", cwd=root)
    assert f"{root}/libs/stead.toml:2: " in said
    assert "libs/scans is not there" in said
    assert "lib used" in said
    assert "fetch them" in said
    assert "other" not in said
    (root / "libs/scans").mkdir()
    machine.ok("run", "a", cwd=root)


def test_checks_run_side_by_side_and_not_for_ever(machine, project):
    """Two that wait for each other both hold; one that never answers is given up."""

    def meet(mine: str, other: str) -> str:
        return f"touch {mine}; while [ ! -e {other} ]; do sleep 0.02; done"

    root = project(
        {
            "stead.toml": "[checks]\n"
            f"a = {{ run = ['sh', '-c', '{meet('a', 'b')}'], timeout = '60s' }}\n"
            f"b = {{ run = ['sh', '-c', '{meet('b', 'a')}'], timeout = '60s' }}\n"
        }
    )
    machine.ok("run", "true", cwd=root)
    with open(root / "stead.toml", "a", encoding="utf-8") as file:
        file.write("never = { run = ['sleep', '600'], timeout = '500ms' }\n")
    said = machine.fails("run", "true", cwd=root)
    assert "stead.toml:4: " in said
    assert "sleep 600" in said
    assert "stead.toml:2" not in said


def test_checks_see_what_the_process_will_have(machine, project):
    text = "[vars]\nT = { type = 'secret', value = 'env:HIDDEN' }\nP = 'plain'\n"
    text += "[checks]\nown = { run = ['sh', '-c', 'test \"$T$P\" = s3cretplain'] }\n"
    root = project({"stead.toml": text})
    assert machine.run("run", "true", cwd=root, env={"HIDDEN": "s3cret"}).returncode == 0
    done = machine.run("run", "true", cwd=root, env={"HIDDEN": "s3cret-other"})
    assert done.returncode == 1
    assert "s3cret-other" not in done.stderr


def test_every_secret_that_cannot_be_had_is_said(machine, project):
    text = """\
[vars]
A = { type = "secret", value = "env:NOT_SET" }
B = { type = "secret", value = "age:no-such.age#b" }
C = { type = "secret", value = "command:false" }
D = { type = "secret", value = "env:SET" }
"""
    root = project({"stead.toml": text})
    done = machine.run("run", "touch", "started", cwd=root, env={"SET": "x"})
    assert done.returncode == 1
    for line, part in ((2, "NOT_SET"), (3, "no-such.age"), (4, "command:false")):
        assert f"stead.toml:{line}: " in done.stderr
        assert part in done.stderr
    assert "stead.toml:5" not in done.stderr
    assert not (root / "started").exists()
    # Looking needs none of them.
    machine.ok("check", cwd=root)
    machine.ok("config", "list", cwd=root)


def test_only_what_is_started_gets_its_app_s_secrets(machine, project):
    """Another app's secret is not looked up: it may be out of this person's reach."""
    text = "".join(
        f"[app.{name}]\nrun = ['sh', '-c', 'echo ${name.upper()}']\n"
        f"[app.{name}.vars]\n{name.upper()} = {{ type = 'secret', value = 'env:HAS_{name}' }}\n"
        for name in ("one", "two")
    )
    root = project({"stead.toml": text})
    done = machine.run("run", "one", cwd=root, env={"HAS_one": "1"})
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    done = machine.run("run", "two", cwd=root, env={"HAS_one": "1"})
    assert done.returncode == 1
    assert "HAS_two" in done.stderr


def test_the_hooks_text_has_no_secret_and_says_nothing_of_it(machine, project):
    text = "[vars]\nT = { type = 'secret', value = 'env:HIDDEN' }\nURL = 'x:${T}'\nPLAIN = 'y'\n"
    root = project({"stead.toml": text})
    machine.ok("trust", "--yes", cwd=root)
    machine.ok("run", "true", cwd=root, env={"HIDDEN": "pl4nted"})
    for shell in ("bash", "zsh", "fish"):
        done = machine.run("hook", "--evaluate", shell, cwd=root, env={"HIDDEN": "pl4nted"})
        assert done.returncode == 0, done.stderr
        assert "PLAIN" in done.stdout
        assert "pl4nted" not in done.stdout + done.stderr
        assert not re.search(r"\bURL\b", done.stdout)


def test_a_launcher_of_a_place_with_secrets_has_none_and_gives_them(machine, project):
    text = "[vars]\nT = { type = 'secret', value = 'env:HIDDEN' }\n"
    root = project({"stead.toml": text})
    machine.environ["HIDDEN"] = "pl4nted"
    launcher = root / "launch"
    machine.ok("launcher", "-o", str(launcher), "sh", "-c", "echo $T", cwd=root)
    assert "pl4nted" not in launcher.read_text()
    for _ in range(2):
        done = subprocess.run(
            [str(launcher)],
            cwd="/",
            env=machine.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "pl4nted\n"


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("a\nb {{ NOPE }}\n", 2, "NOPE is not known"),
        ("a\n\n{% if A %}\n", 3, "if"),
        (
            "{{ A.__class__.__mro__ }}\n",
            1,
            "at A: an expression asks for what templates may not use",
        ),
        ("\n{{ A | no_such_filter }}\n", 2, "no_such_filter"),
        ("\n{% include 'other.tmpl' %}\n", 2, "other.tmpl"),
    ],
)
def test_a_template_s_mistake_names_template_line_and_name(machine, project, template, line, said):
    root = project(
        {"stead.toml": "[vars]\nA = 'x'\n[files]\n'out/f' = 'f.tmpl'\n", "f.tmpl": template}
    )
    for words in (("check",), ("run", "true")):
        done = machine.run(*words, cwd=root)
        assert done.returncode == 1, words
        assert f"f.tmpl:{line}" in done.stdout + done.stderr
        assert said in done.stdout + done.stderr
    assert not (root / "out").exists()


def test_braces_that_stay_as_they_are_are_pointed_at(machine, project):
    text = "[vars]\nA = 'x'\nB = '{A}/{OTHER}'\nC = '${A}'\nD = { type = 'json', value = '{}' }\n"
    root = project({"stead.toml": text})
    told = machine.json("check", cwd=root)
    assert told["ok"] is True
    (one,) = told["findings"]
    assert (one["kind"], one["where"]) == ("warning", f"{root}/stead.toml:3")
    assert "${A}" in one["remedy"]
    assert json.loads(machine.ok("env", "vars", "--json", cwd=root))["set"]["B"] == "{A}/{OTHER}"
