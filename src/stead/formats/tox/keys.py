"""The names of tox's keys, by their preferred spelling, in tox's order."""

from __future__ import annotations

from stead.formats.tox import _keys

_PAIRS = ("dict", "labels", "set_env")


def _named(keys: tuple[_keys.Key, ...]) -> dict[str, bool]:
    return {key.name: key.kind in _PAIRS for key in keys}


CORE = _named(_keys.CORE)
RUN = _named(_keys.RUN)
PACKAGE = _named(_keys.PACKAGE)
"""Each with whether its value is made of names and values."""
