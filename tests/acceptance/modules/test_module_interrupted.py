"""A module is added or ejected whole or not at all, whatever happens to the command.

A few points are tried here, each call to the system that changes files by ``nox -s soak``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.store.atomic import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

FORKING = Path(__file__).resolve().parents[1] / "history" / "forking.py"


@dataclass
class World:
    """A project and a home that can be put back as they were."""

    base: Path
    server: subprocess.Popen[str]
    environ: dict[str, str]

    @property
    def root(self) -> Path:
        return self.base / "now" / "project"

    def run(self, *words: str, kind: str = "", at: int = 0) -> dict[str, object]:
        job = {
            "words": words,
            "cwd": str(self.root),
            "environ": {
                **self.environ,
                "PWD": str(self.root),
                "STEAD_HOME": str(self.base / "now" / "home"),
            },
            "kind": kind,
            "at": at,
        }
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        done: dict[str, object] = json.loads(self.server.stdout.readline())
        assert "Traceback" not in f"{done['err']}", done["err"]
        return done

    def files(self) -> dict[str, bytes]:
        """Every file, but for what waits under a temporary name."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.name.startswith(".stead-") and ".tmp" not in path.suffix
        }

    def keep(self, name: str) -> None:
        shutil.copytree(self.base / "now", self.base / name, symlinks=True)

    def put_back(self, name: str) -> None:
        remove_tree(self.base / "now")
        shutil.copytree(self.base / name, self.base / "now", symlinks=True)


@pytest.fixture
def world(machine, registry, tmp_path) -> Iterator[World]:
    base = tmp_path / "worlds"
    (base / "now" / "home").mkdir(parents=True)
    shutil.copytree(registry, base / "now" / "registry")
    shutil.copytree(registry.parent / "project", base / "now" / "project")
    server = subprocess.Popen(
        [sys.executable, str(FORKING)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=machine.environ,
    )
    try:
        yield World(base, server, machine.environ)
    finally:
        assert server.stdin
        server.stdin.close()
        server.wait(90)
        assert server.stdout
        server.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
@pytest.mark.parametrize("words", [("add", "report"), ("eject", "--all")], ids=lambda w: w[0])
def test_all_or_nothing(world: World, chance, tries, words: tuple[str, ...], kind: str) -> None:
    if words[0] == "eject":
        assert world.run("module", "add", "report")["code"] == 0
    world.keep("old")
    old = world.files()
    whole = world.run("module", *words)
    assert whole["code"] == 0
    new = world.files()
    assert old != new
    calls = int(str(whole["calls"]))
    assert calls > 20
    seen = set()
    for at in sorted(chance.sample(range(1, calls + 1), min(calls, tries(4)))):
        world.put_back("old")
        done = world.run("module", *words, kind=kind, at=at)
        if kind != "kill":
            assert done["code"] in (0, 1)
            assert done["code"] or world.files() == new
        # Whoever comes next finishes it or forgets it, and then there is one of both.
        again = world.run("module", "eject", "nothing")
        assert again["code"] == 2
        now = world.files()
        assert now in (old, new), f"{at}: {sorted(now.keys() ^ new.keys())}"
        seen.add(now == new)
        if now == old:
            assert world.run("module", *words)["code"] == 0
            assert world.files() == new
    if tries(0) >= calls:
        assert seen == {False, True}
