"""`stead abort`: drop what a transaction has staged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.committing import Aborted

HELP = """Drop what is staged in a `stead shell`; the place is as it was.

A manifest that was edited by hand since the transaction began is put back too. Its
text is kept, and said where; --keep-edits leaves it as it is. The transaction then
starts over.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-edits", action="store_true", help="leave manifests that were edited by hand"
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.history.committing import abort

    done = abort(app.inside(), app.context, keep_edits=args.keep_edits)
    app.staged()
    if args.json:
        app.out_json(
            {
                "operations": [o.words for o in done.operations],
                "put_back": done.put_back,
                "kept": done.kept or None,
            }
        )
        return 0
    for line in told(app, done):
        app.out(line)
    return 0


def told(app: App, done: Aborted) -> list[str]:
    """Say in lines what an abort did."""
    count = len(done.operations)
    lines = [f"dropped {count} staged change{'' if count == 1 else 's'}"]
    lines += [
        f"put back {os.path.relpath(path, app.cwd)}, which was edited by hand"
        for path in done.put_back
    ]
    if done.kept:
        lines.append(f"the edited text is kept in {done.kept}")
    return lines
