"""`stead node`: a new node by two names, and away with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.deploy.recipes import Where

HELP = """Make a node: a recipe on a target, by their names.

`stead node up RECIPE TARGET` runs the target's create command where none of its
machines answers yet, waits for them, deploys the recipe, and says what runs.
`stead node down RECIPE TARGET` takes the recipe away from the machines; with
`--destroy` the target's destroy command takes the machines away too.
"""

REST = True


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="SECONDS", help="for a machine to answer"
    )
    parser.add_argument(
        "--destroy", action="store_true", help="of down: run the target's destroy command"
    )
    options.locking(parser)
    options.json(parser)
    parser.add_argument("action", choices=("up", "down"), help="make it, or take it away")
    parser.add_argument("recipe_name", metavar="RECIPE", help="what runs there")
    parser.add_argument("target_name", metavar="TARGET", help="where")


def execute(args: argparse.Namespace, app: App) -> int:
    if args.action == "up":
        return up(args, app)
    return down(args, app)


def up(args: argparse.Namespace, app: App) -> int:
    """Create, wait, deploy, and look at it."""
    from stead.cli import _deployed, deploy
    from stead.cli._deploying import chosen, wanted
    from stead.deploy import machines
    from stead.deploy.recipes import nodes_of

    recipe, targets = chosen(args.recipe_name, [args.target_name], app)
    nodes = nodes_of(targets)
    machines.created(
        recipe.name,
        targets[0],
        nodes,
        app.context,
        here=app.platform,
        patience=args.wait,
        say=app.err,
    )
    there = replace(app, selection=replace(app.selection, deploy=True))
    args.plan = False
    needed, nodes = wanted(recipe.name, [args.target_name], there)
    code = deploy.bring(args, recipe.name, there, needed, nodes)
    if code or args.json:
        return code
    return _deployed.status(args, [recipe.name, args.target_name], app)


def down(args: argparse.Namespace, app: App) -> int:
    """Take a recipe away from a target's machines, and the machines too where that is said."""
    from stead.cli._deploying import chosen
    from stead.deploy import machines
    from stead.deploy.opening import opened
    from stead.deploy.recipes import nodes_of
    from stead.deploy.rollout import together

    recipe, targets = chosen(args.recipe_name, [args.target_name], app)
    nodes = nodes_of(targets)

    def remove(where: Where) -> bool:
        target = opened(recipe.name, where, app.context, app.platform)
        try:
            if not target.status().generation:
                return False
            target.remove()
        finally:
            target.close()
        return True

    results = together(nodes, remove)
    for where, was, error in results:
        app.err(f"{where.name}: {error or ('removed' if was else 'nothing was deployed')}")
    failed = any(error is not None for _, _, error in results)
    if args.destroy:
        machines.destroyed(targets[0], app.context, app.err)
    if args.json:
        app.out_json(
            {
                "recipe": recipe.name,
                "target": targets[0].name,
                "destroyed": bool(args.destroy and targets[0].destroy),
                "nodes": [
                    {
                        "address": where.address,
                        "removed": bool(was),
                        "error": error.message if error else "",
                    }
                    for where, was, error in results
                ],
            }
        )
    return 1 if failed and not args.destroy else 0
