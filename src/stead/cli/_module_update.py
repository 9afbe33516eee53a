"""`stead module update`: merge later versions of items into modules."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import SteadError, UsageError

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli._modules import Project
    from stead.cli.app import App
    from stead.modules.merging import Decision
    from stead.modules.update_modules import Update, Wish
    from stead.values.item import Came

MORE = """What upstream changed since the module was added is merged with what you changed; nothing
that you wrote is lost. Where both changed the same thing, text files get conflict markers; a data
file stays yours, and upstream's version is put beside it as FILE.upstream. The exit code is 1
until all of that is settled: take the markers out, remove the files, run this again."""

_WORDS = {
    "replaced": "update",
    "added": "add",
    "merged": "merge",
    "conflict": "conflict",
    "kept": "keep",
    "own": "keep",
    "dropped": "keep",
    "deleted": "leave out",
    "removed": "remove",
}
_QUIET = frozenset({"same", "kept", "deleted"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="the modules (default: all)")
    parser.add_argument(
        "--to", default="", metavar="VERSION", help="the version of the item (default: the latest)"
    )
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="choose an option of the item anew",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove files that upstream dropped and you did not change",
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import modules, named, project_of

    if (args.to or args.given) and len(args.names) != 1:
        raise UsageError(
            "--to and --set are about one module", remedy="name it: `stead module update NAME`"
        )
    project = project_of(app)
    broken: list[SteadError] = []
    known = modules(project, broken)
    names = list(dict.fromkeys(args.names)) or list(known)
    for name in names:
        if name not in known and broken:
            raise broken[0]
        named(known, name)
    if not args.names and not names and broken:
        raise broken[0]
    if not args.plan:
        _mend(app)
    done: list[tuple[str, Update | SteadError]] = []
    if not args.names:
        done += [(str(error.where), error) for error in broken]
        for error in broken if not args.json else ():
            app.err(f"stead: {error}")
    for name in names:
        try:
            found = _one(name, project, args, app)
        except SteadError as exc:
            if not args.names and name not in modules(project, []):
                continue  # another command has just forgotten it
            if len(names) == 1 and not args.json:
                raise
            done.append((name, exc))
        else:
            done.append((name, found))
        if not args.json:
            _show(*done[-1], args, app)
    unmet = _unmet(done, {n: held.came for n, (_, held) in known.items()})
    for name, note in unmet if not args.json else ():
        app.err(f"stead: {name}: {note}")
    if args.json:
        app.out_json(
            {"format": 1, "planned": args.plan, "modules": [_as_json(*d, unmet) for d in done]}
        )
    elif not names:
        app.err("stead: no module here has a record; `stead module search` lists what there is")
    return int(any(isinstance(d, SteadError) or d.state in _OPEN for _, d in done))


def _unmet(
    done: list[tuple[str, Update | SteadError]], there: dict[str, Came]
) -> list[tuple[str, str]]:
    """Tell, when all is done, of what versions need and do not have."""
    from stead.modules.update_modules import unmet

    found = [(name, one) for name, one in done if not isinstance(one, SteadError)]
    there = there | {name: one.after for name, one in found}
    return [(name, note) for name, one in found for note in unmet(one, there)]


_OPEN = ("conflicts", "unsettled")


def _mend(app: App) -> None:
    from stead.pipeline.writing import mend

    for line in mend(app.context):
        app.context.progress.note(line)


def _one(name: str, project: Project, args: argparse.Namespace, app: App) -> Update:
    """Plan one update and, unless only the plan is asked for, do it."""
    from stead.cli._modules import alone, modules, named, sources
    from stead.modules import update_modules
    from stead.pipeline.writing import layout_of

    def planned() -> Update:
        # Read anew: the update before this one may have changed files of the root.
        known = modules(project, [])
        named(known, name)
        return update_modules.plan(name, project.root, known, sources(project, app), _wish(args))

    if args.plan:
        return app.steadily(planned)
    with alone(project, app):
        found = planned()
        update_modules.apply(found, project.root, layout_of(app.context))
    return found


def _wish(args: argparse.Namespace) -> Wish:
    from stead.modules.update_modules import Wish

    given: dict[str, Any] = {}
    for text in args.given:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--set takes OPTION=VALUE, not {text!r}", remedy="write --set a=b")
        given[name] = value
    return Wish(args.to, given, args.prune)


def _show(name: str, found: Update | SteadError, args: argparse.Namespace, app: App) -> None:
    if isinstance(found, SteadError):
        app.err(f"stead: {name}: {found}")
        return
    where = os.path.relpath(found.directory, app.cwd)
    would = "would " if args.plan else ""
    versions = f"{found.before.version} → {found.after.version}"
    if found.before.version == found.after.version:
        versions = found.before.version
    heads = {
        "current": f"{name} {found.before.version} is current",
        "settled": f"{name} {versions}: {would or 'all conflicts are settled, and it '}is updated",
        "unsettled": f"{name} {versions} is not settled yet",
        "update": f"{name} {versions}",
        "conflicts": f"{name} {versions}, with conflicts",
    }
    if args.plan and found.state == "settled":
        heads["settled"] = f"{name} {versions}: all conflicts are settled"
    app.out(heads[found.state])
    if found.plan is not None and found.state in ("update", "conflicts"):
        for decision in found.plan.decisions:
            if decision.action not in _QUIET:
                app.out(f"  {would}{_told(decision, found)}")
    for file, _ in found.root.writes:
        app.out(f"  {would}change {file} of the project")
    for change in found.root.changes:
        _show_entry(change.key, change.action, change.lines, app)
    for note in found.notes:
        app.err(f"stead: {name}: {note}")
    _show_open(name, where, found, args, app)


def _told(decision: Decision, found: Update) -> str:
    beside = (
        next((c.beside for c in found.plan.conflicts if c.path == decision.path and c.beside), "")
        if found.plan
        else ""
    )
    note = f": {decision.note}" if decision.note else ""
    upstreams = f"; upstream's is {beside}" if beside else ""
    return f"{_WORDS[decision.action]} {decision.path}{note}{upstreams}"


def _show_entry(key: str, action: str, lines: tuple[str, ...], app: App) -> None:
    if action == "kept":
        app.err(f"stead: {key} was changed and stays; upstream's is now:")
        for line in lines:
            app.err(f"    {line}")
    elif action == "dropped":
        app.err(f"stead: {key} stays, and upstream has it no more")


def _show_open(name: str, where: str, found: Update, args: argparse.Namespace, app: App) -> None:
    from stead.modules.update import told

    still = found.still or (found.plan.conflicts if found.plan is not None else ())
    if not still or args.plan:
        return
    app.err(f"stead: to be settled in {where}:")
    for conflict in still:
        app.err(f"  {told(conflict)}")
    app.err(f"  then `stead module update {name}` again")


def _as_json(name: str, found: Update | SteadError, unmet: list[tuple[str, str]]) -> dict[str, Any]:
    if isinstance(found, SteadError):
        return {"name": name, "state": "failed", "error": str(found)}
    open_ = found.still or (found.plan.conflicts if found.plan is not None else ())
    beside = {c.path: c.beside for c in open_}
    decisions = found.plan.decisions if found.plan is not None else ()
    return {
        "name": name,
        "directory": found.directory,
        "state": found.state,
        "from": found.before,
        "to": found.after,
        "files": [
            {
                "path": d.path,
                "action": d.action,
                "beside": beside.get(d.path, ""),
                "markers": bool(d.markers),
                "note": d.note,
            }
            for d in decisions
        ],
        "root": [
            {"entry": c.key, "action": c.action, "lines": c.lines} for c in found.root.changes
        ],
        "unsettled": [{"path": c.path, "beside": c.beside, "markers": c.markers} for c in open_],
        "notes": [*found.notes, *(note for whose, note in unmet if whose == name)],
    }
