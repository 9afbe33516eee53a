"""The command ``segmentation``."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from segmentation.main import Profile, Segmentation, profile, segment
from segmentation.utils import InputError, example, read


def parser() -> argparse.ArgumentParser:
    """The command line, as a parser."""
    top = argparse.ArgumentParser(prog="segmentation", description="Segments by k-means.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="segment the rows of a CSV file and describe the segments"
    )
    run.add_argument("file", nargs="?", metavar="FILE", help="CSV file (default: 178 wines)")
    run.add_argument(
        "--columns", nargs="+", default=[], metavar="COLUMN", help="measures (all numeric columns)"
    )
    run.add_argument("--k", type=int, metavar="N", help="segments (as many as are told apart best)")
    run.add_argument(
        "--most", type=int, default=8, metavar="N", help="segments that are tried (%(default)s)"
    )
    run.add_argument("--seed", type=int, default=0, metavar="N", help="of chance (%(default)s)")
    run.add_argument(
        "--assigned", metavar="FILE", help="write the segment of each row there, as CSV"
    )
    run.add_argument("--format", choices=["json", "csv"], default="json", help="(%(default)s)")
    run.add_argument("--output", metavar="FILE", help="write profiles there, not to the terminal")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the input cannot be used."""
    options = parser().parse_args(arguments)
    try:
        table = read(options.file or example(), options.columns)
        found = segment(table.values, k=options.k, most=options.most, seed=options.seed)
        text = write(found, profile(found, table.columns), options.format)
        if options.assigned:
            rows = [{"row": i + 1, "segment": int(label)} for i, label in enumerate(found.labels)]
            _save(options.assigned, _csv(rows))
        if options.output:
            _save(options.output, text)
        else:
            sys.stdout.write(text)
    except InputError as error:
        print(f"segmentation: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or "the result"
        told = f"{place} cannot be written ({error.strerror})"
        print(
            f"segmentation: {told}. Expected: a file in a directory that is there", file=sys.stderr
        )
        return 2
    return 0


def write(found: Segmentation, profiles: Sequence[Profile], form: str = "json") -> str:
    """The result as text: JSON, or CSV with a row per segment and a column per mean."""
    if form == "csv":
        return _csv(
            [{"segment": p.segment, "size": p.size, "share": p.share, **p.means} for p in profiles]
        )
    result = {
        "k": found.k,
        "silhouettes": found.silhouettes,
        "segments": [asdict(p) for p in profiles],
    }
    return json.dumps(result, indent=2) + "\n"


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _save(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main())
