"""The cache and what is built from it survive kills, and many builders at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda import Conda
from stead.values.digest import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place

BUILDER = """
import json, os, sys
from pathlib import Path
from stead.ecosystems.conda import Conda
from stead.ecosystems.protocol import BuildTarget
from stead.testing.world import make_context
from stead.values.errors import SteadError
from stead.values.lock import Artifact, File
from stead.values.manifest import Channel
from stead.values.platform import Platform

lock, home, prefix, root, platform = sys.argv[1:]
artifacts = []
for entry in json.load(open(lock)):
    entry["files"] = tuple(File(**f) for f in entry["files"])
    entry["depends"] = tuple(entry["depends"])
    entry["extra"] = tuple((k, v) for k, v in entry["extra"])
    artifacts.append(Artifact(**entry))
target = BuildTarget(Path(prefix), Path(prefix), Platform(platform), root,
                     channels=(Channel("./channel", root),))
print("started", flush=True)
try:
    Conda().build(artifacts, target, make_context(home))
    code = 0
except SteadError as error:
    print(error, flush=True)
    code = 1
except KeyboardInterrupt:
    code = 130
os._exit(code)
"""


@pytest.fixture
def builder(place: Place, tmp_path: Path):
    """Give a function that starts a build of one lock in a process of its own."""
    locked = place.lock("python", "packaging", "greeter", "with-text")
    lock = tmp_path / "lock.json"
    lock.write_bytes(canonical(locked))
    running: list[subprocess.Popen[str]] = []

    def start(name: str) -> subprocess.Popen[str]:
        prefix = tmp_path / "built" / name
        shutil.rmtree(prefix, ignore_errors=True)
        prefix.mkdir(parents=True)
        argv = [sys.executable, "-c", BUILDER, lock, place.context.home, prefix,
                place.directory, place.platform.name]  # fmt: skip
        child = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, text=True)
        running.append(child)
        assert child.stdout
        assert child.stdout.readline() == "started\n"
        return child

    yield start
    for child in running:
        child.kill()
        child.communicate()


def runs(prefix: Path) -> str:
    done = subprocess.run([prefix / "bin/greeter"], env={}, capture_output=True, text=True)  # noqa: PLW1510
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_was_ended_anywhere_leaves_nothing_in_the_way(
    place: Place, builder, tmp_path: Path, number: signal.Signals
) -> None:
    for wait in (0.15, 0.25, 0.4, 0.6, 0.9):
        child = builder("ended")
        time.sleep(wait)
        child.send_signal(number)
        child.wait()
    last = builder("whole")
    assert last.wait() == 0, last.stdout.read()
    prefix = tmp_path / "built" / "whole"
    assert runs(prefix) == f"hello from {prefix}"
    assert Conda().verify(prefix, place.context) == ()
    incoming = place.context.home / "packages" / "conda" / "incoming"
    assert not incoming.exists() or os.listdir(incoming) == []


@pytest.mark.slow
def test_many_builders_share_one_cache(place: Place, builder, tmp_path: Path) -> None:
    children = {name: builder(name) for name in ("a", "b", "c", "d")}
    for name, child in children.items():
        assert child.wait() == 0, child.stdout.read()
        prefix = tmp_path / "built" / name
        assert runs(prefix) == f"hello from {prefix}"
        assert Conda().verify(prefix, place.context) == ()
    kept = place.context.home / "packages" / "conda" / "pkgs"
    directories = sorted(p.name for p in kept.iterdir() if p.is_dir())
    assert [d.rsplit("-", 2)[0] for d in directories] == [
        "greeter", "packaging", "python", "with-text",
    ]  # fmt: skip
