"""Rows about commands that only read: how they grow with the tree, and how fast they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import Row, by_turns
from rows_build import science
from rows_start import MINOR

if TYPE_CHECKING:
    from world import World

READING = {
    "status": ("status",),
    "env list": ("env", "list"),
    "env vars": ("env", "vars"),
    "tree": ("tree",),
    "why": ("why", "numpy"),
}

ANSWER = 150.0
"""Milliseconds within which a command that only reads is to answer."""


def _workspace(world: World, manifests: int) -> str:
    """Make a workspace with that many manifests, and give one of its members."""
    files = {
        "stead.toml": '[workspace]\nname = "wide"\nmembers = ["*/*"]\n\n'
        f'[packages]\npython = "=={MINOR}.*"\n'
    }
    for number in range(manifests - 1):
        directory = f"group-{number // 100:02}/member-{number % 100:02}"
        files[f"{directory}/stead.toml"] = f'[vars]\nNUMBER = "{number}"\n'
    root = world.place(f"wide-{manifests}", files)
    member = f"{root}/group-00/member-03"
    world.settle(member)
    return member


def growth_rows(world: World) -> list[Row]:
    """Time `stead status` in a tree of 1,000 manifests against one of 10."""
    status = {
        count: world.program(world.stead, "status", cwd=_workspace(world, count)).time
        for count in (10, 1000)
    }
    ms = by_turns({str(c): t for c, t in status.items()}, world.rounds(30, 8))
    name = "`stead status` in a tree of 1,000 manifests"
    return [Row(name, ms["1000"], "in a tree of 10", ms["10"], 1.1)]


def answer_rows(world: World) -> list[Row]:
    """Time the commands that only read."""
    place = science(world)
    timed = {
        name: world.program(world.stead, *words, cwd=place).time for name, words in READING.items()
    }
    ms = by_turns(timed, world.rounds(15, 4))
    return [
        Row(f"`stead {name}`", ms[name], "goal", ANSWER, ANSWER, limit=True) for name in READING
    ]
