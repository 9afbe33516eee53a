"""`stead deploy`: bring a recipe to its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.deploy.payload import Wanted
    from stead.deploy.recipes import Where

HELP = """Bring a recipe to its targets, switch to it, and keep it if it is well.

`stead deploy RECIPE [TARGET …]` asks each machine what it has, says what will
change, sends what is missing, switches, and asks whether what must hold does; if
not, the machine goes back to what ran before. An app is a recipe of its own
name. What runs already is left alone.

`stead deploy status | logs | rollback [N] | run` RECIPE [TARGET …] look at what
is deployed, go back to an earlier version, or run one of its commands there.
`--module NAME` and `--all` deploy modules, by their own `deploy.py` or as apps. The
exit code is 0 if every machine has and runs all of it.
"""

REST = True

LATER = ("status", "logs", "rollback", "run")
"""What is done with what is deployed already."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="say what would change, and stop")
    parser.add_argument("--follow", action="store_true", help="of logs: go on as they grow")
    parser.add_argument(
        "-n", "--lines", type=int, default=200, metavar="N", help="of logs: how many lines"
    )
    parser.add_argument("--service", default="", metavar="NAME", help="of logs: of which process")
    parser.add_argument(
        "--set",
        dest="values",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a variable this value, over all that the tree says",
    )
    options.modules(parser, "deploy this module: by its own deploy.py, else as its app")
    parser.add_argument("--all", action="store_true", help="deploy all modules of the project")
    options.locking(parser)
    options.json(parser)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="[status | logs | rollback [N] | run] RECIPE [TARGET …]",
        help="what is meant, and where",
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli import _deployed

    words = list(args.what)
    if not args.plan and words[:1] not in (["status"], ["logs"]):
        app.refuse_inside(" ".join(["deploy", *(one for one in words[:1] if one in LATER)]))
    if args.modules or args.all:
        from stead.cli._deploy_modules import deploy_modules

        return deploy_modules(args, app, words)
    if words and words[0] in LATER:
        act = getattr(_deployed, words[0])
        code: int = act(args, words[1:], app)
        return code
    if not words:
        raise UsageError("nothing to deploy", remedy=_what_there_is(app))
    return deploy(args, words[0], words[1:], app)


def deploy(args: argparse.Namespace, name: str, names: list[str], app: App) -> int:
    """Deploy one recipe to its targets, or those that are named."""
    from stead.cli import _deploying

    app = replace(app, selection=replace(options.chosen(args), deploy=True))
    wanted, nodes = _deploying.wanted(name, names, app)
    return bring(args, name, app, wanted, nodes)


def bring(
    args: argparse.Namespace,
    name: str,
    app: App,
    wanted: dict[str, Wanted],
    nodes: tuple[Where, ...],
) -> int:
    """Say what changes on the nodes, change it, and say how that went; gives the exit code.

    Of modules, the answer as JSON is about all of them.
    """
    told = bool(getattr(args, "modules", ()) or getattr(args, "all", False))
    from stead.cli import _deploying
    from stead.deploy import deploying, machines
    from stead.deploy.plan import lines

    made = deploying.planned(wanted, nodes, app.context, app.platform)
    try:
        if args.plan or not args.json:
            shown = [line for one in made for line in lines(one.plan)]
            if not args.json:
                app.out("\n".join(shown))
        if args.plan:
            if args.json and not told:
                app.out_json(_deploying.plans(name, made))
            return 0
        if changing := [one.where for one in made if one.plan.pyinfra]:
            machines.prepared(changing, wanted, app.context, app.err)
            # The machines are others now: what they have, and what they lack, is asked anew.
            anew = deploying.planned(wanted, nodes, app.context, app.platform, prepared=True)
            deploying.close(made)
            made = anew
        _deploying.settled(made, wanted[made[0].where.target.name].recipe, app)
        outcomes = deploying.applied(
            made, app.context, _deploying.telling(app), _deploying.saying(app)
        )
    finally:
        deploying.close(made)
    if args.json and not told:
        app.out_json(_deploying.answer(name, made, outcomes))
    return _deploying.failed(outcomes, app)


def _what_there_is(app: App) -> str:
    from stead.config.recipes import known_recipes

    kinds = app.spec().configuration.kinds
    known = sorted(known_recipes(kinds.recipes, kinds.apps))
    if known:
        return f"name a recipe or an app: {', '.join(known)}"
    return "declare an app: [app.NAME] with a command in run"
