"""`stead explain`, `check`, `config list` and `config diff`, as a person reads them and as JSON."""

from __future__ import annotations

import json

import pytest

MANIFEST = """\
[lib.pgdriver.accepts.PG_URL]
type = "url"
required = true
description = "where the store is"

[client.store]
uses = "pgdriver"
PG_URL = "postgres://u:{host.secrets.pass}@{net.db}/x"

[app.viewer]
clients = ["store"]
run = ["true"]
[app.viewer.files]
"viewer.ini" = "viewer.ini.tmpl"
"all.env" = { format = "env", names = ["SIZE", "HALF"] }

[host.lab]
secrets = { pass = "env:HIDDEN" }
[net.office]
db = { host = "db.office.lan", port = 5432 }

[vars]
SIZE = { type = "bytes", value = "1 MiB" }
HALF = "half of ${SIZE}"
ONLY = "default"

[layer.dev.vars]
SIZE = "2 MiB"

[layer.prod.vars]
SIZE = "3 MiB"
MORE = "yes"
ONLY = false
"""
TEMPLATE = "size = {{ SIZE }}\nurl = {{ PG_URL }}\n"


@pytest.fixture
def place(project):
    return project({"stead.toml": MANIFEST, "viewer.ini.tmpl": TEMPLATE, "sub/x": ""})


def line(part: str) -> int:
    return MANIFEST[: MANIFEST.index(part)].count("\n") + 1


class TestExplain:
    def test_every_definition_and_who_gets_it(self, machine, place):
        said = machine.ok("explain", "SIZE", "-e", "prod", cwd=place).splitlines()
        assert said[0] == "SIZE = 3145728"
        assert said[1] == f"type         bytes, declared by [vars]  (stead.toml:{line('1 MiB')})"
        assert said[2].split() == [
            *("defined", "wins", "layer", "3", "MiB", "by", "layer", "prod"),
            f"(stead.toml:{line('3 MiB')})",
        ]  # fmt: skip
        assert said[3].split() == [
            *("vars", "1", "MiB", "by", "[vars]", f"(stead.toml:{line('1 MiB')})")
        ]  # fmt: skip
        assert "because      layer outranks vars" in said
        (reaches,) = [text for text in said if text.startswith("reaches")]
        assert reaches.split(maxsplit=1)[1] == "app viewer, all.env, viewer.ini"

    def test_a_secret_by_its_reference(self, machine, place):
        said = machine.ok("explain", "PG_URL", cwd=place)
        assert said.startswith("PG_URL = <secret>\n")
        assert "type         url, required, declared by lib pgdriver" in said
        assert "where the store is" in said
        assert "{host.secrets.pass}" in said
        assert "made from    host.secrets.pass, net.db" in said
        assert "viewer.ini" in said

    def test_as_json(self, machine, place):
        told = machine.json("explain", "HALF", cwd=place)
        assert told["value"] == "half of 1048576"
        assert told["refers"] == ["SIZE"]
        assert told["definitions"] == [
            {
                "value": "half of ${SIZE}",
                "rank": "vars",
                "by": "[vars]",
                "origin": f"{place}/stead.toml:{line('HALF =')}",
            }
        ]
        assert told["secret"] is False
        told = machine.json("explain", "PG_URL", cwd=place)
        assert (told["value"], told["secret"], told["required"]) == (None, True, True)

    def test_paths_are_said_from_where_one_stands(self, machine, place):
        assert "  (stead.toml:" in machine.ok("explain", "SIZE", cwd=place)
        assert f"  ({place}/stead.toml:" in machine.ok("explain", "SIZE", cwd=place / "sub")

    def test_a_name_that_nobody_knows(self, machine, place):
        said = machine.fails("explain", "SIZZE", cwd=place, code=2)
        assert "no variable SIZZE" in said
        assert "did you mean SIZE?" in said

    def test_what_is_wrong_with_it_is_said_too(self, machine, place):
        text = MANIFEST.replace('"3 MiB"', '"three"')
        (place / "stead.toml").write_text(text, encoding="utf-8")
        said = machine.ok("explain", "SIZE", "-e", "prod", cwd=place)
        assert "wrong " in said
        assert "'three'" in said


class TestCheck:
    def test_nothing_wrong(self, machine, place):
        assert machine.ok("check", cwd=place) == "nothing is wrong\n"
        assert machine.json("check", cwd=place) == {"ok": True, "findings": []}

    def test_all_at_once_with_code_1(self, machine, place):
        text = MANIFEST.replace('"1 MiB"', '"much"').replace('"half of', '"${NOWHERE} of')
        text = text.replace("client.store]\n", 'client.store]\nPG_ULR = "x"\n')
        (place / "stead.toml").write_text(text, encoding="utf-8")
        (place / "viewer.ini.tmpl").write_text("a\n{{ SZIE }}\n", encoding="utf-8")
        done = machine.run("check", cwd=place)
        assert done.returncode == 1
        assert done.stderr == ""
        for part, where in (
            ("'much'", "stead.toml:"),
            ("NOWHERE", "stead.toml:"),
            ("PG_ULR", "stead.toml:"),
            ("SZIE", "viewer.ini.tmpl:2"),
        ):
            found = [x for x in done.stdout.splitlines() if part in x and where in x]
            assert found, (part, done.stdout)
            assert found[0].startswith(f"error: {where}"), found
            assert " → " in found[0] or "expected a size such as" in found[0]
        told = machine.run("check", "--json", cwd=place)
        assert told.returncode == 1
        report = json.loads(told.stdout)
        assert report["ok"] is False
        assert len(report["findings"]) == sum(
            x.startswith("error: ") for x in done.stdout.splitlines()
        )
        assert all(f["where"].startswith(f"{place}/") for f in report["findings"])

    def test_it_needs_no_build_and_no_lock(self, machine, place):
        (place / "stead.toml").write_text(
            MANIFEST
            + "[packages.pypi]\nno-such-package = '*'\n[checks]\nsh = { command = ['sh'] }\n"
        )
        before = machine.tree(place)
        machine.ok("check", cwd=place)
        assert machine.tree(place) == before
        assert not (machine.stead_home / "builds").exists() or not any(
            (machine.stead_home / "builds").iterdir()
        )

    def test_without_what_reaches_for_something(self, machine, place):
        with open(place / "stead.toml", "a", encoding="utf-8") as file:
            file.write("[checks]\nlate = { run = ['sh', '-c', 'touch ran; exit 1'] }\n")
        machine.ok("check", "--static", cwd=place)
        assert not (place / "ran").exists()
        assert machine.run("check", cwd=place).returncode == 1
        assert (place / "ran").exists()


class TestConfig:
    def test_list(self, machine, place):
        rows = [x.split() for x in machine.ok("config", "list", cwd=place).splitlines()]
        assert [r[0] for r in rows] == ["HALF", "ONLY", "PG_URL", "SIZE"]
        assert rows[3] == ["SIZE", "bytes", "1048576", f"(stead.toml:{line('1 MiB')})"]
        assert rows[2][:3] == ["PG_URL", "url", "<secret>"]
        told = {r["name"]: r for r in machine.json("config", "list", cwd=place)}
        assert told["SIZE"]["value"] == "1048576"
        assert told["SIZE"]["origin"] == f"{place}/stead.toml:{line('1 MiB')}"
        assert told["PG_URL"]["value"] == "<secret>"

    def test_diff(self, machine, place):
        said = machine.ok("config", "diff", "dev", "prod", cwd=place)
        assert said.splitlines() == [
            "HALF",
            f"  - half of 2097152  (stead.toml:{line('HALF =')})",
            f"  + half of 3145728  (stead.toml:{line('HALF =')})",
            "MORE",
            "  - (no value)",
            f"  + yes  (stead.toml:{line('MORE =')})",
            "ONLY",
            f"  - default  (stead.toml:{line('ONLY =')})",
            "  + (no value)",
            "SIZE",
            f"  - 2097152  (stead.toml:{line('2 MiB')})",
            f"  + 3145728  (stead.toml:{line('3 MiB')})",
        ]
        told = machine.json("config", "diff", "dev", "prod", cwd=place)
        assert [r["name"] for r in told["differences"]] == ["HALF", "MORE", "ONLY", "SIZE"]
        assert told["differences"][1]["first"] is None
        assert told["differences"][1]["second"]["value"] == "yes"
        same = machine.ok("config", "diff", "dev", "dev", cwd=place)
        assert same == "dev and dev have the same variables\n"

    def test_values_for_once(self, machine, place):
        said = machine.ok("config", "list", "--set", "SIZE=5 KiB", cwd=place)
        assert "5120  (--set)" in said
        assert "half of 5120" in said

    def test_mistakes_stand_beside_the_answer(self, machine, place):
        done = machine.run("config", "list", "--net", "nowhere", cwd=place)
        assert "HALF" in done.stdout
        assert "there is no net nowhere" in done.stderr


def test_env_vars_name_secrets_and_show_none(machine, place):
    machine.ok("run", "true", cwd=place, env={"HIDDEN": "pl4nted"})
    done = machine.run("env", "vars", cwd=place, env={"HIDDEN": "pl4nted"})
    assert "PG_URL=<secret>\n" in done.stdout
    assert "HALF=half of 1048576\n" in done.stdout
    assert "pl4nted" not in done.stdout
    told = machine.json("env", "vars", cwd=place)
    assert told["secret"] == ["PG_URL"]
    assert "PG_URL" not in told["set"]
    assert "PG_URL" not in machine.ok("env", "vars", "--shell", "sh", cwd=place)


def test_status_says_what_the_configuration_came_to(machine, place):
    (place / ".env").write_text("STRANGE=1\nSIZE=9KiB\n", encoding="utf-8")
    lines = machine.ok("status", cwd=place).splitlines()
    assert "app          viewer" in lines
    assert "host         lab" in lines
    assert "net          office" in lines
    assert "files        all.env" in lines
    assert "             viewer.ini  (holds a secret: there while a process runs)" in lines
    assert "undeclared   STRANGE  (.env:1)" in lines
    told = machine.json("status", cwd=place)
    assert told["undeclared"] == [{"name": "STRANGE", "origin": f"{place}/.env:1"}]
    assert told["files"][1] == {"path": f"{place}/viewer.ini", "secret": True}
