"""Rows about a laptop with a store: a build taken from a server against solving and building it."""

from __future__ import annotations

import itertools
import platform
import sys
from typing import TYPE_CHECKING

from measure import BenchError, Row, by_turns
from rows_build import TABLES
from rows_server import serving
from rows_server_builds import Api

from stead.testing import cpython, from_index, make_channel
from stead.values.platform import platform_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Program
    from world import World

GATE = 1.25
"""The channel is files of this disk and its index is small: neither is waited for, as those of a
network are. What is told is how much unpacking and comparing parts takes against that, with the
server that gives them on the same processors."""

_numbers = itertools.count()


def rows(world: World) -> Iterator[Row]:
    """Time an empty machine that has a store, and one that has none, on a place without a lock."""
    here = platform_of(sys.platform, platform.machine()).name
    wheels = from_index(TABLES, world.base / "store-wheels")
    channel = make_channel(world.base / "store-channel", [cpython(), *wheels], here).as_uri()
    data = world.base / "server-stores"
    url = f"sqlite:///{data}/stead.sqlite"
    with serving(data, url, "--workers", "1") as (port, token, _):
        names = ("python", *TABLES)
        asked = "".join(f"  - {name}\n" for name in names)
        text = f"name: tables\nchannels:\n  - {channel}\ndependencies:\n{asked}"
        api = Api(port, token)
        made, _ = api.built(text)
        wanted = "".join(f'{name} = "*"\n' for name in names)
        manifest = f'[packages.conda]\nchannels = ["{channel}"]\n{wanted}'
        store = (
            f'[stores]\nteam = {{ url = "http://127.0.0.1:{port}", token = "env:STEAD_TEAM" }}\n'
        )
        timed = {
            "with": _on_laptop(world, store + manifest, token),
            "without": _on_laptop(world, manifest, token),
        }
        # Taken from there, or the comparison would be of one and the same.
        timed["with"].time()
        taken = (world.base / "stderr.log").read_text("utf-8")
        if taken.count("from the store team") < 2:
            raise BenchError(f"lock and build {made} did not come from the store: {taken}")
        ms = by_turns({name: each.time for name, each in timed.items()}, world.rounds(5, 2))
    what = f"lock and build of {len(names)} conda packages and what they need, on an empty machine"
    yield Row(
        f"{what}, from a store", ms["with"], "solved and built from files", ms["without"], GATE
    )


def _on_laptop(world: World, manifest: str, token: str) -> Program:
    """Make a place usable on a machine that has nothing yet."""
    laptop = world.base / "laptop"

    def empty() -> str:
        world.put_aside(laptop)
        laptop.mkdir()
        return world.place(f"laptop-{next(_numbers)}", {"stead.toml": manifest})

    variables = {"HOME": str(laptop), "STEAD_HOME": str(laptop / "stead"), "STEAD_TEAM": token}
    return world.program(world.stead, "run", "true", cwd="/", before=empty, **variables)
