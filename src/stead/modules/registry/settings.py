"""The registries that a person knows, whatever the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.store.trust import own_settings, settings_file
from stead.values.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.registry import Registry


def of_person(environ: Mapping[str, str]) -> tuple[Registry, ...]:
    """Read the registries of a person's settings. Raises ManifestError, TrustError."""
    path = settings_file(environ)
    raw = own_settings(path)
    if raw is None:
        return ()

    from stead.formats import user_settings

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ManifestError(
            "these settings are not UTF-8 text", where=path, remedy="save the file as UTF-8"
        ) from exc
    return user_settings.read(path, text).registries
