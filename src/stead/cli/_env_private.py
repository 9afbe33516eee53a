"""`stead env fill` and `stead env export --dotenv`: what a place needs from each person."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.steps import Composed
    from stead.values.table import Entry


def fill(args: argparse.Namespace, app: App) -> int:
    """Ask for each required variable that has no value, and write them into ``.env``."""
    from stead.pipeline import filling, variables

    composed = app.composed(args.name or args.environment, fetch=True)
    entries = filling.missing(composed, app.context)
    if not entries:
        if args.json:
            app.out_json({"file": None, "filled": []})
        else:
            app.out("every required variable has a value")
        return 0
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise filling.refusal(entries)
    values: dict[str, str | None] = {}
    for number, entry in enumerate(entries, 1):
        values[entry.name] = _asked(entry, f"({number} of {len(entries)})", composed, app)
    edited = variables.change_private(
        app.request(args.name or args.environment), app.context, values
    )
    if args.json:
        app.out_json({"file": edited.file or None, "filled": list(values), "notes": edited.notes})
        return 0
    app.out(f"wrote {os.path.relpath(edited.file, app.cwd)}")
    for note in edited.notes:
        app.err(note)
    return 0


def _asked(entry: Entry, progress: str, composed: Composed, app: App) -> str:
    """Ask until the answer can be the variable's value."""
    from stead.pipeline import filling

    app.err(f"{entry.name} {progress} {filling.described(entry.type)}")
    if entry.description:
        app.err(f"  {entry.description}")
    while True:
        text = _line(entry)
        wrong = filling.fault(entry, text, composed.spec.platform, composed.spec.place)
        if not wrong:
            return text
        app.err(f"  {wrong}; once more:")


def _line(entry: Entry) -> str:
    """Read one line from the terminal, unseen for a secret. Raises UsageError at its end."""
    prompt = f"  {entry.name}" + (" (not shown): " if entry.secret else ": ")
    if entry.secret or entry.type.name == "secret":
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            line = ""
    else:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
    if not line:
        raise UsageError(
            f"no answer for {entry.name}; nothing was written",
            remedy="run `stead env fill` again when the values are at hand",
        )
    return line.rstrip("\r\n")


def export(args: argparse.Namespace, app: App) -> int:
    """Print a ``.env`` with every required name and no value."""
    from stead.pipeline import filling

    if not args.dotenv:
        raise UsageError(
            "env export needs --dotenv",
            remedy="write `stead env export --dotenv`; `stead export` writes packages",
        )
    composed = app.composed(args.name or args.environment, fetch=True)
    needed, given = filling.required(composed, app.context)
    if args.json:
        app.out_json(
            [
                {
                    "name": e.name,
                    "type": e.type.name,
                    "secret": e.secret,
                    "description": e.description,
                    "given": e in given,
                }
                for e in (*needed, *given)
            ]
        )
        return 0
    app.out(filling.example(needed, given))
    return 0
