"""What adopt and restore share: which drift is meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.errors import UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from stead.cli.app import App
    from stead.pipeline.drift_facts import Looked
    from stead.pipeline.state import State
    from stead.values.drift import Drift

WHAT = (
    "a package, a variable, a rendered file, a file of the build, or the directory of a "
    "writable copy; without any, all that `stead status` names"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what both commands take."""
    parser.add_argument("what", nargs="*", metavar="WHAT", help=WHAT)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads", action="store_true", help="never fetch an interpreter"
    )


@dataclass(frozen=True, slots=True)
class Meant:
    """What there is, and what of it is meant. ``copies`` are directories named as a whole."""

    state: State
    looked: Looked
    drift: tuple[Drift, ...]
    copies: tuple[str, ...] = ()


def meant(args: argparse.Namespace, app: App) -> Meant:
    """Look at the environment, and choose what the command names. Raises UsageError."""
    from stead.pipeline.drift_facts import look
    from stead.pipeline.state import state_of

    state = app.steadily(lambda: state_of(app.composed(args.environment), app.context))
    composed = state.composed
    looked = look(
        composed,
        app.context,
        locked=state.locked if state.answers else None,
        build=state.build,
        activation=None if app.transaction else state.activation,
        whole=True,
    )
    directories = {c.directory for c in looked.copies}
    chosen: list[Drift] = []
    whole: list[str] = []
    for word in args.what:
        path = os.path.normpath(os.path.join(app.cwd, word))
        found = [d for d in looked.drift if _is(d, word, path)]
        if path in directories:
            whole.append(path)
        elif not found:
            raise UsageError(
                f"{word!r} has not drifted", remedy=_remedy(looked.drift, args.environment)
            )
        chosen += [d for d in found if d not in chosen]
    return Meant(state, looked, tuple(chosen) if args.what else looked.drift, tuple(whole))


def _is(drift: Drift, word: str, path: str) -> bool:
    if drift.kind == "build":
        return word == drift.name or path in (drift.where, os.path.join(drift.where, drift.name))
    return word in (drift.name, f"{drift.ecosystem}:{drift.name}") or path == drift.where


def _remedy(drift: Sequence[Drift], environment: str | None) -> str:
    if drift:
        return f"`stead status` names what has: {', '.join(names(drift)[:5])}"
    asked = f" -e {environment}" if environment else ""
    return f"nothing has, says `stead status{asked}`; -e asks about another environment"


def names(drift: Iterable[Drift]) -> list[str]:
    """Give the names of drifts, each once."""
    return list(dict.fromkeys(d.name for d in drift))
