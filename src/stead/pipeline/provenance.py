"""What is to be said of the table: provenance of one entry, all of them, two compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.shells.state import undo
from stead.values.secret import SHOWN, scheme_of
from stead.values.table import RANKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.table import Definition, Entry, Finding, Table


def explained(entry: Entry, table: Table) -> dict[str, Any]:
    """Give all that is known of a variable, as plain values; secrets redacted."""
    declared = entry.declared
    return {
        "name": entry.name,
        "type": entry.type.name,
        "value": entry.value,
        "secret": entry.secret,
        "required": entry.required,
        "description": entry.description,
        "declared_by": entry.by,
        "declared_at": str(declared.origin) if declared and declared.origin.file else "",
        "definitions": [_definition(d, entry) for d in entry.definitions],
        "why": _why(entry.definitions),
        "refers": list(entry.refers),
        "reaches": [*entry.reaches, *_unreached(entry, table)],
    }


def shown(definition: Definition, entry: Entry) -> str:
    """Word a definition's value: references to secrets are shown, secrets are not."""
    value = definition.value
    if value is None:
        return "taken away"
    if isinstance(value, tuple):
        return "[" + ", ".join(value) + "]"
    literal = entry.secret and not entry.refers and scheme_of(value) is None
    hidden = literal and definition.rank in (".env", "--set", "adopted")
    return SHOWN if hidden or (literal and "{" not in value) else value


def shadowing(entry: Entry, caller: Mapping[str, str]) -> bool:
    """Say whether the calling shell sets a variable otherwise."""
    had = undo(caller).get(entry.name)
    return had is not None and entry.value is not None and had != entry.value


def listed(table: Table) -> list[dict[str, Any]]:
    """Give each variable with its value and where that was written."""
    return [
        {
            "name": e.name,
            "type": e.type.name,
            "value": SHOWN if e.secret else e.value,
            "secret": e.secret,
            "required": e.required,
            "rank": e.definitions[0].rank if e.definitions else "",
            "origin": str(e.definitions[0].origin) if e.definitions else "",
            "reaches": [*e.reaches, *_unreached(e, table)],
        }
        for e in table.entries
    ]


def compared(one: Table, other: Table) -> list[dict[str, Any]]:
    """List what differs between two tables; secrets by their references, never their values."""
    left = {e.name: e for e in one.entries}
    right = {e.name: e for e in other.entries}
    rows = []
    for name in sorted({*left, *right}):
        a, b = left.get(name), right.get(name)
        first, second = _side(a), _side(b)
        if first != second:
            rows.append({"name": name, "first": first, "second": second})
    return rows


def said(finding: Finding) -> dict[str, Any]:
    """Give a finding as plain values."""
    return {
        "kind": finding.kind,
        "message": finding.message,
        "where": str(finding.where) if finding.where.file else "",
        "details": list(finding.details),
        "remedy": finding.remedy,
    }


def _side(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None or not (entry.secret or entry.value is not None):
        return None
    first = entry.definitions[0] if entry.definitions else None
    if not entry.secret:
        value = entry.value
    else:
        value = shown(first, entry) if first else SHOWN
    return {
        "value": value,
        "origin": str(first.origin) if first and first.origin.file else "",
    }


def _definition(definition: Definition, entry: Entry) -> dict[str, Any]:
    return {
        "value": shown(definition, entry),
        "rank": definition.rank,
        "by": definition.by if definition.by != definition.rank else "",
        "origin": str(definition.origin) if definition.origin.file else "",
    }


def _why(definitions: tuple[Definition, ...]) -> str:
    if len(definitions) < 2:
        return ""
    first, second = definitions[:2]
    if first.rank != second.rank:
        higher = RANKS.index(first.rank) > RANKS.index(second.rank)
        return f"{first.rank} outranks {second.rank}" if higher else ""
    if first.depth != second.depth:
        return "the nearer directory outranks its parents"
    return "both say the same"


def _unreached(entry: Entry, table: Table) -> list[str]:
    """Say who gets a variable that nobody asked for by name: every process started here."""
    gets = entry.secret or entry.value is not None
    if entry.reaches or not gets:
        return []
    app = table.selection.app
    return [f"app {app}"] if app else ["every process started here"]
