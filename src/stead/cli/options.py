"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-e",
        "--environment",
        metavar="ENV",
        help="the environment: layers joined by `-` (default: $STEAD_ENVIRONMENT, else `default`)",
    )


def locking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--locked", action="store_true", help="fail if stead.lock would have to change"
    )
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads",
        action="store_true",
        help="never fetch an interpreter, only use those found",
    )


def json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer as JSON")
