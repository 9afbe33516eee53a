"""`stead log`: what an environment was, the latest first."""

from __future__ import annotations

import os
import time

from stead.cli import options
from stead.cli.nearby import visible
from stead.store.generations import History
from stead.values.errors import UsageError
from stead.values.frozen import dataclass
from stead.values.names import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.compare import Difference
    from stead.history.others import Theirs
    from stead.values.generation import Generation

HELP = """Show the history of this directory's environment, the latest first.

Every change of packages and variables is a generation with a number: `stead diff`
compares two, `stead undo` and `stead rollback N` go back. `>` marks the one that is
here now, `as N` where undo and redo went to, `edited since` where the place differs from it by edits of yours, `pinned` what is kept for good, `to be rebuilt` what `stead gc` removed.

What others have shared (`stead history fetch`) has a name instead, like 3f9a:7; below
your own stands the latest of each, --all and --from list the rest.
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
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--all", action="store_true", help="yours and everybody's, by time")
    whose.add_argument(
        "--from", dest="whose", metavar="WHO", help="only what a person, or a clone, has shared"
    )
    options.json(parser)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the log: a generation, what has its texts, its name, and how many more there are."""

    generation: Generation
    texts: History | Theirs
    more: int = 0

    @property
    def name(self) -> str:
        number = str(self.generation.number)
        return number if self.clone == "" else f"{self.clone}:{number}"

    @property
    def clone(self) -> str:
        return getattr(self.texts, "name", "")


def execute(args: argparse.Namespace, app: App) -> int:
    if args.n < 1:
        raise UsageError(f"-n {args.n} shows nothing", remedy="give a number from 1 on")
    history = app.history(args.environment, shared=bool(args.whose or args.all))
    entries = _entries(args, app, history)
    if not entries and history.environment != DEFAULT:
        app.composed(args.environment)  # raises where there is no such environment
    last = history.last()
    here = [e for e in entries if _is_here(e, last)]
    edited = bool(here) and _edited(args, app, history)
    if args.json:
        app.out_json([_as_json(e, history, last, args.patch, edited) for e in entries])
        return 0
    if not entries:
        app.err("nothing has been recorded here yet: the first change begins the history")
    for entry in entries:
        app.out(visible(_line(entry, history, last, edited)))
        if args.patch:
            for line in difference_lines(_since(entry)):
                app.out(visible(f"    {line}"))
    return 0


def _entries(args: argparse.Namespace, app: App, history: History) -> list[_Entry]:
    from stead.history.others import demand, others
    from stead.history.restore import page, told_broken

    among = others(history.place, history.environment, app.context)
    if args.whose:
        among = demand(args.whose, among)
    theirs = [[_Entry(g, one) for g in one.generations] for one in among]
    own: list[_Entry] = []
    if not args.whose:
        shown, broken = page(history, args.n, app.context)
        if broken:
            app.err(told_broken(broken))
        own = [_Entry(generation, history) for generation in shown]
    if args.whose or args.all:
        return _by_time([own, *theirs])[: args.n]
    return own + [_Entry(e[0].generation, e[0].texts, len(e) - 1) for e in theirs if e]


def _by_time(histories: list[list[_Entry]]) -> list[_Entry]:
    """Merge histories, the latest first; each keeps its own order, whatever its clock said."""
    left = [list(reversed(one)) for one in histories if one]
    merged = []
    while left:
        newest = max(left, key=lambda one: one[-1].generation.time)
        merged.append(newest.pop())
        left = [one for one in left if one]
    return merged


def _since(entry: _Entry) -> Difference:
    from stead.history.compare import compare

    before = entry.texts.find(entry.generation.number - 1)
    return compare(entry.texts, before, entry.generation)


def difference_lines(difference: Difference) -> list[str]:
    """Say what a difference means, and then its lines."""
    lines = meaning_lines(difference)
    for file in difference.files:
        lines += [str(file), *(f"  {line}" for line in file.diff)]
    return lines


def meaning_lines(difference: Difference) -> list[str]:
    """Say what a difference means, in other environments too."""
    lines = [str(item) for item in difference.meaning]
    for other in difference.elsewhere:
        lines += [f"{item}  (environment {other.environment})" for item in other.meaning]
    return lines


def must_be_rebuilt(generation: Generation, history: History) -> bool:
    """Say whether a generation's build is gone."""
    build = generation.build
    return bool(build) and not os.path.isdir(os.path.join(history.home, "store", build))


def _edited(args: argparse.Namespace, app: App, history: History) -> bool:
    from stead.history.standing import edited

    return edited(history, app.request_of_place(args.environment), app.context)


def _line(entry: _Entry, history: History, last: Generation | None, edited: bool) -> str:
    from stead.history.identity import name_of
    from stead.history.who import told

    generation = entry.generation
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(generation.time))
    marks = [
        *([_as(generation)] if generation.kind in ("undo", "redo") else []),
        *(["edited since"] if edited and _is_here(entry, last) else []),
        *(["pinned"] if generation.pinned else []),
        *(["to be rebuilt"] if must_be_rebuilt(generation, history) else []),
        *([f"from {generation.origin}"] if generation.origin and not entry.clone else []),
        *([f"{entry.more} more: `stead log --from {entry.clone}`"] if entry.more else []),
    ]
    mark = ">" if _is_here(entry, last) else " "
    text = f"{mark} {entry.name:>4}  {when}  {name_of(generation.who)}  {told(generation)}"
    if generation.reason:
        text += f": {generation.reason.splitlines()[0]}"
    return text + (f"  ({', '.join(marks)})" if marks else "")


def _as(generation: Generation) -> str:
    """Say where undo or redo went."""
    kept = generation.at == generation.number
    return f"as {generation.base}" + (", your own changes kept" if kept else "")


def _is_here(entry: _Entry, last: Generation | None) -> bool:
    return not entry.clone and last is not None and entry.generation.number == last.number


def _as_json(
    entry: _Entry, history: History, last: Generation | None, patch: bool, edited: bool
) -> dict[str, object]:
    data: dict[str, object] = entry.generation.as_json()
    del data["closed"]  # of use to Stead alone
    data["name"] = entry.name
    data["clone"] = "" if isinstance(entry.texts, History) else entry.texts.reference.clone
    data["current"] = _is_here(entry, last)
    data["edited"] = edited and _is_here(entry, last)
    data["rebuild"] = must_be_rebuilt(entry.generation, history)
    if patch:
        data["difference"] = _since(entry)
    return data
