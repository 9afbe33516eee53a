"""The command ``batch``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from batch.main import run
from batch.utils import InputError, example, inputs


def parser() -> argparse.ArgumentParser:
    """The command line, as a parser."""
    top = argparse.ArgumentParser(prog="batch", description="The same work on each of many files.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    start = commands.add_parser(
        "run",
        help="make the outputs that are missing or made of something else",
        description="Make the outputs that are missing or made of something else. Prints what was "
        "done, as JSON. Exit code: 1 where the work failed for some input, 2 where nothing "
        "could be done.",
    )
    start.add_argument(
        "directory",
        nargs="?",
        metavar="DIRECTORY",
        help="of inputs (default: US economy by decade)",
    )
    start.add_argument("--pattern", default="*.csv", help="names of inputs (%(default)s)")
    start.add_argument(
        "--output", default="batch-output", metavar="DIRECTORY", help="of outputs (%(default)s)"
    )
    start.add_argument(
        "--workers", type=int, default=0, metavar="N", help="at a time (as many as processors)"
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see its help for the exit code."""
    options = parser().parse_args(arguments)
    try:
        paths = inputs(options.directory or example(), options.pattern)
        report = run(paths, options.output, workers=options.workers)
    except InputError as error:
        print(f"batch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("batch: interrupted; run it again to go on", file=sys.stderr)
        return 130
    print(json.dumps(asdict(report), indent=2))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
