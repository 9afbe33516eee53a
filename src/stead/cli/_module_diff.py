"""`stead module diff`: what was changed in modules, or what upstream has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.nearby import visible
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.modules.diffing import Difference

MORE = """Your files are compared with the copies of them as they were written, which lie beside
the module's record; with --upstream, these copies with the registry's version of today."""

_STATES = {
    "mode": "its executable bit was changed",
    "line ends": "only its line ends were changed",
    "other": "it is no plain file any more",
    "unknown": "it was changed, and the copy of what was written is gone or was edited",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="the modules (default: all)")
    parser.add_argument(
        "--upstream", action="store_true", help="show what an update would bring instead"
    )
    parser.add_argument(
        "--to", default="", metavar="VERSION", help="with --upstream: the version (default: latest)"
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import modules, named, project_of, sources
    from stead.modules import diffing

    if args.to and len(args.names) != 1:
        raise UsageError("--to is about one module", remedy="name it: `stead module diff NAME`")
    project = project_of(app)
    known = modules(project)
    shown = []
    found: tuple[Difference, ...]
    for name in args.names or known:
        path, held = named(known, name)
        directory = os.path.join(project.root, *path.split("/"))
        version = held.came.version
        if args.upstream or args.to:
            from stead.modules.update_modules import upstream_files

            item, written = upstream_files(held, sources(project, app), args.to)
            version = item.version
            found = diffing.upstream(directory, held, written, f"{item.name} {version}")
        else:
            found = diffing.mine(directory, held)
        shown.append((name, path, held.came.version, version, found))
    if args.json:
        app.out_json(
            {
                "modules": [
                    {"name": n, "directory": d, "from": was, "to": now, "files": files}
                    for n, d, was, now, files in shown
                ]
            }
        )
        return 0
    for name, path, _, _, files in shown:
        for one in files:
            if one.lines:
                for line in one.lines:
                    app.out(visible(line))
            else:
                app.out(f"{path}/{one.path}: {_STATES.get(one.state, one.state)}")
        if not files:
            app.err(f"stead: {name}: no difference")
    if not shown:
        app.err("stead: no module here has a record; `stead module search` lists what there is")
    return 0
