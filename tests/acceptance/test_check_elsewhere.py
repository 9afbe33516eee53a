"""What `stead check` and `stead explain` say beyond the table itself."""

from __future__ import annotations

MANIFEST = """\
[workspace]
platforms = ["linux-64", "win-64", "osx-arm64"]

[paths]
logs = "build/aux/12:30"

[layer.linux.paths]
scratch = "/scratch"

[layer.windows.paths]
scratch = "D:/scratch"

[layer.osx.paths]
scratch = "/Volumes/scratch"

[vars]
LIBS = { type = "paths", value = ["lib", "/opt/lib"] }
"""


def test_paths_are_checked_for_each_platform_of_the_workspace(machine, project):
    done = machine.run("check", cwd=project({"stead.toml": MANIFEST}))
    said = done.stdout
    assert done.returncode == 1
    assert "stead.toml:5: paths.logs is 'build/aux/12:30'" in said
    assert "such as NUL (on Windows)" in said
    assert "stead.toml:17: LIBS is" in said
    assert "(on macOS)" in said
    assert "scratch" not in said  # each platform has its own


def test_a_platform_that_nobody_asks_for_takes_no_part(machine, project):
    text = MANIFEST.replace(', "win-64", "osx-arm64"', "")
    assert machine.ok("check", cwd=project({"stead.toml": text})).strip() == "nothing is wrong"


def test_explain_names_the_files_of_templates_too(machine, project):
    text = """\
[vars]
PORT = { type = "int", value = 8000 }

[files]
"viewer.ini" = "viewer.ini.tmpl"
"viewer.json" = { format = "json" }
"""
    root = project({"stead.toml": text, "viewer.ini.tmpl": "port = {{ PORT }}\n"})
    last = machine.ok("explain", "PORT", cwd=root).splitlines()[-1]
    assert last.split(None, 1)[0] == "reaches"
    assert "viewer.ini" in last
    assert last.count("viewer.json") == 1


def test_where_no_platforms_are_named_others_are_warned_of(machine, project):
    text = '[paths]\nlogs = "build/aux"\nscratch = "/scratch/aux"\n'
    root = project({"stead.toml": text})
    said = machine.ok("check", cwd=root)
    assert said.startswith("warning: ")
    assert "stead.toml:2: paths.logs is 'build/aux'" in said
    assert "(on Windows)" in said
    assert "scratch" not in said  # names a place of this machine


def test_the_list_says_which_files_and_processes_have_a_variable(machine, project):
    text = """\
[vars]
PORT = { type = "int", value = 8000 }

[files]
"viewer.ini" = "viewer.ini.tmpl"

[app.viewer.processes]
web = ["true"]
worker = ["true"]
"""
    root = project({"stead.toml": text, "viewer.ini.tmpl": "port = {{ PORT }}\n"})
    (row,) = machine.json("config", "list", cwd=root)
    assert row["reaches"] == ["app viewer: web", "app viewer: worker", "viewer.ini"]
    explained = machine.json("explain", "PORT", cwd=root)
    assert explained["reaches"] == row["reaches"]
