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


def described(schema: dict[str, Any], path: str = "") -> list[str]:
    """Write what a schema says as tables of Markdown, those of inner tables below."""
    rows, below = ["| field | type | meaning |", "|---|---|---|"], []
    for name, one in schema["properties"].items():
        rows.append(f"| `{name}` | {_type(one)} | {one['description']} |")
        inner = one.get("items", {})
        if "properties" in inner:
            below += [f"### An entry of `{path}{name}`", *described(inner, f"{path}{name}.")]
    return ["\n".join(rows), *below]


def _type(one: dict[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(f"`{word}`" for word in one["enum"] if word)
    kind: str = one.get("type", "any")
    if kind == "array":
        return "list of tables" if "properties" in one["items"] else "list of texts"
    names = {"string": "text", "boolean": "true or false", "object": "table"}
    return names.get(kind, kind)
