"""`stead work`: use a module from a working copy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.cli import options
from stead.cli.nearby import near
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.work import Done, WorkingCopy

HELP = """Edit a module that this place uses from git: clone it at its pinned revision beside the
project, and use that instead. Without NAME: list the working copies.

The manifest stays as it is; the lock says which directory stands for which
revision, and --locked refuses such a lock. --drop goes back to the pinned
revision and removes the clone, unless it holds work that is nowhere else.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the module, as [uses] names it")
    parser.add_argument(
        "--at", metavar="DIR", help="where the working copy is to be, or already is"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the working copies")
    what.add_argument("--drop", action="store_true", help="go back to the pinned revision")
    parser.add_argument(
        "--force", action="store_true", help="with --drop: lose what was not committed and pushed"
    )
    options.environment(parser)
    options.reason(parser)
    options.json(parser)
    parser.add_argument("--offline", action="store_true", help="use only what is cached")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import work

    request = app.request(args.environment)
    if args.force and not args.drop:
        raise UsageError("--force belongs to --drop", remedy="see `stead work --help`")
    if args.list or not args.name:
        if args.drop or args.at:
            raise UsageError("which module?", remedy="name one that [uses] names")
        return _list(work.copies(request, app.context), args.json, app)
    if args.drop and args.at:
        raise UsageError("--at does not go with --drop", remedy="leave --at out")
    app.record_edits(args.environment)
    if args.drop:
        done = work.drop(request, app.context, args.name, force=args.force)
        said = "removed" if done.made else "no longer used"
    else:
        at = os.path.normpath(os.path.join(app.cwd, args.at)) if args.at else ""
        done = work.start(request, app.context, args.name, at)
        said = "cloned" if done.made else "used"
    app.record_change(args.environment)
    return _report(done, said, args.json, app)


def _report(done: Done, said: str, json: bool, app: App) -> int:
    lines = [line for change in done.changes for line in change.lines]
    if json:
        app.out_json({**_value(done.copy), "done": said, "changes": lines, "notes": done.notes})
        return 0
    copy = done.copy
    app.out(f"{copy.pin.name}: {near(copy.directory, app.cwd)} {said}")
    for line in lines:
        app.out(f"  {line}")
    for note in done.notes:
        app.err(f"stead: {note}")
    return 0


def _list(copies: tuple[WorkingCopy, ...], json: bool, app: App) -> int:
    if json:
        app.out_json([_value(copy) for copy in copies])
        return 0
    for copy in copies:
        pin = copy.pin
        asked = f" ({pin.requested})" if pin.requested else ""
        app.out(f"{pin.name}: {near(copy.directory, app.cwd)}, {_state(copy)}")
        app.out(f"  instead of {pin.location} at {pin.commit[:12]}{asked}")
    if not copies:
        app.err("stead: no working copies here")
    return 0


def _state(copy: WorkingCopy) -> str:
    if not copy.there:
        return "which is not there"
    if not copy.known:
        return f"made elsewhere (`stead work {copy.pin.name}` takes it)"
    if copy.work is None:
        return "which is no git repository"
    work = copy.work
    counts = ((len(work.changed), "uncommitted"), (len(work.unpushed), "unpushed"))
    found = [f"{count} {what}" for count, what in counts if count]
    on = f"on {work.branch}" if work.branch else "on no branch"
    return f"{on}, {', '.join(found) or 'nothing unpushed'}"


def _value(copy: WorkingCopy) -> dict[str, Any]:
    pin, work = copy.pin, copy.work
    return {
        "name": pin.name,
        "directory": copy.directory,
        "there": copy.there,
        "known": copy.known,
        "location": pin.location,
        "requested": pin.requested,
        "commit": pin.commit,
        "subdirectory": pin.subdirectory,
        "branch": work.branch if work else None,
        "head": work.head if work else None,
        "uncommitted": list(work.changed) if work else None,
        "unpushed": list(work.unpushed) if work else None,
    }
