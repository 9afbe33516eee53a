"""`stead push`: hand in what a directory asks for, to be built by a store server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import _remote_spec as specs
from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Hand what this directory asks for to a store server, which builds it for the team.

What the environment asks for goes with what is locked for it, so that the server builds just that: a
lone stead.toml or environment.yml as it stands, else one stead.toml that asks for the packages of all
files and layers that take part. Or FILE goes, by itself. What is of this machine alone does not leave
it: directories, and secrets. The environment is made where it is missing, its namespace must be there;
the build becomes current when it is completed. What was handed in before is not built again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAMESPACE/NAME", help="the environment to build for, on the server"
    )
    specs.handing_in(parser)
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.values import served

    named = served.parse(args.name)
    wanted = specs.specification(args.file, app, args.environment, local=not args.no_local)
    return specs.hand_in(args, app, specs.client_for(args, app), named, wanted)
