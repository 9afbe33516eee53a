"""`stead status`: what is asked, locked, built and in use, and what to mend."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.cli import options
from stead.cli.nearby import near as nearby
from stead.cli.nearby import visible
from stead.values.errors import LockOutdatedError, SteadError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from stead.cli.app import App
    from stead.history.standing import Standing
    from stead.pipeline.state import State
    from stead.values.errors import ManifestError

HELP = """Say what this directory's environment is: which files were read, what they ask for,
whether the lock answers, whether it is built, and what differs from it: packages of its writable
copies, files of its build, rendered files, variables of this shell. `stead adopt` and
`stead restore` deal with these.

Nothing is changed, fetched or run, and builds are compared by their files' sizes and times:
`stead store verify` reads every byte.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    try:
        return _status(args, app)
    except SteadError:
        from stead.cli._standing import of_directory

        for line in of_directory(app):
            app.err(line)
        raise


def _status(args: argparse.Namespace, app: App) -> int:
    from stead.history.standing import standing
    from stead.pipeline.drift_facts import look
    from stead.pipeline.keep import is_trusted
    from stead.pipeline.state import state_of
    from stead.pipeline.unread import composed_at_least
    from stead.shells.state import PLACE

    def seen() -> tuple[State, ManifestError | None]:
        request = app.request(args.environment)
        composed, unread = composed_at_least(request, app.context, fetch=False)
        return state_of(composed, app.context), unread

    try:
        state, unread = app.steadily(seen)
    except LockOutdatedError as exc:
        # What a module brings is not known before it is there; the rest can be told.
        report = _without_modules(exc, app, args.environment)
        return _show(report, app, json=args.json)
    composed = state.composed
    caller = app.context.environ
    problems = _of_private(unread) + list(state.problems)
    if state.table:
        problems += [(str(f), f.remedy) for f in state.table.findings if f.kind != "error"]
    in_use = caller.get(PLACE) == composed.spec.place
    looked = look(
        composed,
        app.context,
        locked=state.locked if state.answers else None,
        build=state.build,
        # In a transaction what the shell has otherwise is a change by hand.
        activation=None if app.transaction else state.activation,
    )
    trusted = is_trusted(composed.spec, app.context)
    history = standing(composed, state.table, app.context)
    if history.lost:
        what = f"{', '.join(history.lost)} is gone, and only .env is left of this place"
        mend = f"`stead rollback {history.had}` brings it back"
        problems.insert(0, (what, "`stead abort` puts it back" if app.transaction else mend))
    report = {
        **_report(state, problems, in_use=in_use, trusted=trusted),
        "history": _standing(history),
        "drift": [d.as_json() for d in looked.drift],
        "copies": [
            {
                "directory": c.directory,
                "current": state.build is None or c.build == state.build.name,
            }
            for c in looked.copies
        ],
        "unseen": list(looked.unseen),
        "damaged": list(looked.damaged),
    }
    return _show(report, app, json=args.json)


def _of_private(unread: ManifestError | None) -> list[tuple[str, str]]:
    """Say what is wrong with a ``.env``; the rest is reported as if it were empty."""
    if unread is None:
        return []
    from stead.pipeline.configure import what_and_mend
    from stead.pipeline.rendering import finding_of

    return [what_and_mend(finding_of(unread))]


def _show(report: dict[str, Any], app: App, *, json: bool) -> int:
    from stead.cli import _standing

    transaction = report["transaction"] = _standing.standing(app, report["place"])
    if json:
        app.out_json(report)
    else:
        for line in _lines(report, app.cwd):
            app.out(line)
        now = app.context.now()
        for line in _standing.lines(transaction, now, app.cwd) if transaction else ():
            app.out(line)
    return 0


def _without_modules(
    missing: LockOutdatedError, app: App, environment: str | None
) -> dict[str, Any]:
    """Report a place that uses a git module which has not been fetched."""
    from stead.history.standing import Standing
    from stead.pipeline.compose import layer_candidates
    from stead.pipeline.discover import discover
    from stead.pipeline.lockfile import lock_file
    from stead.pipeline.unread import private_unread
    from stead.shells.state import PLACE

    request = app.request(environment)
    found = discover(
        request.directory,
        layer_candidates(request.environment),
        home=request.user_home,
        overlay=private_unread(request),
    )
    what = missing.message + (f" ({missing.where})" if missing.where else "")
    return {
        "place": found.place,
        "root": found.root,
        "name": os.path.basename(found.place),
        "environment": request.environment,
        "layers": [],
        "platform": request.platform.name,
        "digest": "",
        "read": [{"file": m.file, "format": m.format} for m in found.manifests],
        "ignored": [{"file": f, "reason": "owned by another user"} for f in found.foreign_owned],
        "asked": [
            {"request": str(r), "origin": str(r.origin)}
            for m in found.manifests
            for y in m.layers
            if not y.name
            for r in y.requirements
        ],
        "variables": [],
        "working": [],
        "undeclared": [],
        "app": "",
        "host": "",
        "net": "",
        "files": [],
        "tasks": [],
        "lock": {
            "file": lock_file(found.root, found.place, bare=found.bare, home=app.context.home),
            "answers": False,
            "packages": 0,
            "python": "",
            "differences": [],
        },
        "interpreter": None,
        "build": None,
        "nothing_to_build": False,
        "in_use": app.context.environ.get(PLACE) == found.place,
        "trusted": False,
        "history": _standing(Standing()),
        "problems": [{"what": what, "mend": missing.remedy}],
        "drift": [],
        "copies": [],
        "unseen": [],
        "damaged": [],
    }


def _report(
    state: State, problems: list[tuple[str, str]], *, in_use: bool, trusted: bool
) -> dict[str, Any]:
    spec, found = state.composed.spec, state.composed.found
    locked = state.locked
    return {
        "place": spec.place,
        "root": spec.root,
        "name": spec.name,
        "environment": spec.environment,
        "layers": list(spec.layers),
        "platform": spec.platform.name,
        "digest": spec.digest,
        "read": [{"file": m.file, "format": m.format} for m in found.manifests],
        "ignored": [{"file": f, "reason": "owned by another user"} for f in found.foreign_owned],
        "asked": [{"request": str(r), "origin": str(r.origin)} for r in spec.packages.requirements],
        "variables": [
            {"name": n, "origin": str(o)}
            for n, o in sorted({d.name: d.origin for d in spec.configuration.definitions}.items())
        ],
        "working": [
            {
                "name": pin.name,
                "directory": os.path.normpath(os.path.join(spec.root, pin.working)),
                "requested": pin.requested,
                "commit": pin.commit,
            }
            for _, pin in sorted(state.composed.modules.used.items())
            if pin.working
        ],
        **_configuration(state),
        "tasks": [t.name for t in spec.tasks],
        "lock": {
            "file": state.composed.lock_path,
            "answers": state.answers,
            "packages": len(locked.artifacts) if locked else 0,
            "python": locked.python if locked else "",
            "differences": list(state.differences),
        },
        "interpreter": state.interpreter.path if state.interpreter else None,
        "build": str(state.build) if state.build else None,
        "nothing_to_build": state.nothing_to_build,
        "in_use": in_use,
        "trusted": trusted,
        "problems": [{"what": w, "mend": m} for w, m in problems],
    }


def _standing(found: Standing) -> dict[str, Any]:
    from stead.history.standing import line

    return {
        "generation": found.generation.number if found.generation else 0,
        "edited": found.edited,
        "unfinished": list(found.unfinished),
        "said": line(found),
    }


def _configuration(state: State) -> dict[str, Any]:
    """Say what the configuration came to: who was chosen, files made of it, strangers' keys."""
    from stead.config.outcome import undeclared
    from stead.pipeline.rendering import planned

    table = state.table
    chosen = table.selection if table else None
    return {
        "undeclared": [
            {"name": e.name, "origin": str(e.definitions[0].origin)}
            for e in (undeclared(table) if table else ())
        ],
        "app": chosen.app if chosen else "",
        "host": chosen.host if chosen else "",
        "net": chosen.net if chosen else "",
        "files": [{"path": p.path, "secret": p.secret} for p in (planned(table) if table else ())],
    }


def _lines(report: dict[str, Any], cwd: str) -> list[str]:
    def near(path: str) -> str:
        return nearby(path, cwd)

    lock = report["lock"]
    asked = report["asked"]
    lines = [
        f"place        {report['place']}",
        f"environment  {report['environment']} on {report['platform']}",
        *_recorded(report["history"]),
        "read         " + (", ".join(near(r["file"]) for r in report["read"]) or "nothing"),
    ]
    lines += [f"ignored      {near(r['file'])} ({r['reason']})" for r in report["ignored"]]
    lines.append(f"asked        {len(asked)} request{'' if len(asked) == 1 else 's'}")
    lines += [f"             {a['request']}  ({_place(a['origin'], near)})" for a in asked]
    if report["nothing_to_build"]:
        lines.append("locked       nothing to lock")
        lines.append("built        nothing to build")
    else:
        python = f", Python {lock['python']}" if lock["python"] else ""
        state = (
            f"{lock['packages']} package{'' if lock['packages'] == 1 else 's'}{python}"
            if lock["answers"]
            else "no"
        )
        lines.append(f"locked       {state}  ({near(lock['file'])})")
        lines += [f"             {d}" for d in lock["differences"]]
        if report["interpreter"]:
            lines.append(f"interpreter  {report['interpreter']}")
        lines.append(f"built        {report['build'] or 'no'}")
    lines += [f"{kind:<13}{report[kind]}" for kind in ("app", "host", "net") if report[kind]]
    for number, module in enumerate(report["working"]):
        instead = f"{module['requested']} ({module['commit'][:12]})".strip()
        said = f"{module['name']} from {near(module['directory'])}, instead of {instead}"
        lines.append(f"{'' if number else 'working copy':<13}{said}")
    for number, file in enumerate(report["files"]):
        held = "  (holds a secret: there while a process runs)" if file["secret"] else ""
        lines.append(f"{'' if number else 'files':<13}{near(file['path'])}{held}")
    for number, one in enumerate(report["undeclared"]):
        where = _place(one["origin"], near)
        lines.append(f"{'' if number else 'undeclared':<13}{one['name']}  ({where})")
    lines.append(f"in use       {'by this shell' if report['in_use'] else 'not by this shell'}")
    lines.append(f"trusted      {'yes' if report['trusted'] else 'no (the hook leaves it alone)'}")
    lines += _drifted(report, near)
    for problem in report["problems"]:
        first, *details = problem["what"].split("\n")
        lines.append(f"to mend      {first}")
        lines += [f"               {line.strip()}" for line in details]
        lines.append(f"             → {problem['mend']}")
    return lines


def _recorded(history: dict[str, Any]) -> list[str]:
    """Say which generation is here, and what an interrupted command left to do."""
    lines = [f"history      {visible(history['said'])}"]
    lines += [f"             interrupted: {visible(left)}" for left in history["unfinished"]]
    if history["unfinished"]:
        lines.append("             → `stead log` finishes it, as any change does first")
    return lines


def _drifted(report: dict[str, Any], near: Callable[[str], str]) -> list[str]:
    """Say what was changed behind Stead's back, and what to do about it."""
    lines = []
    for number, copy in enumerate(report["copies"]):
        where = near(copy["directory"])
        lines.append(f"{'' if number else 'copies':<13}{where}")
        if not copy["current"]:
            import shlex

            lines[-1] += "  (of another build than this one)"
            lines.append(f"             → `stead restore {shlex.quote(where)}` makes it anew")
    for number, row in enumerate(report["drift"]):
        where = f"  ({near(row['where'])})" if row["kind"] in ("package", "build") else ""
        lines.append(f"{'' if number else 'drift':<13}{row['text']}{where}")
    if report["drift"]:
        lines.append(
            "             → `stead adopt` takes up what it can, `stead restore` puts back "
            "what is declared"
        )
    lines += [
        f"not compared {near(build)}: it has too many files; `stead store verify` reads them all"
        for build in report["unseen"]
    ]
    lines += [
        f"not compared {near(build)}: its list of files is damaged; `stead store verify --repair`"
        for build in report["damaged"]
    ]
    return lines


def _place(origin: str, near: Any) -> str:
    file, colon, line = origin.rpartition(":")
    if not origin:
        return "implied by a layer"
    return f"{near(file)}:{line}" if colon and line.isdigit() else near(origin)
