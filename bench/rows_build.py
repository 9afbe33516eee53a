"""Rows about making an environment, and about finding it made."""

from __future__ import annotations

import itertools
import os
import platform as machine
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measure import BenchError, Program, Row, by_turns
from rows_start import MINOR

if TYPE_CHECKING:
    from world import World

SCIENCE = ("scikit-learn", "pandas", "matplotlib", "requests", "rich", "pytest", "jinja2", "flask")
"""What the place asks for; with what these need, some forty packages."""

TABLES = ("pandas", "rich", "requests", "jinja2")
"""The same of conda, made into a channel out of wheels."""

_numbers = itertools.count()


def science(world: World) -> str:
    """Make the place with PyPI packages, locked and built, and give its path."""
    asked = "".join(f'{name} = "*"\n' for name in SCIENCE)
    text = (
        f'[workspace]\nname = "science"\n\n[packages]\npython = "=={MINOR}.*"\n\n'
        f"[packages.pypi]\n{asked}"
    )
    place = world.place("science", {"stead.toml": text})
    world.settle(place)
    return place


def pypi_rows(world: World) -> list[Row]:
    """Time a new place with a known lock, and building from a warm cache, against uv."""
    uv = world.tools["uv"].program
    if not uv:
        raise BenchError(world.tools["uv"].why)
    place = science(world)
    requirements, count = requirements_of(place)
    if count < 20:
        raise BenchError(f"only {count} packages are locked; at least 20 are meant")
    theirs = _uv_sync(world, uv, requirements)
    theirs.time()  # fills uv's own cache
    offline = _uv_sync(world, uv, requirements, UV_OFFLINE="1")

    before = _links(world)
    known = world.program(world.stead, "run", "true", cwd=place, before=lambda: _copy(world, place))
    ms = by_turns({"ours": known.time, "uv": offline.time}, world.rounds(15, 4))
    linked = _links(world) - before
    name = "a new place whose lock is built"
    found = [
        Row(f"{name}, {count} packages", ms["ours"], "`uv venv && uv pip sync`", ms["uv"], 0.6),
        Row(f"{name}: files linked", linked, "none", 0, 0, counts=True),
    ]

    def forget() -> None:
        world.forget_builds()

    building = world.program(world.stead, "run", "true", cwd=place, before=forget)
    ms = by_turns({"ours": building.time, "uv": offline.time}, world.rounds(9, 3))
    name = f"{count} PyPI packages, warm cache, not built"
    found.append(Row(name, ms["ours"], "`uv venv && uv pip sync`", ms["uv"], 1.5))
    return found


def requirements_of(place: str) -> tuple[str, int]:
    """Give what a place has locked as requirements with hashes, and how many they are."""
    from stead.formats import stead_lock

    path = Path(place, "stead.lock")
    [environment] = stead_lock.read(path.read_text("utf-8"), str(path)).environments
    lines = [
        f"{a.name}=={a.version}" + "".join(f" --hash=sha256:{f.sha256}" for f in a.files)
        for a in environment.artifacts
    ]
    return "\n".join(lines) + "\n", len(lines)


def _copy(world: World, place: str) -> str:
    target = world.base / "places" / f"new-{next(_numbers)}"
    target.mkdir()
    for name in ("stead.toml", "stead.lock"):
        shutil.copy(os.path.join(place, name), target)
    return str(target)


def _uv_sync(world: World, uv: str, requirements: str, **env: str) -> Program:
    def fresh() -> str:
        return world.place(f"uv-{next(_numbers)}", {"requirements.txt": requirements})

    # Both name the environment themselves: a variable that says which Python to use for the
    # first would have the second change that Python's own packages.
    both = (
        '"$0" venv --quiet --python "$1" .venv '
        '&& "$0" pip sync --quiet --require-hashes --python .venv requirements.txt'
    )
    python = sys._base_executable  # noqa: SLF001 - no public name has it
    return world.program(
        "/bin/sh", "-c", both, uv, python, cwd="/", before=fresh, **world.uv_env, **env
    )


def _links(world: World) -> int:
    """Count the names of files in the store, and those that its files have elsewhere."""
    total = 0
    for base, _, files in os.walk(world.home / "store"):
        total += sum(os.lstat(os.path.join(base, f)).st_nlink for f in files)
    return total


def conda_rows(world: World) -> list[Row]:
    """Time building conda packages from a warm cache against a script that uses rattler."""
    from stead.testing import cpython, from_index, make_channel
    from stead.values.platform import platform_of

    platform = platform_of(sys.platform, machine.machine()).name
    wheels = from_index(TABLES, world.base / "wheels")
    channel = make_channel(world.base / "channel", [cpython(), *wheels], platform)
    asked = "".join(f'{name} = "*"\n' for name in TABLES)
    text = (
        f'[workspace]\nname = "tables"\n\n[packages.conda]\nchannels = ["{channel.as_uri()}"]\n'
        f'python = "{MINOR}.*"\n{asked}'
    )
    place = world.place("tables", {"stead.toml": text})
    world.settle(place)
    if world.do(world.stead, "run", "python", "-c", "import pandas", cwd=place):
        raise BenchError("the built environment does not work")
    records, count = _records(world, channel.as_uri(), platform)

    def fresh() -> None:
        world.put_aside(world.base / "prefix")

    script = str(Path(__file__).with_name("install_records.py"))
    arguments = (records, str(world.base / "rattler-cache"), str(world.base / "prefix"))
    theirs = world.program(sys.executable, script, *arguments, cwd="/", before=fresh)
    theirs.time()  # fills its cache

    def forget() -> None:
        world.forget_builds()

    ours = world.program(world.stead, "run", "true", cwd=place, before=forget)
    ms = by_turns({"ours": ours.time, "rattler": theirs.time}, world.rounds(11, 4))
    name = f"{count} conda packages, warm cache, not built"
    return [Row(name, ms["ours"], "a script with rattler", ms["rattler"], 1.2)]


def _records(world: World, channel: str, platform: str) -> tuple[str, int]:
    """Write the records of what is built as a lock of rattler's own."""
    from rattler import LockFile, PrefixRecord
    from rattler.lock import LockChannel, LockPlatform

    [build] = [d for d in (world.home / "store").iterdir() if d.name.endswith("-tables")]
    lock, here = LockFile([LockPlatform(platform)]), LockPlatform(platform)
    lock.set_channels("default", [LockChannel(channel)])
    found = sorted((build / "conda-meta").glob("*.json"))
    for path in found:
        lock.add_conda_package("default", here, PrefixRecord.from_path(path))
    target = world.base / "records.lock"
    lock.to_path(target)
    return str(target), len(found)
