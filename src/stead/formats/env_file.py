"""``.env``: the variables that one person has for herself, as a manifest."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.formats import dotenv
from stead.values.errors import ManifestError
from stead.values.manifest import Layer, Manifest, Variable
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = ".env"


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read a ``.env``; its values stand for themselves. Raises ManifestError."""
    try:
        text = load(file)
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ManifestError(
            "this is not UTF-8 text", where=Origin(file, line), remedy="save the file as UTF-8"
        ) from exc
    directory = os.path.dirname(file)
    variables = tuple(
        Variable(entry.name, entry.value, entry.origin, None, directory)
        for entry in dotenv.read(text, file)
    )
    return Manifest(
        file=file,
        format=NAME,
        directory=directory,
        layers=(Layer(name=layer, variables=variables),),
    )
