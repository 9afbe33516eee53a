"""`stead import`: make a ``stead.toml`` from another tool's file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Make a stead.toml in this directory that asks for what another tool's file does.

Of a lock (pylock.toml, conda-lock.yml, an explicit conda list, pixi.lock) the
exact packages go into stead.lock: nothing is solved again. The file itself
stays as it is. A stead.toml that is there is replaced only with --force.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.pipeline.taking import FORMATS

    parser.add_argument("file", metavar="FILE", help="the file to take over")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"one of {', '.join(FORMATS)} (default: what the file's name says)",
    )
    parser.add_argument(
        "--platform",
        action="append",
        metavar="PLATFORM",
        help="take a lock's packages for this platform "
        "(default: all that the lock says it is for, else this one)",
    )
    parser.add_argument("--force", action="store_true", help="replace a stead.toml that is there")
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads",
        action="store_true",
        help="never fetch an interpreter, only use those found",
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import taking

    file = os.path.normpath(os.path.join(app.cwd, args.file))
    if not os.path.isfile(file):
        raise UsageError(f"there is no file {file}", remedy="correct the path")
    taken = taking.take(
        file,
        args.format or taking.format_of(file),
        app.request("default"),
        app.context,
        platforms=tuple(args.platform or ()),
        force=args.force,
    )
    if args.json:
        app.out_json(taken)
        return 0
    app.out(f"wrote {taken.manifest}")
    if taken.lock:
        pairs = ", ".join(f"{name} on {platform}" for name, platform in taken.environments)
        app.out(f"wrote {taken.lock} ({pairs}; nothing was solved)")
    for note in taken.notes:
        app.err(note)
    return 0
