"""`stead why`: the ways that lead to a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.nearby import near_origin
from stead.values.errors import UsageError
from stead.values.names import nearest, normalize_pypi

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.graph import Graph
    from stead.pipeline.steps import Composed

HELP = "Show what asks for a package: each request in a manifest, and the way from it."


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", help="a package's name")
    options.environment(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.graph import elsewhere, graph_of

    def look() -> tuple[Composed, Graph]:
        composed = app.composed(args.environment)
        return composed, graph_of(composed)

    composed, graph = app.steadily(look)
    wanted = normalize_pypi(args.package.split(":")[-1])
    found = [a for a in graph.artifacts if normalize_pypi(a.name) == wanted]
    if not found:
        environment, where = elsewhere(composed, wanted)
        if environment:
            place = f" ({near_origin(where, app.cwd)})" if where else ""
            raise UsageError(
                f"{args.package} is not in this environment, but in {environment}{place}",
                remedy=f"`stead why -e {environment} {args.package}` shows what asks for it",
            )
        close = nearest(wanted, [a.name for a in graph.artifacts])
        raise UsageError(
            f"{args.package} is not in this environment"
            + (f"; did you mean {close!r}?" if close else ""),
            remedy="`stead tree` shows what is",
        )
    ways = [way for a in found for way in graph.ways_to(a)]
    origins = {
        a.id: [str(r.origin) for r in composed.spec.packages.requirements if graph.answers(a, r)]
        for a in graph.roots
    }
    if args.json:
        app.out_json(
            [{"asked_by": origins.get(way[0].id, []), "way": [a.id for a in way]} for way in ways]
        )
        return 0
    for artifact in found:
        app.out(f"{artifact.name} {artifact.version}  {artifact.ecosystem}")
    for way in ways:
        for origin in origins.get(way[0].id) or ["(locked, asked by nothing)"]:
            app.out(f"  {origin}: " + " → ".join(f"{a.name} {a.version}" for a in way))
    return 0
