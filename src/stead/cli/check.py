"""`stead check`: everything that can be known before a process starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.nearby import near
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.table import Finding

HELP = """Say all that is wrong with an environment's configuration before anything starts: values
of the wrong type or out of limits, variables without a provider, hosts and nets that do not fit,
templates, secrets in tracked files, and checks that do not hold.

The exit code is 1 where something is wrong. Nothing is locked, built or run but the checks.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.selection(parser)
    options.strict(parser)
    options.json(parser)
    parser.add_argument(
        "--static", action="store_true", help="leave out the checks that reach for something"
    )
    parser.add_argument(
        "--check", action="store_true", help="fail where a rendered file is missing or not current"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.checking import inspected
    from stead.pipeline.configure import lines_of
    from stead.pipeline.provenance import said

    request = app.request(args.environment)
    found = inspected(request, app.context, live=not args.static, files=args.check)
    fatal = [f for f in found if _fatal(f, strict=args.strict)]
    if args.json:
        app.out_json({"ok": not fatal, "findings": [said(f) for f in found]})
        return 1 if fatal else 0
    for finding in found:
        file = near(finding.where.file, app.cwd) if finding.where.file else ""
        here = replace(finding, where=replace(finding.where, file=file))
        first, *details = lines_of(here)
        word = "error" if _fatal(finding, strict=args.strict) else finding.kind
        app.out(f"{word}: {first}")
        for line in details:
            app.out(line)
    if not found:
        app.out("nothing is wrong")
    return 1 if fatal else 0


def _fatal(finding: Finding, *, strict: bool) -> bool:
    return finding.kind == "error" or (strict and finding.kind == "drift")
