"""The command ``etl``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from etl.main import DEFAULT_DATA, WEATHER, run
from etl.utils import InputError, connect

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 2 where what was given cannot be used."""
    parser = argparse.ArgumentParser(prog="etl", description=__doc__)
    parser.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get("DATABASE_URL") or "sqlite:///etl.sqlite",
        help="default: DATABASE_URL, else sqlite:///etl.sqlite",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    loading = commands.add_parser("run", help="load a file; prints what was done, as JSON")
    loading.add_argument("source", nargs="?", default=DEFAULT_DATA, help="CSV or JSON lines")
    loading.add_argument("--batch", type=int, default=500, help="rows per transaction")
    loading.add_argument("--rejects", metavar="FILE", help="set bad rows aside in this file")
    commands.add_parser("schema", help="print which columns are expected")
    options = parser.parse_args(arguments)
    try:
        if options.command == "schema":
            print(WEATHER.expected())
            return 0
        database = connect(options.database)
        try:
            report = run(options.source, database, batch=options.batch, rejects=options.rejects)
        finally:
            database.close()
    except InputError as error:
        print(f"etl: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
