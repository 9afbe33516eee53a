"""`stead schema`: JSON Schemas of what Stead reads and prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Print the JSON Schema of stead.toml, of stead-item.toml, or of what a command prints.

Editors that know TOML schemas complete and check with it: save it and name it
in the manifest's first line, `#:schema ./stead.schema.json`.
"""

DEPLOYING = (
    "deploy", "deploy-plan", "deploy-status", "deploy-rollback", "deploy-modules", "node-down"
)  # fmt: skip
REMOTE = (
    "remote-list", "remote-whoami", "remote-namespace-list", "remote-namespace", "remote-env-list",
    "remote-env-show", "remote-env-describe", "remote-env-delete", "push", "remote-builds", "remote-cancel",
    "remote-rollback", "remote-delete", "remote-settings", "pull",
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "of",
        nargs="?",
        choices=(
            "stead.toml",
            "stead-item.toml",
            "test-list",
            "test-plan",
            "module-update",
            *DEPLOYING,
            *REMOTE,
        ),
        default="stead.toml",
        help="stead.toml (default), stead-item.toml of an item of a registry, or what a command prints with --json",
    )


def execute(args: argparse.Namespace, app: App) -> int:
    if args.of.endswith(".toml"):
        from stead.formats import schema

        app.out(schema.text(args.of).rstrip("\n"))
        return 0
    if args.of in DEPLOYING:
        from stead.deploy import schemas

        app.out(json.dumps(schemas.SCHEMAS[args.of], indent=2))
        return 0
    if args.of in REMOTE:
        from stead.remote import schemas as remote

        app.out(json.dumps(remote.SCHEMAS[args.of], indent=2))
        return 0
    if args.of == "module-update":
        from stead.modules.update_schema import UPDATE

        app.out(json.dumps(UPDATE, indent=2))
        return 0
    from stead.deploy import schemas as deploying
    from stead.matrix import schemas as testing

    app.out(json.dumps((testing.SCHEMAS | deploying.SCHEMAS)[args.of], indent=2))
    return 0
