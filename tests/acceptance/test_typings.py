"""`stead typings`: a stub that says what every environment's code may ask for."""

from __future__ import annotations

from stead.config.typings import MARK

MANIFEST = """\
[paths]
raw = "data/raw"

[vars]
PLAIN = "text"

[vars.POOL]
type = "int"
default = 5
description = "connections kept open"

[layer.prod.vars.LEVEL]
type = "enum"
choices = ["info", "debug"]
value = "info"

[data.scans]
version = "sha256:9f2c41d07ab3"
"""


def test_it_holds_the_names_of_all_environments(machine, project):
    root = project({"stead.toml": MANIFEST})
    said = machine.ok("typings", cwd=root)
    assert said.split() == ["typings/stead/__init__.pyi", "typings/stead/project.pyi"]
    text = (root / "typings" / "stead" / "project.pyi").read_text("utf-8")
    assert text.startswith(MARK)
    for line in (
        "def PLAIN(self) -> str: ...",
        "def POOL(self) -> int:",
        "connections kept open",
        'def LEVEL(self) -> Literal["info", "debug"]: ...',
        "def raw(self) -> Path: ...",
        "def scans(self) -> Path: ...",
    ):
        assert line in text
    assert str(root) not in text
    assert machine.ok("typings", cwd=root) == ""


def test_what_stands_in_env_is_not_everybodys(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "POOL=7\nMINE=x\n"})
    machine.ok("typings", cwd=root)
    text = (root / "typings" / "stead" / "project.pyi").read_text("utf-8")
    assert "MINE" not in text
    (root / ".env").unlink()
    machine.ok("typings", "--check", cwd=root)


def test_check_says_whether_it_is_stale(machine, project):
    root = project({"stead.toml": MANIFEST})
    stub = root / "typings" / "stead" / "project.pyi"
    done = machine.run("typings", "--check", cwd=root)
    assert (done.returncode, stub.exists()) == (1, False)
    machine.ok("typings", cwd=root)
    machine.ok("typings", "--check", cwd=root)
    (root / "stead.toml").write_text(MANIFEST.replace("raw =", "rough ="), "utf-8")
    done = machine.run("typings", "--check", cwd=root)
    assert done.returncode == 1
    assert done.stdout.split() == ["typings/stead/project.pyi"]
    assert "run `stead typings`" in done.stderr
    assert "raw" in stub.read_text("utf-8")


def test_it_may_stand_elsewhere_and_overwrites_nobodys_file(machine, project):
    root = project({"stead.toml": MANIFEST, "typings/stead/__init__.pyi": "mine: int\n"})
    said = machine.fails("typings", cwd=root, code=2)
    assert "was not made by `stead typings`" in said
    assert not (root / "typings" / "stead" / "project.pyi").exists()
    machine.ok("typings", "-o", "stubs", cwd=root)
    assert (root / "stubs" / "stead" / "project.pyi").exists()
    assert (root / "typings" / "stead" / "__init__.pyi").read_text("utf-8") == "mine: int\n"


def test_a_member_of_a_workspace_has_its_own(machine, project):
    root = project(
        {
            "stead.toml": '[workspace]\nmembers = ["app"]\n\n[paths]\nshared = "shared"\n',
            "app/stead.toml": '[paths]\nown = "own"\n',
        }
    )
    said = machine.ok("typings", cwd=root / "app")
    assert said.split() == ["typings/stead/__init__.pyi", "typings/stead/project.pyi"]
    text = (root / "app" / "typings" / "stead" / "project.pyi").read_text("utf-8")
    assert "def own(" in text
    assert "def shared(" in text
