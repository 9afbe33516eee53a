"""An update of a module that ends at any point has done nothing or all, and the next one goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stead.store.journal import recover
from stead.store.layout import Layout

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.acceptance.history.conftest import World

PYPROJECT = '[project]\nname = "thing"\nversion = "{}"\ndependencies = {}\n'


def _publish(registry: Path, version: str, files: dict[str, str | None]) -> None:
    item = registry / "thing"
    item.mkdir(parents=True, exist_ok=True)
    (item / "stead-item.toml").write_text(
        f'name = "thing"\nkind = "lib"\nversion = "{version}"\nsummary = "x"\n'
    )
    for path, text in files.items():
        file = item / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink()
        else:
            file.write_text(text)


@pytest.fixture
def module(world: World) -> Path:
    """A module with edits of all kinds, and a later version upstream; kept as ``old``."""
    registry = world.base / "registry"
    first = {f"src/thing/{name}.py": f"{name} = 1\n" for name in ("a", "b", "c", "d", "e")}
    first |= {
        "run.sh": "#!/bin/sh\n",
        "pyproject.toml": PYPROJECT.format(1, "[]"),
        "set.toml": "a = 1\n",
    }
    _publish(registry, "1.0.0", first)
    (world.place / "stead.toml").write_text(f'[registries]\nteam = "{registry}"\n')
    world.ok("module", "add", "thing")
    here = world.place / "modules" / "thing"
    (here / "src/thing/b.py").write_text("b = 2\n")
    (here / "src/thing/c.py").write_text("c = 1\nmine = 1\n")
    (here / "src/thing/d.py").unlink()
    (here / "set.toml").write_text("a = 2\n")
    _publish(
        registry,
        "2.0.0",
        {
            "src/thing/a.py": "a = 3\n",
            "src/thing/b.py": "b = 3\n",
            "src/thing/c.py": "first = 1\nc = 1\n",
            "src/thing/d.py": "d = 3\n",
            "src/thing/e.py": None,
            "src/thing/f.py": "f = 3\n",
            "run.sh": "#!/bin/sh\n",
            "set.toml": "a = 3\n",
            "pyproject.toml": PYPROJECT.format(2, '["leaf"]'),
        },
    )
    (registry / "thing/files/run.sh").chmod(0o755)
    return here


def state(world: World) -> tuple[dict[str, bytes], bool]:
    """Give all files, and whether the one that upstream made a program of is one."""
    return world.files(), os.access(world.place / "modules/thing/run.sh", os.X_OK)


def _settle(module: Path) -> None:
    (module / "set.toml.upstream").unlink()
    (module / "src/thing/b.py").write_text("b = 4\n")


@pytest.mark.parametrize("what", ["conflicts", "settled"])
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
def test_all_or_nothing(
    world: World, module: Path, chance: random.Random, tries, kind: str, what: str
) -> None:
    words, code = ("module", "update", "thing", "--prune"), 1
    if what == "settled":
        assert world.run(*words).code == 1
        _settle(module)
        words, code = ("module", "update"), 0
    world.keep("old")
    states = [state(world)]
    whole = world.run(*words)
    assert whole.code == code, whole.said
    states.append(state(world))
    assert states[0] != states[1]
    assert whole.calls > 10
    few = min(whole.calls, tries(3 if kind == "kill" else 1))
    seen = set()
    for at in sorted(chance.sample(range(1, whole.calls + 1), few)):
        world.put_back("old")
        done = world.run(*words, kind=kind, at=at)
        assert "Traceback" not in done.said
        assert done.code in ((-9, code) if kind == "kill" else (0, 1)), done.said
        recover(Layout(world.home))
        now = state(world)
        assert now in states, at
        seen.add(now == states[1])
        # The next one has it, whatever there was.
        assert world.run(*words).code == code
        assert state(world) == states[1]
    if tries(0) >= whole.calls:
        assert seen == {False, True}


def test_a_place_that_cannot_be_written_stays(world: World, module: Path) -> None:
    before = world.files()
    done = world.run("module", "update", kind="readonly")
    assert done.code == 1
    assert "read-only" in done.err
    assert world.files() == before
