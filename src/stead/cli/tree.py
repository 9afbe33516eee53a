"""`stead tree`: what depends on what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.lock import Artifact

HELP = "Show the locked packages as a tree: what was asked for, and what that needs."


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.json(parser)
    parser.add_argument("--depth", type=int, default=0, metavar="N", help="show N levels only")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.graph import graph_of

    graph = app.steadily(lambda: graph_of(app.composed(args.environment)))
    if args.json:
        app.out_json(
            {
                "roots": [a.id for a in graph.roots],
                "packages": [
                    {
                        "id": a.id,
                        "ecosystem": a.ecosystem,
                        "name": a.name,
                        "version": a.version,
                        "depends": [d.id for d in graph.needs(a)],
                    }
                    for a in graph.artifacts
                ],
            }
        )
        return 0
    shown: set[str] = set()

    def show(artifact: Artifact, indent: str, last: bool, depth: int) -> None:
        branch = "" if depth == 1 else ("└── " if last else "├── ")
        again = artifact.id in shown
        children = graph.needs(artifact)
        mark = " (*)" if again and children else ""
        app.out(f"{indent}{branch}{artifact.name} {artifact.version}  {artifact.ecosystem}{mark}")
        if again or (args.depth and depth >= args.depth):
            return
        shown.add(artifact.id)
        below = indent if depth == 1 else indent + ("    " if last else "│   ")
        for child in children:
            show(child, below, child is children[-1], depth + 1)

    for root in graph.roots:
        show(root, "", True, 1)
    return 0
