"""Rows about the test matrix, against the tools that run one."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import peers
from matrix_projects import REAL, answer, bare, differences, huge, names, real, small
from measure import BenchError, Row, against, by_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from measure import Program
    from world import World

_LABELS = {
    "tox": "`tox`",
    "tox-uv": "`tox` with tox-uv",
    "nox": "`nox` with uv",
    "hatch": "`hatch run`",
}


TOOLS = tuple(_LABELS)
"""The peers, by name."""


def rows(world: World) -> Iterator[Row]:
    """Time a matrix of four environments cold and unchanged, its listing, large ones; compare keys."""
    world.tools.update({peer.name: peer for peer in _tools()})
    yield from _cold(world)
    yield from _unchanged(world)
    yield from _further(world)
    yield from _list(world)
    yield from _huge(world)
    yield from _many(world)
    yield from _real(world)


def _tools() -> list[peers.Peer]:
    return [
        peers.from_index("tox"),
        peers.from_index("tox-uv", "tox", "tox-uv", program="tox"),
        peers.from_index("nox", "nox[uv]"),
        peers.from_index("hatch"),
    ]


def _there(world: World, *wanted: str) -> list[str]:
    return [name for name in wanted if world.tools[name].program]


def _programs(world: World, root: str, before: Callable[[str], None] | None) -> dict[str, Program]:
    """Give each tool's way to test the small project; each has a copy of it."""

    def program(name: str, *argv: str, **env: str) -> Program:
        place = f"{root}-{name}"
        if not os.path.isdir(place):
            shutil.copytree(root, place)
        first = None if before is None else (lambda: before(place))
        return world.program(*argv, cwd=place, before=first, **{**world.uv_env, **env})

    given = {"stead": program("stead", world.stead, "test")}
    for name in _there(world, "tox", "tox-uv"):
        given[name] = program(name, world.tools[name].program, "run")
    for name in _there(world, "nox"):
        given[name] = program(name, world.tools[name].program, "-r", "-s", "t")
    for name in _there(world, "hatch"):
        data = str(world.base / "hatch")
        given[name] = program(name, world.tools[name].program, "run", "t:go", HATCH_DATA_DIR=data)
    return given


def _cold(world: World) -> list[Row]:
    """No environment and no package is there, but all that was ever downloaded."""

    def forget(place: str) -> None:
        world.forget_builds()
        gone = [world.base / "hatch", *(os.path.join(place, name) for name in (".tox", ".nox"))]
        world.put_aside(*map(type(world.base), gone))

    root = world.place("matrix-cold", small("wheel"))
    programs = _programs(world, root, forget)
    gates = {"tox-uv": 0.7, "nox": 1.0, "hatch": 1.0}
    name = "`stead test`, 4 environments, nothing made yet"
    return _rows(name, programs, gates, world.rounds(7, 1))


def _unchanged(world: World) -> Iterator[Row]:
    for package, gates in (
        ("wheel", {"tox": 0.08, "tox-uv": 0.2, "nox": 1.0, "hatch": 1.0}),
        ("sdist", {"tox": 0.04}),
    ):
        root = world.place(f"matrix-{package}", small(package))
        programs = _programs(world, root, None)
        programs["stead"].time()  # what was just written is looked at once more
        name = f"`stead test` again, 4 environments, {package}"
        yield from _rows(name, programs, gates, world.rounds(7, 2))


def _further(world: World) -> list[Row]:
    """What an environment more costs in an unchanged run, beyond the command itself."""
    few, many = 4, 24
    timed = {}
    for number in (few, many):
        root = world.place(f"matrix-{number}", small("wheel", number))
        timed[f"{number}"] = world.program(world.stead, "test", cwd=root).time
    python = os.path.join(root, ".tox", names(1)[0], "bin", "python")
    timed[f"{few}"](), timed[f"{many}"]()
    timed["command"] = world.program(python, "-c", "import small", cwd=root).time
    ms = by_turns(timed, world.rounds(9, 3))
    each = (ms[f"{many}"] - ms[f"{few}"]) / (many - few) - ms["command"]
    return [Row("`stead test` again: each further environment", each, "goal", 40, 40, limit=True)]


def _list(world: World) -> list[Row]:
    root = world.place("matrix-list", small("wheel"))
    programs = {"stead": world.program(world.stead, "test", "--list", cwd=root)}
    for name in _there(world, "tox"):
        programs[name] = world.program(world.tools[name].program, "l", cwd=root)
    gates, labels = {"tox": 0.3}, {"tox": "`tox l`"}
    return _rows("`stead test --list`", programs, gates, world.rounds(9, 3), labels)


def _huge(world: World) -> list[Row]:
    root = world.place("matrix-huge", huge())
    argv = [world.stead, "test", "--config", "--json", "ALL"]
    said = answer(world.do(*argv, cwd=root))
    lines = sum(len(keys["deps"]) for keys in said["env"].values())
    if len(said["env"]) < 800 or lines < 10_000:
        raise BenchError(f"{len(said['env'])} environments with {lines} requirements: too few")
    ms = by_turns({"stead": world.program(*argv, cwd=root).time}, world.rounds(7, 2))
    name = "all keys of 800 environments, 10,000 `deps` lines, as JSON"
    return [Row(name, ms["stead"], "goal", 1000, 1000, limit=True)]


def _many(world: World) -> list[Row]:
    """Forty environments without packages, cold, two at once."""
    number = 40

    def forget(place: str) -> Callable[[], None]:
        def gone() -> None:
            world.forget_builds()
            world.put_aside(world.base / "places" / os.path.basename(place) / ".tox")

        return gone

    def program(name: str, *argv: str) -> Program:
        place = world.place(f"matrix-many-{name}", bare(number))
        return world.program(*argv, cwd=place, before=forget(place), **world.uv_env)

    programs = {"stead": program("stead", world.stead, "test", "-p", "2")}
    for name in _there(world, "tox"):
        programs[name] = program(name, world.tools[name].program, "run-parallel", "-p", "2")
    name = f"`stead test -p 2`, {number} environments without packages, nothing made yet"
    gates, labels = {"tox": 0.25}, {"tox": "`tox p -p 2`"}
    return _rows(name, programs, gates, world.rounds(5, 1), labels)


def _real(world: World) -> list[Row]:
    """Count the keys of real projects that both evaluate differently."""
    if not _there(world, "tox"):
        return []
    found: list[str] = []
    compared = 0
    for requirement in REAL:
        root = real(world, requirement)
        tox = world.tools["tox"].program
        # tox ends with 1 where an interpreter is missing, and answers nevertheless.
        done = subprocess.run(
            [tox, "config", "--format", "json", "-e", "ALL", "--core", "--hashseed", "notset"],
            cwd=root, env=world.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "{" not in done.stdout:
            raise BenchError(f"tox says nothing of {requirement}: {done.stderr.strip()[-300:]}")
        # Both speak of their own interpreter where none is asked for: the same one, by two names.
        own = os.path.join(os.path.dirname(tox), "python")
        asked = [world.stead, "test", "--config", "--json", "--hashseed", "noset", "ALL"]
        ours = answer(world.do(*asked, cwd=root))
        theirs = answer(done.stdout.replace(f'"{own}"', f'"{ours["tox"]["host_python"]}"'))
        compared += sum(len(keys) for keys in theirs["env"].values()) + len(theirs["tox"])
        apart = list(differences(ours, theirs))
        found += [f"{requirement}: {one}" for one in apart]
    world.left_out += [f"not as tox evaluates it: {one}" for one in found[:20]]
    name = f"configuration of {len(REAL)} real projects: keys not as tox has them"
    return [Row(name, len(found), f"`tox config`, {compared:,} keys", 0, 0, counts=True)]


def _rows(
    name: str,
    programs: Mapping[str, Program],
    gates: Mapping[str, float],
    rounds: int,
    labels: Mapping[str, str] = _LABELS,
) -> list[Row]:
    """Time Stead against the peers that are there and have a gate."""
    peers = {peer: programs[peer].time for peer in gates if peer in programs}
    found = against(programs["stead"].time, peers, gates, rounds)
    return [Row(name, ours, labels[p], theirs, gates[p]) for p, (ours, theirs) in found.items()]
