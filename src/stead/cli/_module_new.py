"""`stead module new`: make an item of a registry from a module of one's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = """The module's files are copied below REGISTRY/NAME/files, as they are; what version
control passes over is left out. Its stead-item.toml is written from what the module's own
project says, to be completed by hand. `--update --version VERSION` makes a new version of an item
that is there: its description and its templates stay."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the item's name")
    parser.add_argument(
        "--from",
        dest="origin",
        default="",
        metavar="DIR",
        help="the module's directory (default: modules/NAME)",
    )
    parser.add_argument("--registry", required=True, metavar="DIR", help="the registry's directory")
    parser.add_argument(
        "--kind",
        default="app",
        choices=("app", "client", "data", "host", "lib", "net"),
        help="which kind of module it is (default: app)",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="bring the item that is there to what the module is, as a new version",
    )
    parser.add_argument(
        "--version", default="", metavar="VERSION", help="with --update: the new version"
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import project_of
    from stead.modules import authoring

    origin = os.path.join(app.cwd, args.origin) if args.origin else ""
    origin = origin or os.path.join(project_of(app).root, "modules", args.name)
    target = os.path.join(os.path.normpath(os.path.join(app.cwd, args.registry)), args.name)
    if args.update or args.version:
        return _update(os.path.normpath(origin), target, args, app)
    made = authoring.item_of(os.path.normpath(origin), args.name, args.kind)
    written = authoring.write(made, target, app.context, dry=args.plan)
    if args.json:
        app.out_json({"directory": target, "create": written})
        return 0
    word = "would make" if args.plan else "made"
    app.out(f"{word} {os.path.relpath(target, app.cwd)}, an item with {len(written) - 1} files")
    if not args.plan:
        app.err("next: complete its stead-item.toml: the summary, what it expects, its options")
    return 0


def _update(origin: str, target: str, args: argparse.Namespace, app: App) -> int:
    from stead.modules import authoring

    if not args.update:
        raise UsageError(
            "--version is of an item that is there",
            remedy="say --update, or write the version into the new stead-item.toml",
        )
    edits, templates = authoring.update_of(origin, target, args.version)
    if edits and not args.plan:
        authoring.write_update(edits, target, app.context)
    create = [p for p, (before, _, _) in edits.items() if before is None]
    remove = [p for p, (_, after, _) in edits.items() if after is None]
    change = [p for p in edits if p not in (*create, *remove)]
    if args.json:
        words = {"create": create, "change": change, "remove": remove, "templates": templates}
        app.out_json({"directory": target, "version": args.version, **words})
        return 0
    shown = os.path.relpath(target, app.cwd)
    if not edits:
        app.out(f"{shown} has all that the module has")
    else:
        app.out(f"{'would update' if args.plan else 'updated'} {shown} to {args.version}")
    for word, paths in (("create", create), ("change", change), ("remove", remove)):
        for path in paths:
            app.out(f"  {word if args.plan else word.rstrip('e') + 'ed'} {path}")
    for path in templates:
        app.err(f"stead: {path} is a template of the item and stays; bring changes there by hand")
    return 0
