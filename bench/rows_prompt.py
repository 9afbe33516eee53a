"""Rows about the prompt: in a directory where nothing changed, and when a place is entered."""

from __future__ import annotations

import os
import re
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, by_turns
from rows_start import BELOW, DEEP, MINOR, mise_env, mise_tree, stead_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from world import World

BASH = "/bin/bash"
SCRIPT = str(Path(__file__).with_name("prompts.bash"))
VARIABLES = {f"BENCH_{n:03}": f"the value of variable {n}, of middling length" for n in range(100)}
LAST = "BENCH_099"

STAY, ENTER = (0.2, 0.1), (0.15, 0.05)
"""What the ratio to mise and to direnv may be."""


class Prompts:
    """One tool's hook, timed in one bash that goes where it is sent."""

    def __init__(self, world: World, hook: str, **env: str) -> None:
        """Keep ``hook``, the text for the rc file, for the bashes to come."""
        self._world = world
        self._env = env
        self._hook = str(world.base / f"hook-{len(list(world.base.glob('hook-*')))}")
        Path(self._hook).write_text(hook, "utf-8")

    def command(self, mode: str, count: int, place: str, variable: str) -> list[str]:
        elsewhere = str(self._world.base / "user")
        return [BASH, "--norc", SCRIPT, mode, str(count), place, elsewhere, self._hook, variable]

    def timer(self, mode: str, count: int, place: str, variable: str) -> Callable[[], list[float]]:
        """Give what times ``count`` prompts in one bash, in milliseconds."""

        def run() -> list[float]:
            said = self._world.do(*self.command(mode, count, place, variable), cwd="/", **self._env)
            return [statistics.median(int(line) / 1000 for line in said.splitlines())]

        return run

    def started(self, place: str, variable: str, mode: str = "stay") -> float:
        """Count the processes that one unchanged prompt starts, with strace."""
        counts: list[int] = []
        log = str(self._world.base / "strace.log")
        self._world.do(*self.command(mode, 2, place, variable), cwd="/", **self._env)
        for prompts in (0, 20):
            self._world.do(
                "strace", "-f", "-qq", "-o", log, "-e", "trace=fork,vfork,clone,clone3,execve",
                *self.command(mode, prompts, place, variable), cwd="/", **self._env,
            )  # fmt: skip
            counts.append(
                len(re.findall(r"\) = [1-9]|\) = 0$", Path(log).read_text(), re.MULTILINE))
            )
        return (counts[1] - counts[0]) / 20


@dataclass(frozen=True)
class Places:
    """Where the hooks are timed: in ``deep`` nothing changes, ``wide`` is entered."""

    deep: str
    wide: str
    mise_deep: str
    mise_wide: str
    envrc: Mapping[str, str]
    """What direnv sets in a place of its own that is entered."""
    envrc_deep: Mapping[str, str]


def rows(world: World) -> list[Row]:
    """Time prompts with the hook against mise's and direnv's."""
    lines = "".join(f'{n} = "{v}"\n' for n, v in VARIABLES.items())
    places = Places(
        os.path.join(stead_tree(world), BELOW),
        _stead_wide(world),
        os.path.join(mise_tree(world), BELOW),
        world.place("wide-mise", {"mise.toml": f"[env]\n{lines}"}),
        VARIABLES,
        {"LEVEL_3": "level 3"},
    )
    names = "unchanged prompt in bash", "entering a known environment, 100 variables"
    found = hook_rows(world, names, places)
    if shutil.which("strace"):
        ours = Prompts(world, world.do(world.stead, "hook", "bash", cwd="/"))
        started = ours.started(places.deep, "LEVEL_3")
        row = Row("unchanged prompt: processes started", started, "none", 0, 0, counts=True)
        found.insert(0, row)
    else:
        world.left_out.append("processes started by an unchanged prompt: strace is not there")
    return found


def hook_rows(world: World, names: tuple[str, str], places: Places) -> list[Row]:
    """Time both kinds of prompts; ``names`` are those of the rows."""
    stay: dict[str, Callable[[], list[float]]] = {}
    enter: dict[str, Callable[[], list[float]]] = {}
    count = world.rounds(40, 10)

    ours = Prompts(world, world.do(world.stead, "hook", "bash", cwd="/"))
    for place in (places.deep, places.wide):
        world.do(world.stead, "trust", "--yes", cwd=place)
        world.settle(place)
    stay["stead"] = ours.timer("stay", count, places.deep, "LEVEL_3")
    enter["stead"] = ours.timer("enter", count, places.wide, LAST)

    mise = world.tools["mise"].program
    if mise:
        theirs = Prompts(world, world.do(mise, "activate", "bash", cwd="/"), **mise_env(world))
        stay["mise"] = theirs.timer("stay", count, places.mise_deep, "LEVEL_3")
        enter["mise"] = theirs.timer("enter", count, places.mise_wide, LAST)
    direnv = world.tools["direnv"].program
    if direnv:
        quiet = {"DIRENV_LOG_FORMAT": ""}
        theirs = Prompts(world, world.do(direnv, "hook", "bash", cwd="/"), **quiet)
        root = _envrc(world, "deep-direnv", DEEP[-1], places.envrc_deep)
        below = os.path.join(root, BELOW)
        os.makedirs(below, exist_ok=True)
        stay["direnv"] = theirs.timer("stay", count, below, "LEVEL_3")
        place = _envrc(world, "wide-direnv", "", places.envrc)
        enter["direnv"] = theirs.timer("enter", count, place, LAST)

    found = []
    rounds = world.rounds(15, 3)
    for name, timed, gates in ((names[0], stay, STAY), (names[1], enter, ENTER)):
        ms = by_turns(timed, rounds)
        found += [
            Row(name, ms["stead"], f"{peer}'s hook", ms[peer], gate)
            for peer, gate in zip(("mise", "direnv"), gates, strict=True)
            if peer in ms
        ]
    return found


def _stead_wide(world: World) -> str:
    lines = "".join(f'{n} = "{v}"\n' for n, v in VARIABLES.items())
    head = f'[workspace]\nname = "wide"\n\n[packages]\npython = "=={MINOR}.*"\n\n'
    return world.place("wide-stead", {"stead.toml": f"{head}[vars]\n{lines}"})


def _envrc(world: World, name: str, directory: str, variables: Mapping[str, str]) -> str:
    text = "".join(f"export {n}='{v}'\n" for n, v in variables.items())
    root = world.place(name, {f"{directory}.envrc": text})
    direnv = world.tools["direnv"].program
    world.do(direnv, "allow", os.path.join(root, f"{directory}.envrc"), cwd=root)
    return root
