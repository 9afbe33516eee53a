"""`stead config`: the table of variables, and what differs between two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.nearby import near_origin

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.table import Table

HELP = """Show the variables of an environment with the place that each value comes from, or what
differs between two environments (`stead config diff dev prod`).

Secrets are not looked up and not shown.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    listing = "list the variables, their values and origins"
    shown = commands.add_parser("list", help=listing, description=listing)
    options.environment(shown)
    comparing = "list what differs between two environments"
    compared = commands.add_parser("diff", help=comparing, description=comparing)
    compared.add_argument("first", metavar="ENV", help="one environment")
    compared.add_argument("second", metavar="ENV", help="the other")
    for parser_ in (shown, compared):
        options.selection(parser_)
        options.json(parser_)


def execute(args: argparse.Namespace, app: App) -> int:
    return _list(args, app) if args.subcommand == "list" else _diff(args, app)


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.provenance import listed
    from stead.pipeline.rendering import planned, with_reaches

    table = app.table(args.environment)
    _say_what_is_wrong(app, table)
    rows = listed(with_reaches(table, planned(table)) if args.json else table)
    if args.json:
        app.out_json(rows)
        return 0
    width = max((len(r["name"]) for r in rows), default=0)
    kinds = max((len(r["type"]) for r in rows), default=0)
    for row in rows:
        value = "(no value)" if row["value"] is None else row["value"]
        where = near_origin(row["origin"], app.cwd) or row["rank"]
        origin = f"  ({where})" if where else ""
        app.out(f"{row['name']:<{width}}  {row['type']:<{kinds}}  {value}{origin}")
    return 0


def _diff(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.provenance import compared

    first, second = app.steadily(lambda: (app.table(args.first), app.table(args.second)))
    _say_what_is_wrong(app, first, second)
    rows = compared(first, second)
    if args.json:
        app.out_json({"first": args.first, "second": args.second, "differences": rows})
        return 0
    if not rows:
        app.out(f"{args.first} and {args.second} have the same variables")
    for row in rows:
        app.out(row["name"])
        for sign, side in (("-", row["first"]), ("+", row["second"])):
            if side is not None:
                origin = f"  ({near_origin(side['origin'], app.cwd)})" if side["origin"] else ""
                app.out(f"  {sign} {side['value']}{origin}")
            else:
                app.out(f"  {sign} (no value)")
    return 0


def _say_what_is_wrong(app: App, *tables: Table) -> None:
    """Name the mistakes beside the answer: they may be why it is not the one expected."""
    for message in dict.fromkeys(str(f) for t in tables for f in t.errors):
        app.err(f"stead: {message}")
