"""`stead remove`: take a request for a package away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli.add import common, report

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Take requests for packages away: edit the manifest, lock, and make the environment.

If what is left cannot be locked, nothing is changed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", nargs="+", help="the names; pypi:NAME where two ask for one")
    common(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.change import remove

    app.record_edits(args.layer or None)
    changed = remove(app.changing(args.layer), app.context, args.package, layer=args.layer)
    return report(args, app, changed, args.layer or None)
