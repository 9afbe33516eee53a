"""Prints, as JSON, which variables a settings class of pydantic's reads.

Runs in the environment of the project, whose Python may be older than Stead's: it imports
nothing of Stead, and is handed over as text.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import importlib
import json
import os
import pathlib
import sys
import typing
from typing import Any


def _fields(cls: Any, prefix: str, seen: set[Any]) -> list[dict[str, Any]]:
    config = getattr(cls, "model_config", {})
    upper = not config.get("case_sensitive", False)
    nested = config.get("env_nested_delimiter") or ""
    found = []
    for field, info in cls.model_fields.items():
        names = _names(field, info, prefix)
        if upper:
            names = [name.upper() for name in names]
        described = _described(info)
        described["name"] = names[0]
        described["others"] = names[1:]
        model = described.pop("model", None)
        if model is not None and nested and model not in seen:
            for inner in _fields(model, names[0] + nested, {*seen, model}):
                inner["required"] = inner["required"] and described["required"]
                if upper:
                    inner["name"] = inner["name"].upper()
                found.append(inner)
            continue
        found.append(described)
    return found


def _names(field: str, info: Any, prefix: str) -> list[str]:
    alias = info.validation_alias
    if alias is None:
        return [prefix + field]
    choices = getattr(alias, "choices", None) or [alias]
    return [str(c) if isinstance(c, str) else str(c.path[0]) for c in choices]


def _described(info: Any) -> dict[str, Any]:
    kind, limits = _type(info.annotation)
    for item in info.metadata:
        limits.update(_limits(item, kind))
    secret = limits.pop("secret", False)
    described = {"type": kind, "required": info.is_required(), "secret": secret, **limits}
    described["description"] = info.description or ""
    if info.default_factory is not None:
        described["note"] = "its default is computed by the class"
    elif not info.is_required() and info.default is not None:
        if secret:
            described["note"] = "its default is not taken, for it is a secret"
        else:
            described["default"] = _plain(info.default, kind)
    return described


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool) or (kind == "json" and not isinstance(value, str)):
        try:
            text = json.dumps(value, default=_jsonable)
        except TypeError:
            return None
        return value if isinstance(value, bool) else text
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, dt.timedelta):
        import pydantic

        return pydantic.TypeAdapter(dt.timedelta).dump_python(value, mode="json")
    return str(value)


def _jsonable(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    return str(value)


def _type(annotation: Any) -> tuple[str, dict[str, Any]]:
    import pydantic

    limits: dict[str, Any] = {}
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        base, *more = typing.get_args(annotation)
        kind, limits = _type(base)
        for item in more:
            limits.update(_limits(item, kind))
        return kind, limits
    if origin is typing.Literal:
        return "enum", {"choices": [str(a) for a in typing.get_args(annotation)]}
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        kinds = [_type(a) for a in inner]
        if len(kinds) == 1:
            return kinds[0]
        return ("json" if any(k == "json" for k, _ in kinds) else "str"), limits
    if not isinstance(annotation, type):
        return ("json" if origin in (list, dict, set, tuple, frozenset) else "str"), limits
    if issubclass(annotation, (pydantic.SecretStr, pydantic.SecretBytes)):
        return "secret", {"secret": True}
    if issubclass(annotation, enum.Enum):
        return "enum", {"choices": [str(m.value) for m in annotation]}
    if issubclass(annotation, pydantic.BaseModel):
        return "json", {"model": annotation}
    constraints = getattr(annotation, "_constraints", None)
    if constraints is not None:
        return "url", _limits(constraints, "url")
    known: tuple[tuple[Any, str], ...] = (
        (pydantic.ByteSize, "bytes"),
        (bool, "bool"),
        (int, "int"),
        ((float, decimal.Decimal), "float"),
        (pathlib.PurePath, "path"),
        (dt.timedelta, "str"),  # pydantic reads ISO 8601 alone, which is no duration of Stead's
        ((list, dict, set, tuple, frozenset), "json"),
    )
    for base_class, name in known:
        if issubclass(annotation, base_class):
            return name, limits
    if annotation.__name__.endswith("Url") or annotation.__name__.endswith("Dsn"):
        return "url", limits
    if annotation.__name__ in ("IPv4Address", "IPv6Address"):
        return "host", limits
    return "str", limits


def _limits(item: Any, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, key, step in (
        ("ge", "min", 0),
        ("gt", "min", 1),
        ("le", "max", 0),
        ("lt", "max", -1),
    ):
        value = getattr(item, name, None)
        if isinstance(value, (int, float)) and kind in ("int", "float"):
            found[key] = value + step if kind == "int" else value
            if step and kind == "float":
                found["note"] = "its limit itself is not allowed, which Stead cannot say"
    pattern = getattr(item, "pattern", None)
    if isinstance(pattern, str) and kind == "str":
        found["pattern"] = pattern
    schemes = getattr(item, "allowed_schemes", None)
    if schemes:
        found["scheme"] = list(schemes)
    return found


def _main(spec: str) -> dict[str, Any]:
    sys.path.insert(0, os.getcwd())
    module, _, path = spec.partition(":")
    cls: Any = importlib.import_module(module)
    for part in path.split("."):
        cls = getattr(cls, part)
    import pydantic

    if not (isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)):
        raise TypeError(f"{spec} is not a settings class of pydantic's, version 2")
    config: Any = cls.model_config
    return {
        "fields": _fields(cls, config.get("env_prefix") or "", {cls}),
        "reads": [str(f) for f in _listed(config.get("env_file"))],
    }


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []


if __name__ == "__main__":
    answer = _main(sys.argv[1])
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
