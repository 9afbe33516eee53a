"""A full disk below an engine: the old generation or the new one runs, and the next deploy repairs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stead.testing import engines
from stead.testing.images import base_image
from stead.testing.targets import free_ports, local_answer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("podman"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace of mounts"),
]


class Place:
    """A target of containers whose engine and home lie on one small disk."""

    def __init__(self, engine: engines.Installed, base: str) -> None:
        self.filler = f"{os.path.dirname(engine.home)}/filler"
        self.engine = engine
        (self.port,) = free_ports(1)
        program = str(Path(__file__).with_name("acting.py"))
        self._path = f"{engine.directory}:{os.environ['PATH']}"
        self._words = [sys.executable, program, engine.home, base, str(self.port)]

    def act(self, *words: str, first: str = "") -> str:
        """Give what is said where it fails; nothing else. Programs in ``first`` come first."""
        path = f"PATH={first}:{self._path}".replace("=:", "=")
        done = subprocess.run(
            [*self.engine.inside, "env", path, f"HOME={self.engine.home}", *self._words, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stderr if done.returncode else ""

    def empty(self) -> None:
        subprocess.run([*self.engine.inside, "rm", "-f", self.filler], check=True)

    def answer(self) -> str:
        """Say which version answers; a service that was started again needs a moment to begin."""
        until = time.monotonic() + 60
        while not (said := local_answer(self.port)) and time.monotonic() < until:
            time.sleep(0.1)
        return said.partition("|")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = base_image(tmp_path_factory.mktemp("perl") / "oci", perl=True)
    with engines.small_podman("128m") as engine:
        made = Place(engine, base)
        yield made
        made.empty()
        made.act("remove")


@pytest.mark.parametrize(
    ("version", "step", "leave"),
    [
        *(("new", "send", 0), ("new", "release", 0), ("new", "switch", 0), ("new", "check", 0)),
        ("ill", "check", 0),
    ],
)
def test_one_generation_runs_whenever_the_disk_is_full(place, version, step, leave) -> None:
    old, new = f"old {step} {leave}", version if version == "ill" else f"new {step} {leave}"
    assert place.act("apply", old) == ""
    try:
        failed = place.act("apply", new, place.filler, step, str(leave))
        expected = old if failed else new
        assert place.answer() == expected, failed
        assert failed or version != "ill"
    finally:
        place.empty()
    assert place.answer() == expected
    assert place.act("apply", "repaired") == ""
    assert place.answer() == "repaired"


@pytest.mark.parametrize("at", ["stop", "start"])
def test_it_goes_back_where_the_disk_fills_in_the_exchange(place, at, tmp_path) -> None:
    """There is room for that again, where the engine's disk is Stead's as well."""
    assert place.act("apply", f"old {at}") == ""
    program = tmp_path / "podman"
    program.write_text(
        f'#!/bin/sh\nif test "$1" = {at} && ! test -e {tmp_path}/full; then\n'
        f"  : > {tmp_path}/full; cat /dev/zero > {place.filler} 2> /dev/null\n"
        f"fi\nstat -f -c %a {os.path.dirname(place.filler)} >> {tmp_path}/room\n"
        f'exec {place.engine.directory}/podman "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    try:
        failed = place.act("apply", "new", first=str(tmp_path))
        assert "no space left on device" in failed
        # In blocks of 4 kilobytes: none when it failed, and then what had been kept for this.
        room = [int(line) for line in (tmp_path / "room").read_text().split()]
        assert room[room.index(0) :][-1] > 100
        assert place.answer() == f"old {at}", failed
    finally:
        place.empty()
    assert place.act("apply", "repaired") == ""
    assert place.answer() == "repaired"
