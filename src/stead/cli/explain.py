"""`stead explain`: where a variable's value comes from, and whom it reaches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.cli import options
from stead.cli.nearby import near_origin
from stead.values.errors import UsageError
from stead.values.names import nearest
from stead.values.secret import SHOWN

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.table import Entry, Table

HELP = """Say where a variable's value comes from: every definition with file and line, which one
prevails and why, what it was made from, and each file and process that it reaches.

Secrets are not looked up and not shown.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.selection(parser)
    options.json(parser)
    parser.add_argument("name", metavar="NAME", help="the variable")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.provenance import explained, shadowing
    from stead.pipeline.rendering import planned, with_reaches

    table = app.table(args.environment)
    for finding in table.errors:
        if not finding.where.file:  # on the command line
            app.err(f"stead: {finding}")
    table = with_reaches(table, planned(table))
    entry = table.entry(args.name)
    if entry is None:
        like = nearest(args.name, [e.name for e in table.entries])
        raise UsageError(
            f"no variable {args.name} is known in this environment",
            remedy=f"did you mean {like}?" if like else "`stead config list` shows all that are",
        )
    report = explained(entry, table) | {"shadows": shadowing(entry, app.context.environ)}
    if args.json:
        app.out_json(report)
        return 0
    for line in _lines(report, table, entry, app.cwd):
        app.out(line)
    return 0


def _lines(report: dict[str, Any], table: Table, entry: Entry, cwd: str) -> list[str]:
    def near(place: str) -> str:
        return near_origin(place, cwd)

    value = SHOWN if entry.secret else "no value" if entry.value is None else entry.value
    lines = [
        f"{entry.name} = {value}"
        if entry.value is not None or entry.secret
        else f"{entry.name} has no value"
    ]
    kind = report["type"] + (", required" if entry.required else "")
    by = f", declared by {report['declared_by']}" if report["declared_by"] else ""
    at = f"  ({near(report['declared_at'])})" if report["declared_at"] else ""
    lines.append(f"type         {kind}{by}{at}")
    if entry.description:
        lines.append(f"             {entry.description}")
    for number, d in enumerate(report["definitions"]):
        mark = "wins" if number == 0 else "    "
        lines.append(
            f"{'defined' if number == 0 else '':<13}{mark}  {d['rank']:<11}  {d['value']}"
            + (f"  by {d['by']}" if d["by"] else "")
            + (f"  ({near(d['origin'])})" if d["origin"] else "")
        )
    if report["why"]:
        lines.append(f"because      {report['why']}")
    if report["refers"]:
        lines.append("made from    " + ", ".join(report["refers"]))
    lines.append("reaches      " + (", ".join(report["reaches"]) or "nothing"))
    if report["shadows"]:
        lines.append("drift        the calling shell has another value, which does not count")
    named = re.compile(rf"(?<![\w.]){re.escape(entry.name)}(?!\w)")
    lines_of_it = {d.origin for d in entry.definitions[:1] if d.origin.line}
    wrong = [f.message for f in table.errors if named.search(f.message) or f.where in lines_of_it]
    lines += [f"wrong        {message}" for message in wrong]
    return lines
