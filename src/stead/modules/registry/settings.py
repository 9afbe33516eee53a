"""The registries that a person knows, whatever the project."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.config.secrets.keys import config_directory
from stead.formats import user_settings
from stead.values.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.registry import Registry


def settings_file(environ: Mapping[str, str]) -> str:
    """Give the path of a person's settings; empty if nothing says where."""
    where = config_directory(environ)
    return os.path.join(where, "stead", user_settings.FILE) if where else ""


def of_person(environ: Mapping[str, str]) -> tuple[Registry, ...]:
    """Read the registries of a person's settings. Raises ManifestError."""
    path = settings_file(environ)
    if not path or not os.path.exists(path):
        return ()
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(
            f"these settings cannot be read: {exc}", where=path, remedy="it is TOML, in UTF-8"
        ) from exc
    return user_settings.read(path, text)
