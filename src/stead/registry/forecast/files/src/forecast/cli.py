"""The command ``forecast``."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from forecast.main import MODELS, SEASON, Score, backtest, best
from forecast.utils import InputError, example, following, read


def parser() -> argparse.ArgumentParser:
    """The command line, as a parser."""
    top = argparse.ArgumentParser(prog="forecast", description="Forecasts of a seasonal series.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="forecast a series by the model that was best on its past"
    )
    run.add_argument(
        "--model",
        choices=["best", *MODELS],
        default="best",
        help="which model forecasts (%(default)s)",
    )
    score = commands.add_parser("backtest", help="compare the models on the series' past")
    for command in (run, score):
        command.add_argument(
            "file", nargs="?", metavar="FILE", help="CSV file (default: carbon dioxide by month)"
        )
        command.add_argument(
            "--value", default="value", metavar="COLUMN", help="column of numbers (%(default)s)"
        )
        command.add_argument(
            "--time", default="period", metavar="COLUMN", help="column of periods (%(default)s)"
        )
        command.add_argument(
            "--season",
            type=int,
            default=SEASON,
            metavar="N",
            help="periods of a season (%(default)s)",
        )
        command.add_argument(
            "--horizon", type=int, default=12, metavar="N", help="periods ahead (%(default)s)"
        )
        command.add_argument(
            "--level", type=float, default=0.95, metavar="P", help="of the intervals (%(default)s)"
        )
        command.add_argument(
            "--origins",
            type=int,
            default=5,
            metavar="N",
            help="forecasts of the past (%(default)s)",
        )
        command.add_argument("--format", choices=["json", "csv"], default="json")
        command.add_argument("--output", metavar="FILE", help="write there, not to the terminal")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the input cannot be used."""
    options = parser().parse_args(arguments)
    try:
        text = _backtest(options) if options.command == "backtest" else _run(options)
        if options.output:
            with open(options.output, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        else:
            sys.stdout.write(text)
    except InputError as error:
        print(f"forecast: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or "the result"
        told = f"{place} cannot be written ({error.strerror})"
        print(f"forecast: {told}. Expected: a file in a directory that is there", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> str:
    series = read(options.file or example(), options.value, options.time)
    terms = {"season": options.season, "level": options.level}
    name = options.model
    scores: tuple[Score, ...] = ()
    if name == "best":
        scores = backtest(series.values, options.horizon, origins=options.origins, **terms)
        name = best(scores)
    ahead = MODELS[name](series.values, options.horizon, **terms)
    columns = zip(
        following(series.periods, options.horizon), ahead.mean, ahead.low, ahead.high, strict=True
    )
    rows = [
        {"period": period, "mean": float(mean), "low": float(low), "high": float(high)}
        for period, mean, low, high in columns
    ]
    result = {"model": name, "scores": [asdict(s) for s in scores], "forecast": rows}
    return _text(options.format, result, rows)


def _backtest(options: argparse.Namespace) -> str:
    series = read(options.file or example(), options.value, options.time)
    scores = backtest(
        series.values,
        options.horizon,
        season=options.season,
        level=options.level,
        origins=options.origins,
    )
    rows = [asdict(score) for score in scores]
    return _text(options.format, {"best": best(scores), "scores": rows}, rows)


def _text(form: str, result: dict[str, object], rows: list[dict[str, object]]) -> str:
    if form == "json":
        return json.dumps(result, indent=2) + "\n"
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
