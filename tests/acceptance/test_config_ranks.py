"""Who prevails: each pair of neighbouring ranks through the files and options that make them."""

from __future__ import annotations

import itertools
import json

import pytest

RANKS = (
    "lib default",
    "module",
    "client",
    "app",
    "vars",
    "layer",
    "recipe",
    "adopted",
    ".env",
    "--set",
)
LIB = "[lib.l.accepts]\nX = { type = 'str', default = 'lib default' }\n"


def manifest(ranks) -> str:
    head = "adopt = ['X']\n" if "adopted" in ranks else ""
    text = head + "[uses]\nmodule = { path = 'module' }\n" + LIB
    text += "[client.c]\nuses = 'l'\n" + ("X = 'client'\n" if "client" in ranks else "")
    text += "[app.a]\nclients = ['c']\nrun = ['sh', '-c', 'echo $X']\n"
    text += "[app.a.vars]\nX = 'app'\n" if "app" in ranks else ""
    text += "[vars]\nOTHER = 'x'\n" + ("X = 'vars'\n" if "vars" in ranks else "")
    text += "[layer.prod.vars]\nOTHER = 'y'\n" + ("X = 'layer'\n" if "layer" in ranks else "")
    text += "[recipe.r]\napp = 'a'\n" + ("set = { X = 'recipe' }\n" if "recipe" in ranks else "")
    return text


def written(project, ranks):
    module = "[vars]\nX = 'module'\n" if "module" in ranks else "[vars]\n"
    files = {"stead.toml": manifest(ranks), "module/stead.toml": module}
    if ".env" in ranks:
        files[".env"] = "X=.env\n"
    return project(files)


def options(ranks):
    words = ["-e", "prod", "--recipe", "r"]
    return [*words, "--set", "X=--set"] if "--set" in ranks else words


@pytest.mark.parametrize(("lower", "higher"), [*itertools.pairwise(RANKS)])
def test_the_higher_prevails(machine, project, lower, higher):
    ranks = {lower, higher}
    root = written(project, ranks)
    env = {"X": "adopted"} if "adopted" in ranks else {}
    words = options(ranks)
    for _ in range(2):
        said = machine.ok("run", *words, "a", cwd=root, env=env)
        assert said == f"{higher}\n"
    told = machine.ok("explain", "X", *words, cwd=root, env=env)
    defined = [line for line in told.splitlines() if f" {higher} " in line and "wins" in line]
    assert defined, told
    assert f"{higher} outranks {lower}" in told


def test_all_at_once_are_listed_in_their_order(machine, project):
    root = written(project, set(RANKS))
    words = [*options(set(RANKS)), "--json"]
    told = json.loads(machine.ok("explain", "X", *words, cwd=root, env={"X": "adopted"}))
    assert [d["rank"] for d in told["definitions"]] == [*reversed(RANKS)]
    assert [d["value"] for d in told["definitions"]] == [*reversed(RANKS)]
    places = {d["rank"]: d["origin"] for d in told["definitions"]}
    assert places[".env"] == f"{root}/.env:1"
    assert places["module"] == f"{root}/module/stead.toml:2"
    text = (root / "stead.toml").read_text().splitlines()
    for rank in ("client", "app", "vars", "layer", "recipe"):
        file, _, line = places[rank].rpartition(":")
        assert file == f"{root}/stead.toml"
        assert f"'{rank}'" in text[int(line) - 1]
    assert told["why"] == "--set outranks .env"


def test_a_nearer_directory_prevails_over_its_parents(machine, project):
    root = project(
        {
            "stead.toml": "[vars]\nX = 'above'\nY = 'above'\n",
            "sub/stead.toml": "[vars]\nX = 'below'\n",
        }
    )
    code = ("run", "--", "sh", "-c", "echo $X $Y")
    assert machine.ok(*code, cwd=root / "sub") == "below above\n"
    assert machine.ok(*code, cwd=root) == "above above\n"
    assert "the nearer directory" in machine.ok("explain", "X", cwd=root / "sub")


def test_different_values_at_one_rank_are_an_error(machine, project):
    root = project(
        {"stead.toml": "[layer.a.vars]\nX = '1'\nY = 'same'\n[layer.b.vars]\nX = '2'\nY = 'same'\n"}
    )
    done = machine.run("check", "-e", "a-b", cwd=root)
    assert done.returncode == 1
    assert "X has different values of equal rank" in done.stdout
    assert "stead.toml:2" in done.stdout
    assert "stead.toml:5" in done.stdout
    assert "Y" not in done.stdout
    assert machine.run("run", "-e", "a-b", "true", cwd=root).returncode == 1
    assert machine.ok("run", "-e", "a", "sh", "-c", "echo $X", cwd=root) == "1\n"
    words = ("run", "-e", "a-b", "--set", "X=3", "sh", "-c", "echo $X")
    assert machine.ok(*words, cwd=root) == "3\n"


def test_what_stands_in_no_rank_never_counts(machine, project):
    """The ambient environment is no layer: a declared name without a value is not taken from it."""
    root = project({"stead.toml": LIB + "[app.a]\nlibs = ['l']\nrun = ['sh', '-c', 'echo $X']\n"})
    for _ in range(2):
        assert machine.ok("run", "a", cwd=root, env={"X": "ambient"}) == "lib default\n"


@pytest.mark.parametrize(("default", "value"), [("true", "false"), ("false", "true")])
def test_false_is_a_value_of_a_bool_and_takes_away_elsewhere(machine, project, default, value):
    lib = f"[lib.l.accepts]\nB = {{ type = 'bool', default = {default} }}\nX = {{ type = 'str' }}\n"
    app = "[app.a]\nlibs = ['l']\nrun = ['sh', '-c', 'echo ${B-none} ${X-none}']\n"
    root = project({"stead.toml": lib + app + f"[vars]\nB = {value}\nX = false\n"})
    for _ in range(2):
        assert machine.ok("run", "a", cwd=root) == f"{value} none\n"


class TestDrift:
    TEXT = "[vars]\nX = 'here'\nLIST = 'x:${LIST}'\n"

    def test_it_does_not_count_is_said_once_and_hinders_who_is_strict(self, machine, project):
        root = project({"stead.toml": self.TEXT})
        code = ("run", "--", "sh", "-c", "echo $X")
        first = machine.run(*code, cwd=root, env={"X": "there", "LIST": "y"})
        assert (first.returncode, first.stdout) == (0, "here\n")
        assert first.stderr.count("sets X otherwise") == 1
        assert "LIST" not in first.stderr
        second = machine.run(*code, cwd=root, env={"X": "there"})
        assert (second.stdout, second.stderr) == ("here\n", "")
        for words in (("run", "--strict", "true"), ("check", "--strict")):
            done = machine.run(*words, cwd=root, env={"X": "there"})
            assert done.returncode == 1, words
            assert "sets X otherwise" in done.stdout + done.stderr
            assert "stead.toml:2" in done.stdout + done.stderr
            assert 'adopt = ["X"]' in done.stdout + done.stderr
            assert machine.run(*words, cwd=root, env={"X": "here"}).returncode == 0
        done = machine.run("check", cwd=root, env={"X": "there"})
        assert done.returncode == 0
        assert done.stdout.startswith("drift: stead.toml:2: ")

    def test_status_shows_it(self, machine, project):
        root = project({"stead.toml": self.TEXT})
        done = machine.run("status", cwd=root, env={"X": "there"})
        assert "sets X otherwise" in done.stdout

    def test_what_is_adopted_is_none(self, machine, project):
        root = project({"stead.toml": "adopt = ['X']\n" + self.TEXT})
        code = ("run", "--", "sh", "-c", "echo $X")
        for env, value in (({"X": "there"}, "there"), ({}, "here"), ({"X": "else"}, "else")):
            done = machine.run(*code, cwd=root, env=env)
            assert (done.stdout, done.stderr) == (f"{value}\n", "")
        machine.ok("run", "--strict", "true", cwd=root, env={"X": "there"})

    def test_a_secrets_is_not_shown(self, machine, project):
        text = "[vars]\nX = { type = 'secret', value = 'env:HIDDEN' }\n"
        root = project({"stead.toml": text})
        env = {"X": "pl4nted-there", "HIDDEN": "pl4nted-here"}
        for words in (("check",), ("status",), ("explain", "X"), ("config", "list")):
            done = machine.run(*words, cwd=root, env=env)
            assert "pl4nted" not in done.stdout + done.stderr
        said = machine.ok("run", "--", "sh", "-c", "echo $X", cwd=root, env=env)
        assert said == "pl4nted-here\n"
