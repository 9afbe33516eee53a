"""`stead add`: ask for a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.change import Changed

HELP = """Ask for packages: edit the manifest, lock, and make the environment.

A package is NAME, NAME>=VERSION, pypi:NAME, conda:NAME, CHANNEL::NAME, a path
or git+URL. Without an ecosystem it is the one that the place uses already. A
name without a version is written with the version found as its lower bound.
If it cannot be locked, nothing is changed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", nargs="+", help="what to ask for")
    common(parser)


def common(parser: argparse.ArgumentParser) -> None:
    """Declare the options that add and remove share."""
    options.layer(parser)
    building(parser)


def building(parser: argparse.ArgumentParser) -> None:
    """Declare the options of what changes the manifest and makes the environment then."""
    parser.add_argument("--no-build", action="store_true", help="lock only, build later")
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads", action="store_true", help="never fetch an interpreter"
    )
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.change import add, parse_wish

    wishes = [parse_wish(text, app.cwd) for text in args.package]
    app.record_edits(args.layer or None)
    changed = add(app.changing(args.layer), app.context, wishes, layer=args.layer)
    return report(args, app, changed, args.layer or None)


def report(args: argparse.Namespace, app: App, changed: Changed, environment: str | None) -> int:
    """Build the environment that was changed, and say what changed."""
    if args.no_build:
        app.record_change(environment)
    else:
        app.activation(environment)
    if args.json:
        app.out_json(
            {
                "files": changed.files,
                "modules": changed.modules,
                "environments": [
                    {
                        "environment": c.now.environment,
                        "platform": c.now.platform,
                        "changes": c.lines,
                    }
                    for c in changed.changes
                ],
            }
        )
        return 0
    news = changed.files or changed.modules or any(c.lines for c in changed.changes)
    if not news:
        app.out("nothing to change: that is what the manifest says already")
    for file in changed.files:
        app.out(app.written(file))
    for line in changed.modules:
        app.out(f"  {line}")
    for change in changed.changes:
        if change.lines:
            app.out(f"{change.now.environment} on {change.now.platform}")
        for line in change.lines:
            app.out(f"  {line}")
    return 0
