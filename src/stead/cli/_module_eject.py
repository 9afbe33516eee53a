"""`stead module eject`: forget where a module came from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = """Its source stays as it is; its record, with the copies that updates are merged from,
is removed."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="the modules")
    parser.add_argument("--all", action="store_true", help="all modules of this project")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import alone, finish, modules, named, project_of
    from stead.modules.ejecting import eject

    if bool(args.names) == args.all:
        raise UsageError(
            "which modules are to be forgotten?", remedy="name them, or say --all for all of them"
        )
    finish(app)
    project = project_of(app)
    with alone(project, app):
        known = modules(project)
        chosen = (
            {n: named(known, n)[0] for n in args.names}
            if args.names
            else {n: path for n, (path, _) in known.items()}
        )
        directories = [os.path.join(project.root, *path.split("/")) for path in chosen.values()]
        eject(directories, app.context, f"forgetting where {', '.join(chosen)} came from")
    if args.json:
        app.out_json({"ejected": [{"name": n, "directory": d} for n, d in chosen.items()]})
        return 0
    for name, path in chosen.items():
        app.out(f"forgot where {name} came from; its source stays in {path}")
    return 0
