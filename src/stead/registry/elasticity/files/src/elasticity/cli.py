"""The command ``elasticity``."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from elasticity.main import CURVE, Demand, Elasticity, elasticity_at, fit
from elasticity.utils import InputError, example, read

GASOLINE = ("income", "newcar", "usedcar")
"""Controls of the data that come with this module."""


def parser() -> argparse.ArgumentParser:
    """The command line, as a parser."""
    top = argparse.ArgumentParser(prog="elasticity", description="Price elasticity of demand.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="fit a demand curve to a CSV file and print its elasticities",
        description=f"Fit a demand curve ({CURVE}) to a CSV file and print its elasticities.",
    )
    run.add_argument(
        "file", nargs="?", metavar="FILE", help="CSV file (default: gasoline, US 1960–1995)"
    )
    run.add_argument(
        "--price", default="price", metavar="COLUMN", help="column of prices (%(default)s)"
    )
    run.add_argument(
        "--quantity",
        default="quantity",
        metavar="COLUMN",
        help="column of quantities (%(default)s)",
    )
    run.add_argument(
        "--controls", nargs="*", metavar="COLUMN", help="columns that move demand as well"
    )
    run.add_argument(
        "--at",
        nargs="+",
        type=float,
        metavar="PRICE",
        help="prices to evaluate at (the mean price)",
    )
    run.add_argument(
        "--lags",
        type=int,
        default=0,
        metavar="N",
        help="rows over which errors may be correlated, for series (%(default)s)",
    )
    run.add_argument(
        "--level",
        type=float,
        default=0.95,
        metavar="P",
        help="of the confidence interval (%(default)s)",
    )
    run.add_argument("--format", choices=["json", "csv"], default="json", help="(%(default)s)")
    run.add_argument("--output", metavar="FILE", help="write the result there, not to the terminal")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the input cannot be used."""
    options = parser().parse_args(arguments)
    controls = options.controls
    if controls is None:
        controls = [] if options.file else list(GASOLINE)
    try:
        seen = read(options.file or example(), options.price, options.quantity, controls)
        demand = fit(seen.price, seen.quantity, seen.controls, names=seen.names, lags=options.lags)
        prices = options.at or [demand.price]
        text = write(
            demand,
            [elasticity_at(demand, price, level=options.level) for price in prices],
            options.format,
        )
        if options.output:
            with open(options.output, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        else:
            sys.stdout.write(text)
    except InputError as error:
        print(f"elasticity: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or "the result"
        told = f"{place} cannot be written ({error.strerror})"
        print(f"elasticity: {told}. Expected: a file in a directory that is there", file=sys.stderr)
        return 2
    return 0


def write(demand: Demand, elasticities: Sequence[Elasticity], form: str = "json") -> str:
    """The result as text: JSON with the curve, or CSV with a row per price."""
    rows = [asdict(elasticity) for elasticity in elasticities]
    if form == "csv":
        text = io.StringIO()
        table = csv.DictWriter(text, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        return text.getvalue()
    errors = demand.covariance.diagonal() ** 0.5
    result = {
        "curve": CURVE,
        "observations": demand.observations,
        "r_squared": demand.r_squared,
        "coefficients": {
            name: {"value": float(value), "error": float(error)}
            for name, value, error in zip(demand.names, demand.coefficients, errors, strict=True)
        },
        "elasticities": rows,
    }
    return json.dumps(result, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
