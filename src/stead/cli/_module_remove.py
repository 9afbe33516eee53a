"""`stead module remove`: take modules out of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.modules.removing import Removal

MORE = """What `stead module add` wrote goes: the module's files, its record, and its entries in the
root's files, all of it at once. What you changed or added stays, and is named; `--discard` lets
that go too. A module that others need is not removed without them."""

_WHY = {
    "changed": "you changed it",
    "added": "you added it",
    "link": "it is a link",
    "made": "tools made it",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="the modules")
    parser.add_argument(
        "--discard", action="store_true", help="remove also what you changed or added in them"
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import alone, finish, modules, named, project_of, recorded
    from stead.modules import removing

    if not args.plan:
        finish(app)
    project = project_of(app)
    names = tuple(dict.fromkeys(args.names))

    def planned() -> Removal:
        known = modules(project)
        for name in names:
            named(known, name)
        return removing.plan(project.root, known, names, discard=args.discard)

    if args.plan:
        return _show(planned(), args, app)
    with alone(project, app):
        removal = planned()
        with recorded(app, project) as beside:
            reason = f"removing the module{'s' * (len(names) > 1)} {', '.join(names)}"
            removing.apply(removal, app.context, reason, beside=beside)
    return _show(removal, args, app)


def _show(removal: Removal, args: argparse.Namespace, app: App) -> int:
    remove = [path for path, _, after in removal.edits if after is None]
    change = [path for path, _, after in removal.edits if after is not None]
    if args.json:
        app.out_json(
            {
                "root": removal.root,
                "planned": args.plan,
                "modules": [
                    {"name": held.came.item, "version": held.came.version, "directory": directory}
                    for directory, held in removal.modules
                ],
                "remove": remove,
                "change": change,
                "stay": list(removal.stay),
                "kept": list(removal.kept),
                "named": list(removal.named),
            }
        )
        return 0
    for directory, held in removal.modules:
        count = sum(path.startswith(f"{directory}/") for path in remove)
        app.out(
            f"{'would remove' if args.plan else 'removed'} {held.came.item} {held.came.version}: "
            f"{count} files of {directory}"
        )
    for path in change:
        app.out(f"  {'change' if args.plan else 'changed'} {path}")
    for one in removal.stay:
        app.out(f"  {one.path} stays: {_WHY[one.why]}")
    if removal.stay:
        app.err(
            "stead: --discard removes these too"
            if args.plan
            else "stead: these are yours now; `module remove --discard` would have removed them"
        )
    for key in removal.kept:
        app.err(f"stead: {key} was changed and stays")
    for line in removal.named:
        app.err(f"stead: still named: {line}")
    return 0
