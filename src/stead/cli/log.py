"""`stead log`: what an environment was, the latest first."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.compare import Difference
    from stead.store.generations import History
    from stead.values.generation import Generation

HELP = """Show the history of this directory's environment, the latest first.

Every change of packages and variables is a generation with a number: `stead diff`
compares two, `stead undo` and `stead rollback N` go back. `>` marks the one that is
here now, `pinned` what is kept for good, `to be rebuilt` what `stead gc` removed.
"""

PAGE = 20


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    parser.add_argument(
        "-p", "--patch", action="store_true", help="with what each changed, in words and lines"
    )
    parser.add_argument(
        "-n", type=int, default=PAGE, metavar="COUNT", help=f"so many at most (default: {PAGE})"
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    history = app.history(args.environment)
    last = history.last()
    shown: list[Generation] = []
    damaged: list[int] = []
    for number in history.numbers():
        if len(shown) >= args.n:
            break
        found = history.find(number)
        if found is None:
            damaged.append(number)
        else:
            shown.append(found)
    for number in damaged:
        app.err(f"the record of generation {number} is damaged and passed over")
    if args.json:
        app.out_json([_as_json(g, history, last, patch=args.patch) for g in shown])
        return 0
    if not shown:
        app.err("nothing has been recorded here yet: the first change begins the history")
    for generation in shown:
        app.out(_line(generation, history, last))
        if args.patch:
            for line in difference_lines(_since(history, generation)):
                app.out(f"    {line}")
    return 0


def _since(history: History, generation: Generation) -> Difference:
    from stead.history.compare import compare

    return compare(history, history.find(generation.number - 1), generation)


def difference_lines(difference: Difference) -> list[str]:
    """Say what a difference means, and then its lines."""
    lines = [
        str(item) for item in (*difference.packages, *difference.modules, *difference.variables)
    ]
    for file in difference.files:
        lines += [str(file), *(f"  {line}" for line in file.diff)]
    return lines


def must_be_rebuilt(generation: Generation, history: History) -> bool:
    """Say whether a generation's build is gone."""
    build = generation.build
    return bool(build) and not os.path.isdir(os.path.join(history.home, "store", build))


def _line(generation: Generation, history: History, last: Generation | None) -> str:
    from stead.history.who import told

    here = last is not None and generation.number == last.number
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(generation.time))
    marks = [
        *(["pinned"] if generation.pinned else []),
        *(["to be rebuilt"] if must_be_rebuilt(generation, history) else []),
    ]
    text = f"{'>' if here else ' '} {generation.number:>4}  {when}  {generation.who}  {told(generation)}"
    if generation.reason:
        text += f": {generation.reason.splitlines()[0]}"
    return text + (f"  ({', '.join(marks)})" if marks else "")


def _as_json(
    generation: Generation, history: History, last: Generation | None, *, patch: bool
) -> dict[str, object]:
    data: dict[str, object] = generation.as_json()
    data["current"] = last is not None and generation.number == last.number
    data["rebuild"] = must_be_rebuilt(generation, history)
    if patch:
        data["difference"] = _since(history, generation)
    return data
