"""Undo that ends at any point leaves the old state or the new one, and the next undo works."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

DRIVER = """
import os, sys
count, stop = 0, int(sys.argv[1])
def ending(real):
    def call(*args, **more):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), 9)
        return real(*args, **more)
    return call
for name in ("replace", "unlink", "fsync", "open", "write"):
    setattr(os, name, ending(getattr(os, name)))
from stead.cli.main import main
raise SystemExit(main(["undo"]))
"""


@pytest.mark.slow
def test_killed_at_every_step(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    manifest = place / "stead.toml"
    manifest.write_text('[vars]\nA = "1"\n')
    environ = {
        **os.environ,
        "HOME": str(tmp_path),
        "STEAD_HOME": str(tmp_path / "home"),
        "PWD": str(place),
    }

    def stead(*words: str) -> None:
        words = (sys.executable, "-m", "stead", *words)
        subprocess.run(words, cwd=place, env=environ, check=True, capture_output=True)

    stead("set", "A=2")
    old, new = manifest.read_bytes(), b'[vars]\nA = "1"\n'
    assert old != new
    seen = set()
    stop = 0
    while True:
        stop += 1
        words = [sys.executable, "-c", DRIVER, str(stop)]
        done = subprocess.run(words, cwd=place, env=environ, capture_output=True, check=False)
        now = manifest.read_bytes()
        assert now in (old, new)
        assert sorted(p.name for p in place.iterdir() if not p.name.endswith(".stead-tmp")) == [
            "stead.toml"
        ]
        seen.add(now)
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        stead("run", "true")  # finishes what was begun, and records what came of it
        stead("set", "A=2")
        assert manifest.read_bytes() == old
        assert [p.name for p in place.iterdir()] == ["stead.toml"]
    assert seen == {old, new}
    assert stop > 10
