"""`stead import`: make a ``stead.toml`` from another tool's file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.taking_settings import Settings

HELP = """Make a stead.toml in this directory that asks for what another tool's file does.

Of a .env, a docker compose file and, with --pydantic, a settings class the variables
are taken, for you to review: what looks secret is declared and its value goes into a
private .env, or, where one is there, into .env.portable. With --portable only a .env
is made, which all programs read alike.

Of a lock (pylock.toml, conda-lock.yml, an explicit conda list, pixi.lock) the
exact packages go into stead.lock: nothing is solved again. The file itself
stays as it is. A stead.toml that is there is replaced only with --force.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.pipeline.taking import FORMATS

    parser.add_argument("file", metavar="FILE", nargs="?", help="the file to take over")
    parser.add_argument(
        "--pydantic",
        metavar="MODULE:CLASS",
        help="declare the variables of this settings class; the place's Python imports it",
    )
    parser.add_argument(
        "--dialect",
        choices=("compose", "node", "python"),
        help="read a .env as docker compose, Node or python-dotenv does "
        "(default: only what all read alike)",
    )
    parser.add_argument(
        "--portable", action="store_true", help="of a .env make one that all programs read alike"
    )
    parser.add_argument(
        "--print",
        action="store_true",
        dest="show",
        help="of settings: print what would be in stead.toml, and write nothing",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"one of {', '.join(FORMATS)} (default: what the file's name says)",
    )
    parser.add_argument(
        "--platform",
        action="append",
        metavar="PLATFORM",
        help="take a lock's packages for this platform "
        "(default: all that the lock says it is for, else this one)",
    )
    parser.add_argument("--force", action="store_true", help="replace a stead.toml that is there")
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads",
        action="store_true",
        help="never fetch an interpreter, only use those found",
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import taking, taking_settings

    if bool(args.pydantic) == bool(args.file):
        raise UsageError(
            "import takes one FILE, or --pydantic MODULE:CLASS", remedy="see `stead import --help`"
        )
    if args.pydantic:
        taken_settings = taking_settings.from_pydantic(
            args.pydantic, app.request("default"), app.context, show=args.show
        )
        return _report(args, app, taken_settings)
    file = os.path.normpath(os.path.join(app.cwd, args.file))
    if not os.path.isfile(file):
        raise UsageError(f"there is no file {file}", remedy="correct the path")
    if not args.format and (args.dialect or args.portable or taking_settings.is_dotenv(file)):
        return _report(args, app, _dotenv(file, args, app))
    if not args.format and taking_settings.is_compose(file):
        request = app.request("default")
        made = taking_settings.from_compose(file, request, app.context, show=args.show)
        return _report(args, app, made)
    taken = taking.take(
        file,
        args.format or taking.format_of(file),
        app.request("default"),
        app.context,
        platforms=tuple(args.platform or ()),
        force=args.force,
    )
    if args.json:
        app.out_json(taken)
        return 0
    app.out(f"wrote {taken.manifest}")
    if taken.lock:
        pairs = ", ".join(f"{name} on {platform}" for name, platform in taken.environments)
        app.out(f"wrote {taken.lock} ({pairs}; nothing was solved)")
    for note in taken.notes:
        app.err(note)
    return 0


def _dotenv(file: str, args: argparse.Namespace, app: App) -> Settings:
    from stead.pipeline import taking_settings

    request, dialect = app.request("default"), args.dialect or ""
    if args.portable:
        return taking_settings.portable(file, dialect, request, show=args.show)
    return taking_settings.from_dotenv(file, dialect, request, app.context, show=args.show)


def _report(args: argparse.Namespace, app: App, made: Settings) -> int:
    """Say what was written; values of secrets are not said."""
    if args.json:
        app.out_json(
            {
                "manifest": made.manifest or None,
                "private": made.private or None,
                "names": made.names,
                "notes": made.notes,
            }
        )
        return 0
    if args.show:
        app.out(made.text.removesuffix("\n"))
    if made.manifest:
        app.out(f"wrote {made.manifest}")
    if made.private:
        app.out(f"wrote {made.private} (for you alone: {', '.join(made.names)})")
    for note in made.notes:
        app.err(note)
    return 0
