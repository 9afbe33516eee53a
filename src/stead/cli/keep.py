"""`stead keep`: adopt what was changed by hand in a transaction's shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Adopt what was changed by hand in the shell of `stead shell`.

NAME is a variable that was exported, changed or unset there, or a directory that was
added to PATH: it is staged as `stead set` and `stead unset` would. `stead status` lists
what there is. What looks private is taken with --private alone, into the untracked .env.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="a variable or a directory")
    parser.add_argument("--all", action="store_true", help="everything that was changed by hand")
    parser.add_argument(
        "--private", action="store_true", help="put values into the place's .env, not its manifest"
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import session, variables
    from stead.pipeline.hand_files import for_files, outside_among, private_among
    from stead.pipeline.steps import found_for
    from stead.pipeline.unread import DOTENV

    transaction = app.inside()
    hands = session.hands_of(
        transaction.directory, app.context.environ, app.platform.path_separator
    )
    names = [hand.name for hand in hands] if args.all else args.names
    if not names:
        raise UsageError(
            "nothing was changed by hand" if args.all else "what is to be kept?",
            remedy="`stead status` lists what was changed by hand",
        )
    table = app.table()
    left = private_among(hands, table) if args.all and not args.private else ()
    outside = outside_among(hands, table) if args.all else ()
    names = [name for name in names if name not in (*left, *outside)]
    place = transaction.place
    dotenv = os.path.join(place, DOTENV)
    wanted = for_files(
        hands,
        names,
        table=table,
        manifest=variables.own_manifest(found_for(app.request())),
        dotenv=dotenv,
        cwd=app.cwd,
        private=args.private,
    )
    done: list[variables.Edited] = []
    if wanted.manifest:
        done.append(variables.change(app.request(), app.context, wanted.manifest))
    if wanted.private:
        done.append(variables.change_private(app.request(), app.context, wanted.private))
    files = [edited.file for edited in done if edited.file]
    notes = [note for edited in done for note in edited.notes]
    app.staged()
    if args.json:
        app.out_json({"files": files, "notes": notes, "private": left, "outside": outside})
        return 1 if left or outside else 0
    for file in files:
        app.out(f"staged {', '.join(names)} in {os.path.relpath(file, app.cwd)}")
    if not files:
        app.out("nothing to change")
    for note in notes:
        app.err(note)
    if left:
        app.err(
            f"not kept, for it looks private: {', '.join(left)}\n"
            f"  → `stead keep --private {' '.join(left)}` puts it into .env"
        )
    if outside:
        app.err(
            f"not kept, for it came from outside of the place: {', '.join(outside)} unset\n"
            "  → unset it where it is set; `stead set NAME=` makes it empty here"
        )
    return 1 if left or outside else 0
