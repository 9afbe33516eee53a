"""`stead export`: write what is locked in another tool's format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Write the exact packages of an environment in another tool's format.

Locks first where stead.lock does not answer. The text goes to standard output,
or to the file after -o, whose name also says the format. A file that
`stead export` wrote is passed over where it lies beside the manifests it was
made from. No user name, password or token of an index or channel gets into it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.pipeline.exchange import FORMATS

    options.environment(parser)
    options.locking(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"one of {', '.join(FORMATS)} (default: what the name after -o says)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE")
    parser.add_argument(
        "--platform",
        action="append",
        metavar="PLATFORM",
        help="for this platform; several for conda-lock and pixi "
        "(default: this one; for these two all that the lock holds)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace FILE even if Stead did not make it"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import exchange

    format_ = args.format or (exchange.format_of(args.output) if args.output else "")
    if not format_:
        raise UsageError(
            f"the name {args.output} does not say which format it is"
            if args.output
            else "no format is named",
            remedy=f"add --format with one of {', '.join(exchange.FORMATS)}",
        )
    path = os.path.normpath(os.path.join(app.cwd, args.output)) if args.output else ""
    exported = exchange.export(
        app.request(args.environment),
        app.context,
        format_,
        platforms=tuple(args.platform or ()),
        base=os.path.dirname(path) if path else app.cwd,
    )
    if path:
        exchange.write(exported, path, app.context, force=args.force)
    else:
        app.out(exported.text.removesuffix("\n"))
    for note in exported.notes:
        app.err(note)
    return 0
