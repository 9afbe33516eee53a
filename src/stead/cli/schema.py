"""`stead schema`: the JSON Schema of stead.toml, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Print the JSON Schema of stead.toml.

Editors that know TOML schemas complete and check with it: save it and name it
in the manifest's first line, `#:schema ./stead.schema.json`.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """There is nothing to choose."""


def execute(args: argparse.Namespace, app: App) -> int:  # noqa: ARG001 (the commands' form)
    from stead.formats import schema

    app.out(schema.text().rstrip("\n"))
    return 0
