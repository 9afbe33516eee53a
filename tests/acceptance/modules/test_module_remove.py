"""`stead module remove` takes out what `add` wrote, and nothing that is the user's."""

from __future__ import annotations

import os
import subprocess
import tomllib

import pytest


@pytest.fixture
def root(registry, project):
    return project({})


def files(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_everything_is_as_it_was_before_it_was_added(machine, root):
    machine.ok("module", "add", "plain", cwd=root)
    before = files(root)
    machine.ok("module", "add", "scale", "--type", "triple", cwd=root)
    left = root / "modules/scale/src/scale/__pycache__"  # of trying it out
    left.mkdir()
    (left / "main.pyc").write_bytes(b"x")
    added = files(root)
    planned = machine.json("module", "remove", "scale", "--plan", cwd=root)
    assert files(root) == added
    done = machine.json("module", "remove", "scale", cwd=root)
    assert {**done, "planned": True} == planned
    assert done["change"] == ["MANIFEST.in", "pyproject.toml", "stead.toml"]
    assert (done["stay"], done["kept"], done["named"]) == ([], [], [])
    assert files(root) == before
    assert not (root / "modules/scale").exists()
    (one,) = machine.json("module", "list", cwd=root)["modules"]
    assert one["name"] == "plain"


def test_what_the_user_wrote_stays_and_is_named_unless_it_is_to_be_discarded(machine, root):
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    mine = root / "modules/scale"
    (mine / "README.md").write_text("ours\n")
    (mine / "notes.txt").write_text("ours\n")
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x").write_text("ours\n")
    (mine / "data").symlink_to(elsewhere)
    (mine / "build").mkdir()
    (mine / "build/made.whl").write_text("made\n")
    manifest = root / "stead.toml"
    text = manifest.read_text().replace('"Doubles numbers"', '"Ours"')
    manifest.write_text(f'{text}\n[recipe.all]\napp = ["scale"]\n')
    (root / "use.py").write_text("import scale\n")
    changed = files(root)
    done = machine.run("module", "remove", "scale", cwd=root)
    assert done.returncode == 0
    for line in (
        "  modules/scale/README.md stays: you changed it",
        "  modules/scale/notes.txt stays: you added it",
        "  modules/scale/data stays: it is a link",
        "  modules/scale/build stays: tools made it",
    ):
        assert line in done.stdout.splitlines()
    assert "stead.toml:app.scale.description was changed and stays" in done.stderr
    assert 'app = ["scale"]' in done.stderr
    assert "use.py:1: import scale" in done.stderr
    assert "these are yours now; `module remove --discard` would have" in done.stderr
    there = {p for p in files(root) if p.startswith("modules/")}
    assert there == {f"modules/scale/{p}" for p in ("README.md", "notes.txt", "build/made.whl")}
    assert tomllib.loads(manifest.read_text())["app"] == {"scale": {"description": "Ours"}}
    for path, content in changed.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    machine.ok("module", "remove", "scale", "--discard", cwd=root)
    assert not mine.exists()
    assert "app" not in tomllib.loads(manifest.read_text())
    assert (elsewhere / "x").read_text() == "ours\n"


def test_what_others_need_is_refused_and_goes_with_them(machine, root, registry):
    machine.ok("module", "add", "report", cwd=root)
    before = files(root)
    said = machine.fails("module", "remove", "plain", cwd=root)
    assert "report needs plain" in said
    record = root / "modules/report/.stead-module/record.toml"
    assert 'needs = ["plain"]' in record.read_text()
    # Also of a record that does not say so, as its layer has the package.
    record.write_text(record.read_text().replace('needs = ["plain"]\n', ""))
    assert "report needs plain" in machine.fails("module", "remove", "plain", cwd=root)
    record.write_bytes(before[str(record.relative_to(root))])
    assert files(root) == before
    machine.ok("module", "remove", "plain", "report", cwd=root)
    assert not (root / "modules").exists()


def test_undo_brings_back_what_the_manifests_said(machine, root):
    machine.ok("set", "A=1", cwd=root)
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    before = files(root)
    machine.ok("module", "remove", "scale", cwd=root)
    assert machine.json("log", cwd=root)[0]["command"] == ["module", "remove", "scale"]
    after = files(root)
    machine.ok("undo", cwd=root)
    now = files(root)
    for name in ("stead.toml", "pyproject.toml"):
        assert now[name] == before[name]
    assert "modules/scale/main.py" not in now
    machine.ok("redo", cwd=root)
    assert files(root) == after


@pytest.mark.parametrize(
    ("words", "says", "code"), [(("scael",), "did you mean scale?", 2), ((), "NAME", 2)]
)
def test_what_is_not_there_is_told_with_what_is_near(machine, root, words, says, code):
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    before = files(root)
    assert says in machine.fails("module", "remove", *words, cwd=root, code=code)
    assert files(root) == before


def test_it_is_killed_without_a_trace(machine, root):
    """Whatever was taken away then, the next command brings it back or goes on."""
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    before = files(root)
    script = (
        "import os, sys\n"
        "from stead.store import journal\n"
        "own = os.replace\n"
        "left = [int(sys.argv.pop(1))]\n"
        "def replace(*a, **k):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os._exit(9)\n"
        "    return own(*a, **k)\n"
        "os.replace = replace\n"
        "from stead.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ends = set()
    for count in (1, 2, 4):
        done = subprocess.run(
            [os.path.join(os.path.dirname(machine.program), "python"), "-c", script, str(count),
             "module", "remove", "scale"],
            cwd=root, env={**machine.environ, "PWD": str(root)}, capture_output=True, check=False,
        )  # fmt: skip
        machine.run("module", "add", "nothing-such", cwd=root)  # finishes what is open
        now = files(root)
        gone = not (root / "modules/scale/main.py").exists()
        assert ("scale" in (root / "stead.toml").read_text()) != gone
        assert gone or now == before
        ends.add(done.returncode)
        if gone:
            break
    assert 9 in ends
