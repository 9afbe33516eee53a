"""The words that JSON Schemas of printed answers are made of."""

from __future__ import annotations

from typing import Any

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


def tables(about: str, **properties: Any) -> dict[str, Any]:
    """Describe a list of tables that have all of these properties."""
    return {"type": "array", "items": table("", **properties), "description": about}


def table(about: str, **properties: Any) -> dict[str, Any]:
    """Describe a table that has all of these properties."""
    made = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": about, **made} if about else made
