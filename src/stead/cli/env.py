"""`stead env`: environments of a place, what is in them and what they give a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import LockOutdatedError, UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.state import State

HELP = """Look at environments, and fill in what one needs of you.

  list   those of this place: declared, locked, built
  show   packages, interpreter and variables of one
  path   where its build is
  vars   what a process gets, as NAME=VALUE lines, JSON, or text for a shell;
         secrets by name alone
  fill   ask for each required variable that has no value, and write them into .env
  export with --dotenv: an example .env with every required name and no value
"""

SHELLS = ("sh", "bash", "zsh", "fish", "powershell", "cmd", "json")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("list", "show", "path", "vars", "fill", "export"))
    parser.add_argument("name", nargs="?", metavar="ENV", help="the environment, as with -e")
    options.environment(parser)
    options.json(parser)
    parser.add_argument("--app", metavar="APP", help="with fill and export: for this app alone")
    parser.add_argument("--shell", choices=SHELLS, help="with vars: text that this shell evaluates")
    parser.add_argument(
        "--dotenv", action="store_true", help="with export: the variables, as a .env without values"
    )
    parser.add_argument(
        "--interpreters", action="store_true", help="with list: the Python interpreters found here"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    name = args.name or args.environment
    if args.what == "list":
        return _interpreters(args, app) if args.interpreters else _list(args, app)
    if args.what in ("fill", "export"):
        from stead.cli import _env_private

        return (_env_private.fill if args.what == "fill" else _env_private.export)(args, app)
    from stead.pipeline.state import state_of

    state = app.steadily(lambda: state_of(app.composed(name), app.context))
    if args.what == "show":
        return _show(args, app, state)
    if state.activation is None:
        what, mend = state.problems[0]
        raise LockOutdatedError(what, remedy=mend)
    if args.what == "path":
        if args.json:
            app.out_json({"path": state.activation.build or None})
        else:
            app.out(state.activation.build)
        return 0
    return _vars(args, app, state)


def _vars(args: argparse.Namespace, app: App, state: State) -> int:
    from stead.pipeline.run import environment

    assert state.activation is not None
    if args.shell:
        from stead.shells import render

        app.out(render(args.shell, state.activation))
        return 0
    from stead.config.outcome import secret_entries
    from stead.values.secret import SHOWN

    assert state.table is not None
    hidden = [e.name for e in secret_entries(state.table)]
    result = environment(state.activation, app.context.environ)
    touched = {c.name for c in state.activation.changes}
    touched |= {n for n in ("PATH",) if n in result and n not in app.context.environ}
    if args.json:
        app.out_json(
            {
                "set": {n: result[n] for n in sorted(touched) if n in result},
                "unset": sorted(n for n in touched if n not in result),
                "secret": sorted(hidden),
            }
        )
        return 0
    lines = {n: result[n] for n in touched if n in result} | dict.fromkeys(hidden, SHOWN)
    for name in sorted(lines):
        app.out(f"{name}={lines[name]}")
    return 0


def _show(args: argparse.Namespace, app: App, state: State) -> int:
    spec, locked = state.composed.spec, state.locked
    artifacts = locked.artifacts if locked else ()
    if args.json:
        app.out_json(
            {
                "environment": spec.environment,
                "place": spec.place,
                "platform": spec.platform.name,
                "python": locked.python if locked else "",
                "interpreter": state.interpreter,
                "build": str(state.build) if state.build else None,
                "packages": [
                    {"ecosystem": a.ecosystem, "name": a.name, "version": a.version, "id": a.id}
                    for a in artifacts
                ],
                "variables": list(_variables(state)),
            }
        )
        return 0
    app.out(f"{spec.environment} of {spec.place} on {spec.platform}")
    if locked and locked.python:
        outside = f"  {state.interpreter.path}" if state.interpreter else "  (a package)"
        app.out(f"python     {locked.python}{outside}")
    app.out(f"build      {state.build or 'none'}")
    width = max((len(a.name) for a in artifacts), default=0)
    for a in artifacts:
        app.out(f"  {a.name:<{width}}  {a.version}  {a.ecosystem}")
    for name, origin in _variables(state).items():
        app.out(f"  {name}  ({origin})" if origin else f"  {name}")
    return 0


def _variables(state: State) -> dict[str, str]:
    """Give each variable's name and where its value was written."""
    entries = state.table.entries if state.table else ()
    found = {e.name: str(e.definitions[0].origin) for e in entries if e.definitions}
    if state.table is None:
        found = {d.name: str(d.origin) for d in state.composed.spec.configuration.definitions}
    return found


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import lockfile
    from stead.pipeline.state import state_of

    composed = app.composed(None)
    place = composed.slot[0]
    held = lockfile.read(composed.lock_path, composed.request.overlay).environments
    locked = {e.environment for e in held if e.place == place}
    names = list(dict.fromkeys(("default", *composed.spec.environments, *sorted(locked))))
    rows = []
    for name in names:
        state = state_of(app.composed(name), app.context)
        platforms = sorted(
            e.platform
            for e in held
            if (e.place, e.environment) == (place, state.composed.lock_environment)
        )
        rows.append(
            {
                "environment": name,
                "locked": state.answers,
                "platforms": platforms,
                "build": str(state.build) if state.build else None,
            }
        )
    if args.json:
        app.out_json(rows)
        return 0
    width = max(len(n) for n in names)
    for row in rows:
        locked_for = ", ".join(row["platforms"]) or "nothing"  # type: ignore[arg-type]
        app.out(
            f"{row['environment']:<{width}}  locked for {locked_for}  {row['build'] or 'not built'}"
        )
    return 0


def _interpreters(args: argparse.Namespace, app: App) -> int:
    from stead.ecosystems.interpreters import discovered

    found = discovered(app.context)
    if args.json:
        app.out_json(found)
        return 0
    if not found:
        raise UsageError(
            "no Python interpreter found", remedy="install one, or let Stead fetch one"
        )
    for i in found:
        app.out(f"{i.version}  {i.tag}  {i.found}  {i.path}")
    return 0
