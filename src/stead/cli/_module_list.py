"""`stead module list`: the modules of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = "Those that have a record: where they came from, and with which options."


def configure(parser: argparse.ArgumentParser) -> None:
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import modules, project_of

    found = modules(project_of(app))
    if args.json:
        app.out_json(
            {
                "modules": [
                    {
                        "name": name,
                        "version": held.came.version,
                        "directory": path,
                        "registry": held.came.registry,
                        "location": held.came.location,
                        "commit": held.came.commit,
                        "integrity": held.came.integrity,
                        "options": dict(held.options),
                        "unsettled": [c.path for c in held.conflicts],
                    }
                    for name, (path, held) in found.items()
                ]
            }
        )
        return 0
    width = max(map(len, found), default=0)
    for name, (path, held) in found.items():
        chosen = "".join(f" --{n} {v}" for n, v in held.options)
        state = ", with conflicts to settle" if held.conflicts else ""
        app.out(
            f"{name:<{width}}  {held.came.version}  {held.came.registry}  {path}{chosen}{state}"
        )
    if not found:
        app.err("stead: no module here has a record; `stead module search` lists what there is")
    return 0
