"""`stead module swap`: replace a module by another one with the same interface."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import TaskError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stead.cli._modules import Project
    from stead.cli._swap_deploy import Standing
    from stead.cli.app import App
    from stead.modules.needs import Chosen
    from stead.modules.swapping import Swap
    from stead.values.item import Answer

MORE = """The tests of OLD are its interface: they are kept, and run against NEW in a project of their own.
Only if they pass is anything changed, and then all of it at once. Where OLD runs as a recipe of its
own, NEW is deployed in its place: with its ports and data, checked, and taken back if it is not well.
What you changed in OLD apart from its tests is yours: it is listed and refused. Any other option is
one of NEW's."""


_TAKING = frozenset({"--registry", "--revision", "--set", "--options", "--deploy"})
_PLAIN = frozenset({"--discard", "--no-deploy", "--plan", "--json", "-h", "--help"})


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.cli._modules import registry

    parser.add_argument("old", metavar="OLD", help="the module of this project")
    parser.add_argument("new", metavar="NEW", help="the item, or REGISTRY/NAME")
    registry(parser)
    parser.add_argument(
        "--revision", default="", metavar="VERSION", help="the item's version (default: the latest)"
    )
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="answer an option of the item",
    )
    parser.add_argument(
        "--options", default="", metavar="FILE", help="read the item's options from this TOML file"
    )
    parser.add_argument(
        "--discard", action="store_true", help="let go what you changed in OLD apart from its tests"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--deploy",
        action="append",
        default=[],
        metavar="TARGET",
        help="deploy NEW alone to this target (default: to where OLD runs)",
    )
    where.add_argument("--no-deploy", action="store_true", help="leave all machines as they are")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def split(words: Sequence[str]) -> tuple[list[str], list[tuple[str, Answer]]]:
    """Part the words into those of the command and the item's options with their answers."""
    from stead.cli._module_add import split

    return split(words, _TAKING, _PLAIN)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import alone, finish, project_of

    if not args.plan:
        finish(app)
    project = project_of(app)
    before = _standing(args, app, project)
    if args.plan:
        swap, _ = _planned(args, app, project, before)
        return _show(swap, before, (), args, app)
    with alone(project, app):
        swap, chosen = _planned(args, app, project, before)
        _try(swap, chosen, args, app)
        _apply(swap, args, app)
    if not args.json:
        _show(swap, before, (), args, app)
    code, done = _deploy(swap, before, args, app)
    if args.json:
        _show(swap, before, done, args, app)
    return code


def _standing(args: argparse.Namespace, app: App, project: Project) -> Standing:
    from stead.cli import _swap_deploy

    if args.no_deploy:
        return _swap_deploy.Standing()
    return _swap_deploy.standing(args.old, args.deploy, project, app)


def _planned(
    args: argparse.Namespace, app: App, project: Project, before: Standing
) -> tuple[Swap, tuple[Chosen, ...]]:
    """Plan the swap; also gives the item with all that it needs: where it is tried, nothing is."""
    from stead.cli._module_add import given_of
    from stead.cli._modules import modules, named, sources
    from stead.modules import needs, swapping

    known = modules(project)
    directory, held = named(known, args.old)
    registries = sources(project, app)
    registry, _, name = args.new.rpartition("/")
    source = needs.find(registries, name, args.registry or registry)
    item = source.item(name, args.revision)
    others = {n: entry for n, entry in known.items() if n != args.old}
    given = given_of(args, app.cwd)
    chosen = needs.gather(
        registries,
        source,
        item,
        given,
        there=lambda n: others[n][1].came if n in others else None,
    )
    swap = swapping.plan(
        project.root,
        directory,
        held,
        chosen,
        workspace=project.begins_workspace,
        discard=args.discard,
        modules={n: path for n, (path, _) in others.items()},
        roles=[recipe for recipe, _ in before.alone],
    )
    return swap, needs.gather(registries, source, item, given)


def _try(swap: Swap, chosen: Sequence[Chosen], args: argparse.Namespace, app: App) -> None:
    """Run the tests that are the interface against the new module, in a project of their own.

    Raises TaskError where they fail; then nothing has changed.
    """
    from stead.cli.app import program
    from stead.modules import adding

    name = chosen[-1].name
    scratch = tempfile.mkdtemp(prefix="stead-swap-")
    root = os.path.realpath(os.path.join(scratch, os.path.basename(swap.plan.root)))
    try:
        os.makedirs(root)
        plan = adding.plan(chosen, root, adding.reader(root))
        adding.apply(plan, app.context, f"trying the module {name}")
        place = os.path.join(root, *plan.modules[-1].directory.split("/"))
        for path, content in swap.tests:
            full = os.path.join(place, *path.split("/"))
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(content)
        with app.context.progress.task(f"running the tests of {args.old} against {name}"):
            done = app.context.run([program(), "-C", root, "test", "--module", name], cwd=root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise TaskError(
            f"{name} has not the interface of {args.old}: its tests fail",
            where=swap.plan.root,
            details=lines[-30:],
            remedy="nothing was changed; take another item, or change the tests of "
            f"{args.old} to what you need of it",
        )


def _apply(swap: Swap, args: argparse.Namespace, app: App) -> None:
    from stead.modules import taking_out
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    root = swap.plan.root
    edits = {
        os.path.join(root, *path.split("/")): (before, after) for path, before, after in swap.edits
    }
    modes = {os.path.join(root, *path.split("/")): 0o755 for path in swap.executable}
    new = {path: mode for path, mode in modes.items() if edits.get(path, (b"",))[0] is None}
    edit_files(
        layout_of(app.context),
        edits,
        f"replacing the module {args.old}",
        modes=new,
        chmod={p: m for p, m in modes.items() if p in edits and p not in new},
        note=app.context.progress.note,
    )
    taking_out.prune(edits, root)


def _show(
    swap: Swap, before: Standing, done: Sequence[object], args: argparse.Namespace, app: App
) -> int:
    module = swap.plan.modules[-1]
    if args.json:
        app.out_json(
            {
                "old": args.old,
                "new": module.name,
                "version": module.chosen.item.version,
                "directory": module.directory,
                "planned": args.plan,
                "tests": [path for path, _ in swap.tests],
                "create": [p for p, b, _ in swap.edits if b is None],
                "change": [p for p, b, a in swap.edits if b is not None and a is not None],
                "remove": [p for p, _, after in swap.edits if after is None],
                "kept": list(swap.kept),
                "named": list(swap.named),
                "runs": [{"recipe": r, "targets": t} for r, t in before.alone],
                "unknown": list(before.unknown),
                "deployed": list(done),
            }
        )
        return 0
    count = len(swap.tests)
    head = "would replace" if args.plan else "replaced"
    app.out(
        f"{head} {args.old} by {module.name} {module.chosen.item.version} in {module.directory}; "
        f"{count} file{'s' * (count != 1)} of tests kept"
    )
    for recipe, targets in before.alone if args.plan else ():
        app.out(f"would deploy it alone to {', '.join(targets)}, as recipe {recipe}")
    for key in swap.kept:
        app.err(f"stead: {key} was changed and stays")
    for line in swap.named:
        app.err(f"stead: still names {args.old}: {line}")
    return 0


def _deploy(
    swap: Swap, before: Standing, args: argparse.Namespace, app: App
) -> tuple[int, Sequence[object]]:
    """Deploy the new module: as its own `deploy.py` does, else in place of the old one."""
    from stead.cli import _deploy_modules, _swap_deploy, deploy, main

    if args.no_deploy:
        return 0, ()
    new = swap.plan.modules[-1]
    if _deploy_modules.SCRIPT not in [file.path for file in new.files]:
        _swap_deploy.tell(new.name, before, args.deploy, app)
        return _swap_deploy.bring(new.name, before, swap.roles, args.deploy, app, quiet=args.json)
    if args.deploy:
        words = ["--module", new.name, *args.deploy, *(["--json"] if args.json else [])]
        return deploy.execute(main.parser_of("deploy").parse_args(words), app), ()
    app.err(f"stead: not deployed: `stead deploy --module {new.name}` runs its own deploy.py")
    return 0, ()
