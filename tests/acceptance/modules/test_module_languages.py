"""Items that no environment of Stead's installs: their commands run in their own directory."""

from __future__ import annotations

import tomllib

import pytest

DESCRIPTION = """\
name = "counter"
kind = "app"
version = "1.0.0"
summary = "Counts"
language = "none"
listens = ["PORT"]

[accepts.PORT]
type = "port"
default = 8000

[accepts.STEP]
type = "int"
min = 1
default = 2

[commands]
install = [["sh", "-c", "mkdir -p built && date > built/when"]]
run = ["sh", "-c", "cat start; ls built; echo $STEP $PORT"]
test = [["sh", "-c", "test -e built/when && test -e start && echo passed"]]
"""


@pytest.fixture
def root(registry, project):
    here = registry / "counter"
    (here / "files").mkdir(parents=True)
    (here / "stead-item.toml").write_text(DESCRIPTION)
    (here / "files/start").write_text("from its own directory\n")
    root = project({})
    text = (root / "stead.toml").read_text()
    # Whatever is there listens on the port that the item would have liked.
    (root / "stead.toml").write_text(
        text + '\n[app.other]\nrun = ["x"]\nlisten = { OTHER = 8000 }\n'
    )
    return root


def test_its_task_app_and_goal_run_in_its_directory(machine, root):
    out = machine.ok("module", "add", "counter", cwd=root)
    assert "pyproject.toml" not in out
    data = tomllib.loads((root / "stead.toml").read_text())
    assert data["tasks"]["counter"]["cwd"] == "modules/counter"
    assert data["app"]["counter"]["listen"] == {"PORT": 8001}
    assert data["lib"]["counter"]["accepts"] == {"STEP": {"type": "int", "min": 1, "default": 2}}
    (root / "below").mkdir()
    for cwd in (root, root / "below"):
        said = machine.ok("run", "--app", "counter", "counter", cwd=cwd)
        assert said == "from its own directory\nwhen\n2 8001\n"
    assert "passed" in machine.ok("test", "counter", cwd=root)


def test_the_trust_of_a_place_tells_where_an_app_runs(machine, root):
    machine.ok("trust", "--yes", cwd=root)
    machine.ok("module", "add", "counter", cwd=root)
    text = (root / "stead.toml").read_text()
    machine.ok("trust", "--yes", cwd=root)
    (root / "stead.toml").write_text(text.replace('cwd = "modules/counter"', 'cwd = "elsewhere"'))
    assert "in elsewhere" in machine.ok("trust", "--show", cwd=root)
