"""`stead package`: the packages of a project, built alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.cli import options
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from stead.cli.app import App
    from stead.matrix.definitions import Defined
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Product, Ready

HELP = """Build the project's packages, each once for the same files, and print where they are.

Without NAME those of [package.NAME] in stead.toml; where there are none, the source
distribution and the wheel. A build runs in a clean copy of the project.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="a package's definition")
    parser.add_argument("--out", metavar="DIR", help="put copies there, under their own names")
    parser.add_argument("--list", action="store_true", help="list what is defined; build nothing")
    building(parser)
    options.json(parser)


def building(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a build."""
    parser.add_argument(
        "--python", metavar="VERSION", help="the interpreter to build with (3.12, or a path)"
    )
    parser.add_argument("--upgrade", action="store_true", help="choose what the builds need afresh")
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what the builds say as they say it"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    defined = definitions(app)
    if args.list:
        return _list(args, app, defined)
    made = list(products(defined.chosen(args.names), defined, args, app))
    paths = [_copied(one, app.cwd, args.out) if args.out else one.path for one in made]
    if args.out:
        from stead.matrix.sources import wrote

        wrote(paths, defined.root, app.context)
    if args.json:
        app.out_json([shown(one, path) for one, path in zip(made, paths, strict=True)])
        return 0
    for path in paths:
        app.out(os.path.relpath(path, app.cwd) if args.out else path)
    return 0


def definitions(app: App) -> Defined:
    """Find what the place of this command defines."""
    from stead.matrix.asking import Asked
    from stead.matrix.definitions import defined

    asked = Asked(directory=app.directory, here=app.platform, user_home=app.user_home)
    return defined(asked, app.context)


def products(
    chosen: Iterable[PackageDefinition], defined: Defined, args: argparse.Namespace, app: App
) -> Iterator[Product]:
    """Build definitions one after the other; gives each package when it is there."""
    from stead.matrix.making import Seen
    from stead.matrix.products import make

    context = app.context
    if args.upgrade:
        context = replace(context, upgrade=frozenset({"*"}))
    interpreter = _interpreter(args.python, app)
    seen = Seen()
    say = app.err if args.verbose else _silent
    for definition in chosen:
        ready = _ready(definition, app)
        with context.progress.task(f"building {definition.name}"):
            product = make(
                definition, defined.root, interpreter, context, say, seen=seen, ready=ready
            )
        yield product


def shown(product: Product, path: str) -> dict[str, Any]:
    """Give what JSON says of a package."""
    return {
        "definition": product.definition,
        "format": product.format,
        "file": os.path.basename(path),
        "path": path,
        "name": product.name,
        "version": product.version,
        "requires": product.requires,
        "requires_python": product.requires_python,
        "tags": product.tags,
        "content": product.content,
        "reused": product.reused,
    }


def _list(args: argparse.Namespace, app: App, defined: Defined) -> int:
    rows = [
        {
            "name": one.name,
            "builder": one.builder,
            "format": one.format,
            "path": one.path or one.file,
            "match": one.match,
            "universal": one.universal,
            "description": one.description,
            "where": str(one.origin) if one.origin.file else "",
        }
        for one in defined.definitions
    ]
    if args.json:
        app.out_json({"root": defined.root, "definitions": rows})
        return 0
    width = max((len(one.name) for one in defined.definitions), default=0)
    for one in defined.definitions:
        how = one.builder if one.builder == one.format else f"{one.builder}, a {one.format}"
        text = f"{one.name:<{width}}  {how}"
        app.out(f"{text}  {one.description}".rstrip())
    if not rows:
        app.out("no packages")
    return 0


def _interpreter(version: str | None, app: App) -> Interpreter | None:
    if not version:
        return None
    from stead.ecosystems import interpreters

    return interpreters.find(version, context=app.context)


def _ready(definition: PackageDefinition, app: App) -> Ready | None:
    """Make the environment ready that a definition names for its build."""
    if not definition.environment:
        return None
    from stead.matrix.built_in import of_build

    return of_build(definition, app.activation(definition.environment).build)


def _copied(product: Product, cwd: str, out: str) -> str:
    """Copy a package into a directory, whole or not at all; gives its path there."""
    if os.path.isdir(product.path):
        return product.path  # a tree that is installed as it is
    from stead.store.atomic import write_file

    target = os.path.join(cwd, out, os.path.basename(product.path))
    with open(product.path, "rb") as file:
        write_file(target, file.read())
    return target


def _silent(_: str) -> None:
    """Where nobody wants to see what builds say: the end of a failed one is in its error."""
