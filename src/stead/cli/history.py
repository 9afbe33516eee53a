"""`stead history`: share generations with others, and find lost ones again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from stead.cli.app import App
    from stead.history.clones import Reference
    from stead.history.share import Shared

HELP = """Share this repository's history through its git remote, and find lost records again.

Generations are pushed to hidden references of this clone's own; branches, tags,
index and files stay as they are. What others have shared is listed by `stead log`,
compared by `stead diff` and used by `stead rollback WHO:NUMBER`.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    push = actions.add_parser(
        "push",
        help="share the generations of all places of this repository",
        description="Share the generations of all places of this repository. They hold manifests, "
        "locks and variables; never a .env, and of a secret its reference alone. A value that "
        "stood in a manifest before its name was declared secret stops the push.",
        allow_abbrev=False,
    )
    fetch = actions.add_parser(
        "fetch",
        help="bring what others have shared",
        description="Bring what others have shared, for `stead log`, `diff` and `rollback`.",
        allow_abbrev=False,
    )
    for one in (push, fetch):
        one.add_argument(
            "remote", nargs="?", default="", metavar="REMOTE", help="default: git's for the branch"
        )
        one.add_argument("--offline", action="store_true", help="refuse to reach for the network")
        options.json(one)
    push.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="share this variable's former values, though it is a secret now",
    )
    fetch.add_argument("--prune", action="store_true", help="forget what is no longer shared")
    restore = actions.add_parser(
        "restore",
        help="write records again that the store lost, from git",
        description="Write records of generations again that are damaged or lost, as the "
        "repository's hidden references have them.",
        allow_abbrev=False,
    )
    moved = actions.add_parser(
        "moved",
        help="say where this place was before",
        description="Go on here with the history of a place that was moved. A place that was only "
        "renamed, or moved on one disk, is found without this.",
        allow_abbrev=False,
    )
    moved.add_argument("former", metavar="DIR", help="where the place was")
    for one in (restore, moved):
        options.environment(one)


def execute(args: argparse.Namespace, app: App) -> int:
    if args.action == "restore":
        return _restore(args, app)
    if args.action == "moved":
        return _moved(args, app)
    from stead.history import share

    if args.action == "push":
        done = share.push(app.cwd, args.remote, app.context, allowed=args.allow)
    else:
        done = share.fetch(app.cwd, args.remote, app.context, prune=args.prune)
    if args.json:
        app.out_json(done)
        return 0
    return _pushed(done, app) if args.action == "push" else _fetched(done, app)


def _pushed(done: Shared, app: App) -> int:
    if done.renamed:
        app.err(
            f"another clone shares as {done.renamed} too, as after copying a directory: "
            f"this one is {done.clone} from now on"
        )
    for line in _lines(done.changed):
        app.out(f"shared {line}")
    if not done.changed:
        app.out(f"{done.remote} has everything already")
    app.err(f"this clone is {done.clone}; others bring its history with `stead history fetch`")
    return 0


def _fetched(done: Shared, app: App) -> int:
    for word, some in (("fetched", done.changed), ("gone", done.gone)):
        for line in _lines(some):
            app.out(f"{word} {line}")
    if not (done.changed or done.gone):
        app.out("nothing new" if done.same else f"nobody has shared a history at {done.remote} yet")
    elif done.changed:
        app.err("`stead log` lists them")
    return 0


def _lines(some: Iterable[Reference]) -> list[str]:
    from stead.cli.nearby import visible

    said = []
    for one in some:
        place = "the top" if one.place == "." else one.place
        tree = "" if one.worktree == "main" else f" ({one.worktree})"
        whose = f" of {one.who}, clone {one.clone}" if one.clone else ""
        said.append(visible(f"{place}, {one.environment}{tree}{whose}"))
    return said


def _restore(args: argparse.Namespace, app: App) -> int:
    from stead.history.restore import numbers, page, restore, told_broken

    history = app.history(args.environment)
    done = restore(history, app.context)
    _, broken = page(history, history.newest, app.context)
    if done:
        app.out(f"restored {numbers(done)}")
    if broken:
        app.err(told_broken(broken))
    elif not done:
        app.out("every record can be read")
    return 1 if broken else 0


def _moved(args: argparse.Namespace, app: App) -> int:
    from stead.history.restore import adopt

    history = app.history(args.environment)
    former = os.path.normpath(os.path.join(app.cwd, args.former))
    count = adopt(history, former)
    app.out(f"the history of {former} goes on here: {count} generations")
    return 0
