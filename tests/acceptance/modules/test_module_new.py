"""`stead module new` makes an item of a module, and `eject` forgets where one came from."""

from __future__ import annotations

import os
import tomllib

import pytest


@pytest.fixture
def root(registry, project):
    return project({})


def own(project):
    """A module that nobody added: a program, data, and what trying it out left."""
    return project(
        {
            "modules/prices/pyproject.toml": '[project]\nname = "prices"\nversion = "2.1"\n'
            'description = "Sets prices"\n',
            "modules/prices/src/prices/__init__.py": "",
            "modules/prices/run.sh": "#!/bin/sh\n",
            "modules/prices/.pytest_cache/x": "left over",
            "modules/prices/src/prices/__pycache__/a.pyc": "left over",
        }
    )


def test_a_module_of_ones_own_becomes_an_item_that_can_be_added(machine, root, project, registry):
    own(project)
    (root / "modules/prices/run.sh").chmod(0o755)
    before = machine.tree(root)
    words = ("module", "new", "prices", "--registry", "../registry", "--kind", "lib")
    planned = machine.json(*words, "--plan", cwd=root)
    assert not (registry / "prices").exists()
    made = machine.json(*words, cwd=root)
    assert made == planned
    assert machine.tree(root) == before
    there = {
        str(p.relative_to(registry / "prices"))
        for p in (registry / "prices").rglob("*")
        if p.is_file()
    }
    assert there == {
        "stead-item.toml",
        *(f"files/{p}" for p in ("pyproject.toml", "run.sh", "src/prices/__init__.py")),
    }
    described = tomllib.loads((registry / "prices/stead-item.toml").read_text())
    assert (described["version"], described["summary"]) == ("2.1", "Sets prices")
    shown = machine.json("module", "show", "prices", cwd=root)
    assert shown["kind"] == "lib"
    machine.ok("module", "add", "prices", "--at", "again", cwd=root)
    assert os.access(root / "again/run.sh", os.X_OK)


def test_the_record_of_a_module_that_was_added_does_not_come_along(machine, root, registry):
    machine.ok("module", "add", "plain", cwd=root)
    words = ("--registry", "../mine", "--from", "modules/plain")
    machine.ok("module", "new", "plainer", *words, cwd=root)
    made = {p.name for p in (registry.parent / "mine/plainer/files").iterdir()}
    assert made == {"Dockerfile.plain", "README.md", "main.py", "pyproject.toml", "src", "tests"}


@pytest.mark.parametrize(
    ("language", "file"), [("node", "package.json"), ("rust", "Cargo.toml"), ("none", "x")]
)
def test_an_item_in_another_language_has_its_usual_commands(machine, project, root, language, file):
    project({f"modules/web/{file}": "{}\n"})
    machine.ok("module", "new", "web", "--registry", "../registry", cwd=root)
    shown = machine.json("module", "show", "web", cwd=root)
    assert shown["language"] == language
    assert bool(shown["commands"]["test"]) is (language != "none")


def test_an_item_is_not_overwritten_and_a_strange_module_is_refused(
    machine, root, project, registry
):
    own(project)
    words = ("module", "new", "plain", "--registry", "../registry", "--from", "modules/prices")
    before = machine.tree(registry)
    assert "--update --version VERSION" in machine.fails(*words, cwd=root)
    words = ("module", "new", "none", "--registry", "../registry")
    assert "there is no directory" in machine.fails(*words, cwd=root, code=2)
    words = ("module", "new", "Prices", "--registry", "../registry", "--from", "modules/prices")
    assert "a name of an item" in machine.fails(*words, cwd=root)
    os.symlink("/etc/passwd", root / "modules/prices/link")
    words = ("module", "new", "prices", "--registry", "../registry")
    assert "'link' is a link" in machine.fails(*words, cwd=root)
    assert machine.tree(registry) == before


def test_ejecting_removes_the_record_and_nothing_else(machine, root):
    machine.ok("module", "add", "report", cwd=root)
    mine = root / "modules/plain/.stead-module/mine.txt"
    mine.write_text("kept\n")
    source = {
        p: p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and (".stead-module" not in p.parts or p == mine)
    }
    message = machine.fails("module", "eject", "rport", cwd=root, code=2)
    assert "did you mean report?" in message
    assert "say --all" in machine.fails("module", "eject", cwd=root, code=2)
    done = machine.json("module", "eject", "--all", cwd=root)
    assert [d["name"] for d in done["ejected"]] == ["plain", "report"]
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == source
    assert not (root / "modules/report/.stead-module").exists()
    assert machine.json("module", "list", cwd=root) == {"modules": []}


def test_an_item_is_released_again_from_its_module(machine, root, project, registry):
    own(project)
    words = ("module", "new", "prices", "--registry", "../mine")
    machine.ok(*words, cwd=root)
    # It lacks what Stead's own have, and can be used.
    said = machine.ok("registry", "validate", "../mine", cwd=root)
    assert "warning: there is no README.md" in said
    machine.fails("registry", "validate", "../mine", "--strict", cwd=root)
    machine.ok("registry", "build", "../mine", "../out", cwd=root)

    item = registry.parent / "mine/prices"
    described = item / "stead-item.toml"
    described.write_text(
        described.read_text()
        .replace("render = []", 'render = ["run.sh"]')
        .replace("# [options.NAME]", '[options.way]\ndefault = "a"')
    )
    (item / "files/run.sh").write_text("#!/bin/sh\n# {{ way }}\n")
    (root / "modules/prices/src/prices/new.py").write_text("X = 1\n")
    (root / "modules/prices/src/prices/__init__.py").unlink()
    before = machine.tree(item)
    words = (*words, "--update")
    assert "a later one" in machine.fails(*words, cwd=root, code=2)
    assert "no later" in machine.fails(*words, "--version", "2.0", cwd=root, code=2)
    done = machine.json(*words, "--version", "2.2", "--plan", cwd=root)
    assert machine.tree(item) == before
    assert machine.json(*words, "--version", "2.2", cwd=root) == done
    assert done["create"] == ["files/src/prices/new.py"]
    assert done["remove"] == ["files/src/prices/__init__.py"]
    assert done["change"] == ["stead-item.toml"]
    assert done["templates"] == ["run.sh"]
    assert "{{ way }}" in (item / "files/run.sh").read_text()
    assert tomllib.loads(described.read_text())["version"] == "2.2"
    assert "# Which inputs it expects" in described.read_text()
    machine.ok("registry", "validate", "../mine", cwd=root)
    machine.ok("registry", "build", "../mine", "../out", cwd=root)
    assert "has all that the module has" in machine.ok(*words, cwd=root)
