"""What both readers of a lock make of values, so that they agree."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.lock import Pin

NULL = "$null"
"""TOML has no null: ``{ "$null" = true }`` stands for it inside ``extra``."""

BAD: Any = object()
"""Stands for a value that a lock does not hold: a date, or no finite number."""


def from_toml(value: Any) -> Any:
    """Give back the JSON value that was written, or :data:`BAD`."""
    if isinstance(value, dict):
        if value == {NULL: True}:
            return None
        made = {k: from_toml(v) for k, v in value.items()}
        return BAD if any(v is BAD for v in made.values()) else made
    if isinstance(value, list):
        items = [from_toml(v) for v in value]
        return BAD if any(v is BAD for v in items) else items
    if isinstance(value, date | time):
        return BAD
    if isinstance(value, float):
        return float(value) if value - value == 0 else BAD
    return value


def sorted_pins(pins: Iterable[Pin]) -> tuple[Pin, ...]:
    """Put pins in the order they are written in."""
    return tuple(
        sorted(
            pins,
            key=lambda p: (
                p.name,
                p.location,
                p.requested,
                p.subdirectory,
                p.commit,
                p.working,
                p.integrity,
            ),
        )
    )
