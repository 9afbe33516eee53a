"""`stead typings`: a typed stub, so that editors and type checkers know the project's names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Write a typed stub of `stead.project` for this place.

With it an editor completes `project.vars.NAME` and `project.paths["NAME"]`, and a
type checker finds a misspelt name. pyright looks into `typings/` by itself; mypy
does with `mypy_path = "typings"`. The stub holds names and types of all
environments and no value: commit it, and let CI run `stead typings --check`.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and end with 1 where the stub is not as it would be written",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="where type checkers look for stubs (default: `typings` in the place)",
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.typings import stale, typings, write

    directory = os.path.normpath(os.path.join(app.cwd, args.output)) if args.output else ""
    made = typings(app.request(None), app.context, directory)
    outdated = stale(made) if args.check else write(made)
    for path in outdated:
        app.out(os.path.relpath(path, app.cwd))
    if not args.check:
        what = f"{made.names} names" if made.names != 1 else "1 name"
        app.err(f"stead: {what}; {'written' if outdated else 'as it was'}")
        return 0
    if outdated:
        app.err("stead: not as the manifests say\n  → run `stead typings`")
    return 1 if outdated else 0
