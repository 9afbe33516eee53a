"""JSON Schemas and references of ``stead.toml`` and ``stead-item.toml``, from their grammars.

``python -m stead.formats.schema`` prints the schema, with ``--markdown`` the
reference; ``--item`` those of ``stead-item.toml``. All are kept beside the code; a test says
when they are not current.
"""

from __future__ import annotations

import json
import os.path
import sys
import types
import typing
from datetime import date
from typing import Any, Literal

from stead.formats._grammar import Root
from stead.formats._grammar_item import ItemRoot
from stead.formats.models import Entry, Field, Model, shape_of, table_of

FILES = {
    name: os.path.join(os.path.dirname(__file__), name.replace(".toml", ".schema.json"))
    for name in ("stead.toml", "stead-item.toml")
}
"""Where the generated schemas lie in the installed package."""

_ROOTS: dict[str, type[Model]] = {"stead.toml": Root, "stead-item.toml": ItemRoot}

# Draft 7 is the newest that TOML editors understand.
DRAFT = "http://json-schema.org/draft-07/schema#"


def text(of: str = "stead.toml") -> str:
    """Give the schema of a file as it is shipped."""
    with open(FILES[of], encoding="utf-8") as file:
        return file.read()


def generate(of: str = "stead.toml") -> str:
    """Make a schema's text from the grammar."""
    definitions: dict[str, Any] = {}
    root = _object(_ROOTS[of], definitions)
    schema = {
        "$schema": DRAFT,
        "title": of,
        **root,
        "definitions": dict(sorted(definitions.items())),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _object(model: type[Model], definitions: dict[str, Any]) -> dict[str, Any]:
    table = table_of(model)
    made: dict[str, Any] = {
        "description": _plain(model.__doc__ or ""),
        "type": "object",
        "properties": {f.key: _property(f, definitions) for f in table.fields.values()},
        "additionalProperties": False,
    }
    required = [f.key for f in table.fields.values() if f.required]
    if required:
        made["required"] = required
    if table.rest and not table.rest.entry.closed:
        (_, value) = typing.get_args(table.rest.hint)
        rest = _type(value, table.rest.entry, definitions)
        made["additionalProperties"] = rest
        made["propertyNames"] = {"pattern": _anchored(table.rest.entry.keys)}
        for key, known in made["properties"].items():
            # A package may bear the name of a list: it is written as a table then.
            tables = [m for m in rest.get("anyOf", ()) if "$ref" in m]
            also = {k: known.pop(k) for k in ("description", "examples") if k in known}
            made["properties"][key] = {"anyOf": [known, *tables], **also}
    return made


def _property(field: Field, definitions: dict[str, Any]) -> dict[str, Any]:
    made = _type(field.hint, field.entry, definitions)
    if "$ref" in made:  # draft 7 reads nothing beside a reference
        made = {"allOf": [made]}
    made["description"] = _plain(field.entry.doc)
    pairs = [_parsed(example) for example in field.entry.examples]
    if pairs:
        named = typing.get_origin(field.hint) is dict
        made["examples"] = [
            {key: value} if named and key != field.key else value for key, value in pairs
        ]
    return made


def _type(hint: Any, entry: Entry, definitions: dict[str, Any]) -> dict[str, Any]:
    simple = {int: "integer", float: "number", bool: "boolean"}
    if hint is Any:
        return {}
    if hint in simple:
        return {"type": simple[hint]}
    if hint in (str, date):
        pattern = {"pattern": _anchored(entry.pattern)} if entry.pattern else {}
        return {"type": "string", **pattern}
    if isinstance(hint, type) and issubclass(hint, Model):
        name = hint.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(hint, definitions)
        return {"$ref": f"#/definitions/{name}"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (tuple, list):
        return {"type": "array", "items": _type(arguments[0], entry, definitions)}
    if origin is dict:
        inner = _type(arguments[1], entry, definitions)
        if not entry.keys:
            return {"type": "object", "additionalProperties": inner}
        return {
            "type": "object",
            "patternProperties": {_anchored(entry.keys): inner},
            "additionalProperties": False,
        }
    assert origin in (typing.Union, types.UnionType), hint
    members = [_type(a, entry, definitions) for a in arguments if a is not type(None)]
    unique = [m for i, m in enumerate(members) if m not in members[:i]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _anchored(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _plain(doc: str) -> str:
    return " ".join(doc.split())


def _parsed(example: str) -> tuple[str, Any]:
    import tomllib

    ((key, value),) = tomllib.loads(example).items()
    return key, value


# -- the reference

_INTRODUCTION = """\
# `stead.toml`

<!-- Generated from the grammar: python -m stead.formats.schema --markdown -->

A manifest says what a directory needs: packages, variables, named paths, tasks. It is TOML 1.0,
in UTF-8. Manifests of parent directories, up to the workspace's root, apply as well; the order of
tables and keys means nothing. `[tool.stead]` in `pyproject.toml` is the same thing.

`stead schema` prints a JSON Schema for editors. An unknown key is an error, which names the
nearest known one.
"""


_OF_ITEMS = """\
# `stead-item.toml`

<!-- Generated from the grammar: python -m stead.formats.schema --item --markdown -->

It describes an item of a registry. It stands in a directory of the item's name, and the item's files
below `files/` beside it, as they land in a project. It is TOML 1.0, in UTF-8; an unknown key is an
error. `stead schema stead-item.toml` prints a JSON Schema for editors.
"""


def markdown(of: str = "stead.toml") -> str:
    """Make a reference page."""
    page = _Page()
    page.section(_ROOTS[of], (), "Top level")
    return "\n".join([_INTRODUCTION if of == "stead.toml" else _OF_ITEMS, *page.parts])


class _Page:
    """Sections, one per table; what a table inherits from another is not said again."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._said: set[int] = set()

    def section(self, model: type[Model], path: tuple[str, ...], title: str) -> None:
        table = table_of(model)
        level = "#" * min(1 + max(1, len(path)), 4)
        self.parts.append(f"{level} {title}\n\n{_plain(model.__doc__ or '')}\n")
        below: list[tuple[type[Model], tuple[str, ...], str]] = []
        for field in [*table.fields.values(), *([table.rest] if table.rest else [])]:
            if field.entry.closed or id(field.entry) in self._said:
                continue
            self._said.add(id(field.entry))
            here = (*path, "NAME") if field is table.rest else (*path, field.key)
            if _is_table(field.hint):
                below.append((_models(field.hint)[0], here, f"`[{'.'.join(here)}]`"))
                continue
            self.parts.append(_entry(field, here))
            named = typing.get_origin(field.hint) is dict and field is not table.rest
            place = (*here, "NAME") if named else here
            name = ".".join(place)
            heading = f"`[{name}]`" if _only_tables(field.hint) else f"`{name} = {{ … }}`"
            below += [(one, place, heading) for one in _models(field.hint)]
        for one, place, heading in below:
            self.section(one, place, heading)


def _entry(field: Field, here: tuple[str, ...]) -> str:
    named = typing.get_origin(field.hint) is dict
    key = here[-1]
    shown = f"[{'.'.join(here)}]" if named and key != "NAME" else key
    need = ", required" if field.required else ""
    lines = [f"**`{shown}`** ({_words(field)}{need}): {_plain(field.entry.doc)}\n"]
    if field.entry.examples:
        lines += ["```toml", *field.entry.examples, "```", ""]
    return "\n".join(lines)


def _words(field: Field) -> str:
    if typing.get_origin(field.hint) is dict:
        value = typing.get_args(field.hint)[1]
        return f"each {shape_of(value, field.entry).expected}"
    return field.shape.expected


def _models(hint: Any) -> list[type[Model]]:
    if isinstance(hint, type) and issubclass(hint, Model):
        return [hint]
    return [m for a in typing.get_args(hint) for m in _models(a)]


def _is_table(hint: Any) -> bool:
    members = [a for a in typing.get_args(hint) if a is not type(None)] or [hint]
    return all(isinstance(m, type) and issubclass(m, Model) for m in members)


def _only_tables(hint: Any) -> bool:
    return typing.get_origin(hint) is dict and _is_table(typing.get_args(hint)[1])


if __name__ == "__main__":
    wanted = "stead-item.toml" if "--item" in sys.argv[1:] else "stead.toml"
    sys.stdout.write(markdown(wanted) if "--markdown" in sys.argv[1:] else generate(wanted))
