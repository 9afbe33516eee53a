"""What a text of the command line becomes in TOML."""

from __future__ import annotations


def like(value: str, held: object) -> str | int | float | bool:
    """Write a value as a number or truth value where one stood, else as text."""
    try:
        if isinstance(held, bool):
            return {"true": True, "false": False}.get(value.lower(), value)
        if isinstance(held, int) and str(int(value)) == value:
            return int(value)
        if isinstance(held, float) and repr(float(value)) == value:
            return float(value)
    except ValueError:
        return value
    return value
