"""Rows about starting a command where nothing has changed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from measure import BenchError, Row, by_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"

DEEP = ("", "a/", "a/b/", "a/b/c/")
"""Directories with a manifest each; with the lock, five inputs."""

BELOW = "a/b/c/d"
"""Where the command is started: four levels below the root."""


def stead_tree(world: World, name: str = "deep", more: str = "") -> str:
    """Make a place with a manifest on each level; ``more`` are lines of the first one's `[vars]`."""
    files = {f"{d}stead.toml": f'[vars]\nLEVEL_{n} = "level {n}"\n' for n, d in enumerate(DEEP)}
    files["stead.toml"] = (
        f'[workspace]\nname = "{name}"\n\n[packages]\npython = "=={MINOR}.*"\n\n'
        + files["stead.toml"]
        + more
    )
    root = world.place(name, files)
    os.makedirs(os.path.join(root, BELOW), exist_ok=True)
    world.settle(os.path.join(root, BELOW))
    return root


def mise_tree(world: World, name: str = "deep-mise", more: str = "") -> str:
    files = {f"{d}mise.toml": f'[env]\nLEVEL_{n} = "level {n}"\n' for n, d in enumerate(DEEP)}
    files["mise.toml"] += more
    root = world.place(name, files)
    os.makedirs(os.path.join(root, BELOW), exist_ok=True)
    return root


def mise_env(world: World) -> dict[str, str]:
    return {"MISE_YES": "1", "MISE_TRUSTED_CONFIG_PATHS": str(world.base / "places")}


def _uv_tree(world: World, uv: str) -> str:
    project = f'[project]\nname = "deep"\nversion = "1"\nrequires-python = ">={MINOR}"\n'
    root = world.place("deep-uv", {"pyproject.toml": project})
    os.makedirs(os.path.join(root, BELOW), exist_ok=True)
    world.do(uv, "sync", "--quiet", "--offline", cwd=root, **world.uv_env)
    return root


def rows(world: World) -> list[Row]:
    """Time `stead run true` and a launcher against `mise exec` and `uv run --no-sync`."""
    names = "`stead run true`, 5 inputs, depth 4", "a launcher of `true`, the same place"
    return start_rows(world, names, stead_tree(world), mise_tree(world))


def start_rows(world: World, names: tuple[str, str], root: str, mise_root: str) -> list[Row]:
    """Time both below two trees that set the same variables; ``names`` are those of the rows."""
    timed: dict[str, Callable[[], float]] = {}
    below = os.path.join(root, BELOW)
    launcher = world.do(world.stead, "launcher", "true", cwd=below).strip()
    timed["run"] = world.program(world.stead, "run", "true", cwd=below).time
    timed["launcher"] = world.program(launcher, cwd=below).time
    mise, uv = world.tools["mise"], world.tools["uv"]
    if mise.program:
        cwd = os.path.join(mise_root, BELOW)
        env = mise_env(world)
        if "level 3" not in world.do(mise.program, "exec", "--", "env", cwd=cwd, **env):
            raise BenchError("mise does not set the variables of its manifests")
        timed["mise"] = world.program(mise.program, "exec", "--", "true", cwd=cwd, **env).time
    if uv.program:
        cwd = os.path.join(_uv_tree(world, uv.program), BELOW)
        timed["uv"] = world.program(
            uv.program, "run", "--no-sync", "true", cwd=cwd, **world.uv_env
        ).time
    ms = by_turns(timed, world.rounds(100, 20), warm=3)
    table = [
        (names[0], "run", "mise", "`mise exec`", 0.45),
        (names[0], "run", "uv", "`uv run --no-sync`", 0.25),
        (names[1], "launcher", "mise", "`mise exec`", 0.35),
    ]
    return [
        Row(name, ms[ours], label, ms[peer], gate)
        for name, ours, peer, label, gate in table
        if peer in ms
    ]
