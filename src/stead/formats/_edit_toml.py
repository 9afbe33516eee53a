"""Requests in ``stead.toml``, and in the lists and tables of ``pyproject.toml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import _specs, _toml_splice
from stead.formats.toml_lines import parse
from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Wish = str | Mapping[str, Any] | bool

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def adder(format_: str, ecosystem: str, name: str, value: Wish, layer: str) -> Callable[[str], str]:
    """Give the change that asks for a package."""

    def change(text: str) -> str:
        data, _ = parse(text, "")
        base = () if format_ == "stead.toml" else ("tool", "stead")
        table = _table(base, ecosystem, layer)
        held = _held(data, table, ecosystem, name)
        if format_ == "pyproject.toml" and held is None and ecosystem == "pypi":
            written = _pep508(name, value)
            place = _list_for(data, layer) if written else None
            if place and written:
                return _into_list(text, data, place, name, written)
        wish = value if isinstance(value, str | bool) else dict(value)
        return _toml_splice.put(text, table, held or name, wish)

    return change


def remover(file: str, format_: str, ecosystem: str, name: str, layer: str) -> Callable[[str], str]:
    """Give the change that asks for it no more."""

    def change(text: str) -> str:
        data, _ = parse(text, file)
        base = () if format_ == "stead.toml" else ("tool", "stead")
        table = _table(base, ecosystem, layer)
        found = False
        held = _held(data, table, ecosystem, name)
        if held is not None:
            text = _toml_splice.drop(text, table, held)
            found = True
        if format_ == "pyproject.toml" and ecosystem == "pypi":
            for place in _lists(data, layer):
                for index in reversed(_matches(data, place, name)):
                    text = _toml_splice.drop_element(text, place, index)
                    found = True
        if not found:
            where = f" in layer {layer}" if layer else ""
            raise ManifestError(
                f"{ecosystem} {name} is not asked for here{where}",
                where=Origin(file),
                remedy=f"`stead why {name}` says who asks for it",
            )
        return text

    return change


def _table(base: tuple[str, ...], ecosystem: str, layer: str) -> tuple[str, ...]:
    inside = ("layer", layer) if layer else ()
    kind = () if ecosystem == "python" else (ecosystem,)
    return (*base, *inside, "packages", *kind)


def _held(data: dict[str, Any], table: tuple[str, ...], ecosystem: str, name: str) -> str | None:
    """Give the spelling under which the table holds a package already."""
    at: Any = data
    for key in table:
        at = at.get(key) if isinstance(at, dict) else None
    if not isinstance(at, dict):
        return None
    normal = normalize_pypi if ecosystem == "pypi" else str.lower
    return next((k for k in at if normal(k) == normal(name)), None)


def _lists(data: dict[str, Any], layer: str) -> list[tuple[str, ...]]:
    """Give the lists of requirements that make a layer, those that are there."""
    project = data.get("project", {})
    if not layer:
        return [("project", "dependencies")] if "dependencies" in project else []
    found: list[tuple[str, ...]] = [
        ("project", "optional-dependencies", name)
        for name in project.get("optional-dependencies", {})
        if normalize_pypi(name) == normalize_pypi(layer)
    ]
    return found + [
        ("dependency-groups", name)
        for name in data.get("dependency-groups", {})
        if normalize_pypi(name) == normalize_pypi(layer)
    ]


def _list_for(data: dict[str, Any], layer: str) -> tuple[str, ...] | None:
    """Choose the list a new requirement goes to; None for Stead's own table."""
    project = data.get("project")
    if existing := _lists(data, layer):
        return existing[0]
    if not layer:
        if project is None or "dependencies" in project.get("dynamic", ()):
            return None
        return ("project", "dependencies")
    if project is None and "dependency-groups" not in data:
        return None
    return ("dependency-groups", layer)


def _matches(data: dict[str, Any], place: tuple[str, ...], name: str) -> list[int]:
    at: Any = data
    for key in place:
        at = at.get(key, {})
    found = []
    for index, item in enumerate(at or ()):
        head = _NAME.match(item) if isinstance(item, str) else None
        if head and normalize_pypi(head[1]) == normalize_pypi(name):
            found.append(index)
    return found


def _into_list(
    text: str, data: dict[str, Any], place: tuple[str, ...], name: str, written: str
) -> str:
    matches = _matches(data, place, name)
    if len(matches) > 1:
        raise ManifestError(
            f"{'.'.join(place)} asks for {name} {len(matches)} times",
            remedy="change the one you mean by hand",
        )
    if matches:
        return _toml_splice.replace_element(text, place, matches[0], written)
    return _toml_splice.append(text, place[:-1], place[-1], written)


def _pep508(name: str, value: Wish) -> str | None:
    """Write a requirement as PEP 508 has it; None for what it has no words for."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return f"{name}{_specs.pypi(value)}"
    return pep508(name, value)


def pep508(name: str, table: Mapping[str, Any]) -> str | None:
    """Write a table of ``[packages.pypi]`` as a requirement, None for a path or an index."""
    if table.get("path") or table.get("index"):
        return None
    extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
    marker = f"; {table['marker']}" if table.get("marker") else ""
    if table.get("git") or table.get("url"):
        address = str(table.get("url") or f"git+{table['git']}")
        revision = table.get("rev") or table.get("tag") or table.get("branch")
        address += f"@{revision}" if revision else ""
        address += f"#subdirectory={table['subdirectory']}" if table.get("subdirectory") else ""
        return f"{name}{extras} @ {address}{' ' + marker if marker else ''}"
    return f"{name}{extras}{_specs.pypi(str(table.get('version', '')))}{marker}"
