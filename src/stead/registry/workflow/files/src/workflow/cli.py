"""The command ``workflow``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from workflow.main import STEPS, State, run
from workflow.utils import InputError, StepError, example


def parser() -> argparse.ArgumentParser:
    """The command line, as a parser."""
    top = argparse.ArgumentParser(prog="workflow", description="Steps, with checks between.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    start = commands.add_parser("run", help="take the steps and print the result, as JSON")
    start.add_argument(
        "file", nargs="?", metavar="FILE", help="CSV file (default: the Nile by year)"
    )
    start.add_argument(
        "--until",
        default="",
        metavar="STEP",
        help="stop after this step, and print the whole state",
    )
    start.add_argument(
        "--output", metavar="FILE", help="write the result there, not to the terminal"
    )
    commands.add_parser("steps", help="print the steps, in order, with what each does")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 where the input cannot be used, 1 where a check refuses a step's result."""
    options = parser().parse_args(arguments)
    if options.command == "steps":
        for step in STEPS:
            print(f"{step.name}: {(step.run.__doc__ or '').strip().splitlines()[0]}")
        return 0
    try:
        state = run(State(options.file or example()), until=options.until)
        shown = asdict(state) if options.until else state.result
        text = json.dumps(shown, indent=2) + "\n"
        if options.output:
            with open(options.output, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            sys.stdout.write(text)
    except InputError as error:
        print(f"workflow: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or "the result"
        told = f"{place} cannot be written ({error.strerror})"
        print(f"workflow: {told}. Expected: a file in a directory that is there", file=sys.stderr)
        return 2
    except StepError as error:
        print(f"workflow: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
