"""``stead-registry.toml``: what a registry in a directory says of itself."""

from __future__ import annotations

from stead.formats._grammar_values import A_NAME
from stead.formats._grammar_values import NAME as A_NAMES
from stead.formats.models import Model, Problems, entry
from stead.formats.models import read as read_model
from stead.formats.toml_lines import parse
from stead.values.errors import ManifestError
from stead.values.origin import Origin

NAME = "stead-registry.toml"


class RegistryRoot(Model):
    """A registry: its items lie beside this file, each in a directory of its name."""

    name: str = entry(
        "What it is called.", default="", pattern=A_NAMES, means=A_NAME, examples=('name = "team"',)
    )
    summary: str = entry("One line for people.", default="", examples=('summary = "Ours"',))


def read(raw: bytes, file: str) -> str:
    """Give the registry's name, if it says one. Raises ManifestError."""
    try:
        data, lines = parse(raw.decode("utf-8"), file)
    except UnicodeDecodeError as exc:
        raise ManifestError(
            "this is not UTF-8 text", where=Origin(file), remedy="save the file as UTF-8"
        ) from exc
    problems = Problems()
    root = read_model(RegistryRoot, data, lambda *path: Origin(file, lines.at(*path)), problems)
    problems.check()
    return root.name
