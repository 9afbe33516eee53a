"""`stead build`: the environment's tree, made or found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Make the environment of this directory, if it is not there yet, and print where it is.

With --writable DIR it is copied to DIR, to tinker with: files are private
copies and may be changed; the build in the store stays as it is. `stead status` then
says which packages of the copy were changed, `stead adopt` asks for them in the manifest,
and `stead restore` takes that back.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.locking(parser)
    options.json(parser)
    parser.add_argument(
        "--writable", metavar="DIR", help="make a private copy in DIR, which must not exist yet"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from pathlib import Path

    activation = app.activation(args.environment)
    where = activation.build
    if args.writable:
        if not where:
            raise UsageError(
                "this environment has no packages, so there is no tree to copy",
                remedy="add a package first",
            )
        from stead.store import copies
        from stead.store.writable import private_copy

        destination = Path(os.path.abspath(os.path.join(app.cwd, args.writable)))
        copied = private_copy(Path(where), destination)
        for file in copied.left:
            app.err(f"note: {file} still names the store, where it was made")
        copies.made(
            app.context.home,
            activation.place,
            activation.environment,
            where,
            str(destination),
        )
        where = str(destination)
    if args.json:
        app.out_json({"environment": activation.environment, "path": where or None})
    else:
        app.out(where or "no packages, nothing to build")
    return 0
