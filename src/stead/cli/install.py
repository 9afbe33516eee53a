"""`stead install`: modules made ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.app import program

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.modules.installing import Installed
    from stead.modules.own import Module

HELP = """Make modules ready to run: each one's environment, or what its language installs.

Several are made at a time. `stead run` does it by itself where it is needed; this does it
beforehand, for all of them.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.modules(parser, "install this module (again for more; default: all of them)")
    options.locking(parser)
    options.json(parser)
    parser.add_argument(
        "-p", "--parallel", type=int, default=0, metavar="N", help="at most so many at a time"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.modules.installing import install
    from stead.modules.own import chosen
    from stead.pipeline.discover import discover
    from stead.values.errors import UsageError

    if args.parallel < 0:
        raise UsageError("--parallel: there are no fewer than none", remedy="give 1 or more")
    found = discover(app.directory, home=app.user_home)
    wanted = chosen(found, args.modules)
    flags = [f"--{f}" for f in ("locked", "offline") if getattr(args, f)]
    flags += ["--no-python-downloads"] * args.no_python_downloads

    def command(module: Module) -> list[str]:
        if module.environment:
            return [program(), "-C", found.place, "build", "-e", module.environment, *flags]
        if module.install:
            return [program(), "-C", found.place, "run", *flags, module.install]
        return []

    ended = []
    for one in install(wanted, command, app.context, parallel=args.parallel):
        ended.append(one)
        if not args.json:
            _tell(one, app)
    failed = [one for one in ended if one.code]
    if args.json:
        app.out_json([_value(one) for one in sorted(ended, key=lambda o: o.module.name)])
    elif failed:
        app.err(f"stead: {len(failed)} of {len(ended)} modules could not be installed")
    return 1 if failed else 0


def _tell(one: Installed, app: App) -> None:
    name = one.module.name
    if one.nothing:
        app.out(f"{name}: nothing to install")
    elif one.code:
        app.out(f"{name}: failed with code {one.code}")
        for line in one.said:
            app.out(f"  {line}")
    else:
        app.out(f"{name}: ready ({one.seconds:.1f} s)")


def _value(one: Installed) -> dict[str, object]:
    return {
        "name": one.module.name,
        "directory": one.module.directory,
        "environment": one.module.environment,
        "code": one.code,
        "seconds": round(one.seconds, 3),
        "said": list(one.said),
    }
