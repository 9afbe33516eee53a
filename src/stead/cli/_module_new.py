"""`stead module new`: make an item of a registry from a module of one's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = """The module's files are copied below REGISTRY/NAME/files, as they are; what version
control passes over is left out. Its stead-item.toml is written from what the module's own
project says, to be completed by hand."""


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
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import project_of
    from stead.modules import authoring

    origin = os.path.join(app.cwd, args.origin) if args.origin else ""
    origin = origin or os.path.join(project_of(app).root, "modules", args.name)
    target = os.path.join(os.path.normpath(os.path.join(app.cwd, args.registry)), args.name)
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
