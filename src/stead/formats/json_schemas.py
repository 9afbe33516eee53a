"""The words that JSON Schemas of printed answers are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

DRAFT = "http://json-schema.org/draft-07/schema#"


def text(about: str, **more: Any) -> dict[str, Any]:
    """Describe a string; ``more`` are further keywords of the schema."""
    return {"type": "string", "description": about, **more}


def number(about: str) -> dict[str, Any]:
    return {"type": "number", "description": about}


def flag(about: str) -> dict[str, Any]:
    return {"type": "boolean", "description": about}


def texts(about: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": about}


def tables(about: str, always: Sequence[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    """Describe a list of :func:`table`."""
    return {"type": "array", "items": table("", always, **properties), "description": about}


def table(about: str, always: Sequence[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    """Describe a table that has ``always`` these properties, or all of them."""
    required = list(properties if always is None else always)
    made = {"type": "object", "properties": properties, "required": required}
    return {"description": about, **made} if about else made
