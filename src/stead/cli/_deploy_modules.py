"""`stead deploy --module NAME` and `--all`: modules by their own `deploy.py`, else as their apps.

A `deploy.py` needs nothing of Stead; it runs in the module's directory with its environment's
Python, and several run side by side. Apps follow, one after the other: they share machines.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.errors import SteadError, UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.modules.own import Module

SCRIPT = "deploy.py"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a module. ``how`` is ``deploy.py``, ``recipe``, or empty for nothing to do."""

    module: str
    how: str
    code: int


def deploy_modules(args: argparse.Namespace, app: App, targets: list[str]) -> int:
    """Deploy the modules that are named, or all that can be; gives the exit code.

    Raises UsageError where one that is named has nothing to deploy.
    """
    from stead.cli.deploy import deploy
    from stead.modules import own
    from stead.pipeline.discover import discover

    found = discover(app.directory, home=app.user_home)
    chosen = own.chosen(found, args.modules)
    scripts = [m for m in chosen if os.path.isfile(os.path.join(m.directory, SCRIPT))]
    apps = [m for m in chosen if m.app and m not in scripts]
    idle = [m for m in chosen if m not in scripts and m not in apps]
    if idle and args.modules:
        raise UsageError(
            f"module {idle[0].name} has nothing to deploy",
            where=idle[0].directory,
            remedy=f"give it an app, [app.{idle[0].name}], or a {SCRIPT} of its own",
        )
    done = [Done(m.name, "", 0) for m in idle]
    if args.plan:
        done += [Done(m.name, SCRIPT, 0) for m in scripts]
        for module in scripts:
            app.err(f"{module.name}: runs its own {SCRIPT}")
    else:
        done += _run_scripts(scripts, targets, app)
    for module in apps:
        try:
            code = deploy(args, module.name, targets, app)
        except SteadError as exc:
            app.err(f"{module.name}: {exc}")
            code = exc.exit_code
        done.append(Done(module.name, "recipe", code))
    if args.json:
        app.out_json({"modules": sorted(done, key=lambda d: d.module)})
    failed = [d.module for d in done if d.code]
    if failed:
        app.err(f"stead: not deployed: {', '.join(sorted(failed))}")
    return 1 if failed else 0


def _run_scripts(modules: list[Module], targets: list[str], app: App) -> list[Done]:
    """Run the modules' own scripts side by side, with what environments need made before."""
    from stead.deploy.rollout import together
    from stead.pipeline.run import environment

    environs = {}
    for module in modules:
        prepared = app.prepared(module.environment or None)
        environs[module.name] = environment(prepared.activation, app.context.environ)

    def one(module: Module) -> int:
        done = app.context.run(
            ["python", SCRIPT, *targets], cwd=module.directory, env=environs[module.name]
        )
        for line in (done.stdout + done.stderr).splitlines():
            app.err(f"{module.name}: {line}")
        return done.returncode

    result = []
    for module, code, error in together(modules, one):
        if error is not None:
            app.err(f"{module.name}: {error}")
        result.append(Done(module.name, SCRIPT, 1 if code is None else code))
    return result
