"""`stead module outdated`: the modules that there are later versions of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = "Asks the registries that they came from."


def configure(parser: argparse.ArgumentParser) -> None:
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import modules, project_of, sources
    from stead.modules.outdated import standings

    project = project_of(app)
    found = standings(modules(project), sources(project, app))
    code = 1 if any(one.error for one in found) else 0
    if args.json:
        app.out_json({"modules": found})
        return code
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        state = f"{one.version} → {one.newer[0]}  {one.registry}" if one.newer else ""
        if one.unsettled:
            state = f"{state or one.version}, with conflicts to settle"
        if state:
            app.out(f"{one.name:<{width}}  {state}")
        if one.error:
            app.err(f"stead: {one.name}: {one.error}")
    if not found:
        app.err("stead: no module here has a record; `stead module search` lists what there is")
    elif not any(one.newer or one.unsettled or one.error for one in found):
        app.err("stead: all modules are current")
    return code
