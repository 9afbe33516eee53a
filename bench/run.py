"""Measure Stead against its peers, and write the table.

    python bench/run.py            everything; writes bench/RESULTS.md
    python bench/run.py --quick    few repetitions; writes nothing
    python bench/run.py --only start,prompt

Each row is printed and written as soon as it is measured: a run that is stopped leaves
what it measured, and what others measured before of groups that it did not come to.
Ends with 1 when a ratio does not hold, with 2 when a measurement fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rows_build
import rows_config
import rows_deploy
import rows_dotenv
import rows_history
import rows_images
import rows_matrix
import rows_modules
import rows_project
import rows_prompt
import rows_read
import rows_server
import rows_server_builds
import rows_server_database
import rows_server_stores
import rows_start
import rows_typed
from measure import BenchError
from results import Results, Section, line
from world import make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from measure import Row
    from world import World

RESULTS = Path(__file__).with_name("RESULTS.md")


class Group(NamedTuple):
    """What measures some rows, and the tools that it asks for by name."""

    rows: Callable[[World], Iterable[Row]]
    tools: tuple[str, ...] = ()


GROUPS = {
    "start": Group(rows_start.rows, ("mise", "uv")),
    "pypi": Group(rows_build.pypi_rows, ("uv",)),
    "read": Group(rows_read.answer_rows),
    "growth": Group(rows_read.growth_rows),
    "conda": Group(rows_build.conda_rows),
    "prompt": Group(rows_prompt.rows, ("mise", "direnv")),
    "typed": Group(rows_typed.rows, ("mise", "direnv", "uv")),
    "config": Group(rows_config.rows),
    "dotenv": Group(rows_dotenv.rows),
    "history": Group(rows_history.rows),
    "project": Group(rows_project.rows),
    "images": Group(rows_images.rows, ("uv",)),
    "matrix": Group(rows_matrix.rows, rows_matrix.TOOLS),
    "deploy": Group(rows_deploy.rows),
    "modules": Group(rows_modules.rows, rows_modules.TOOLS),
    "server": Group(rows_server.rows),
    "server-builds": Group(rows_server_builds.rows),
    "server-stores": Group(rows_server_stores.rows),
    "server-database": Group(rows_server_database.rows),
}
"""What is measured, in the order of the sections."""


def main() -> int:
    """Measure, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repetitions; writes nothing")
    parser.add_argument("--only", metavar="GROUPS", help=f"some of {', '.join(GROUPS)}")
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else list(GROUPS)
    if unknown := [c for c in chosen if c not in GROUPS]:
        parser.error(f"no group {unknown[0]}; there are {', '.join(GROUPS)}")
    results = None if args.quick else Results(RESULTS, list(GROUPS))
    began = time.monotonic()
    code = 0
    with make_world(quick=args.quick) as world:
        for name in chosen:
            code = max(code, _measure(name, world, results))
    print(f"{time.monotonic() - began:.0f} s in all", file=sys.stderr)
    return code


def _measure(name: str, world: World, results: Results | None) -> int:
    """Measure a group, and tell of each row at once; gives the exit code that is due to it."""
    group = GROUPS[name]
    world.left_out = []
    section = Section(name, left_out=world.left_out)
    code, ended = 0, False

    def write() -> None:
        if results:
            tools = [world.tools[tool] for tool in group.tools if tool in world.tools]
            results.put(name, section.text(tools, ended=ended))

    try:
        for row in group.rows(world):
            section.rows.append(row)
            print(line(row), flush=True)
            code = max(code, int(not (row.holds or row.limit)))
            write()
    except BenchError as exc:
        section.left_out.append(f"what comes after: {exc}")
        print(f"failed: {name}: {exc}", file=sys.stderr)
        code = 2
    ended = True
    write()
    print(f"{name}: {time.monotonic() - section.since:.0f} s", file=sys.stderr)
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # rattler's threads can crash an interpreter that shuts down.
    os._exit(code)
