"""What a place needs from each person: required variables without a value, and its ``.env``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats import dotenv
from stead.pipeline import steps
from stead.values.errors import ConfigurationError, ManifestError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.kinds import Type
    from stead.values.platform import Platform
    from stead.values.table import Entry


def missing(composed: Composed, context: Context) -> tuple[Entry, ...]:
    """Give the required variables that nothing gives a value."""
    return tuple(e for e in _required(composed, context) if _empty(e))


def required(composed: Composed, context: Context) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Give the required variables: those that a ``.env`` must give, and the others.

    The one that may be there does not count.
    """
    request = composed.request
    wanted = replace(request, selection=replace(request.selection, deploy=True))
    mine = _required(replace(composed, request=wanted), context)
    return tuple(e for e in mine if _empty(e)), tuple(e for e in mine if not _empty(e))


def _required(composed: Composed, context: Context) -> list[Entry]:
    """Give the required variables of the chosen app; of all apps where none is chosen."""
    request = composed.request
    chosen = request.selection
    tables = [steps.configured(composed, context)]
    if tables[0].app is None and not (chosen.app or chosen.recipe):
        for app in composed.spec.configuration.kinds.apps:
            own = replace(request, selection=replace(chosen, app=app.name))
            tables.append(steps.configured(replace(composed, request=own), context))
    found: dict[str, Entry] = {}
    for table in tables:
        for entry in table.entries:
            held = found.get(entry.name)
            if entry.required and (held is None or _empty(entry)):
                found[entry.name] = entry
    return [found[name] for name in sorted(found)]


def _empty(entry: Entry) -> bool:
    return entry.value is None and not entry.parts and entry.fallback is None


def fault(entry: Entry, text: str, platform: Platform, place: str) -> str:
    """Say why a text cannot be a variable's value in a ``.env``; empty where it can.

    Nothing of the text is shown.
    """
    from stead.config.types import TypeFault, parse

    if not text:
        return "a value is required"
    if entry.type.name != "secret":
        try:
            parse(entry.type, text, platform, place)
        except TypeFault as found:
            return f"{found.message}{f' ({found.remedy})' if found.remedy else ''}"
    try:
        dotenv.line_for(entry.name, text)
    except ManifestError as exc:
        return exc.message
    return ""


def refusal(entries: Iterable[Entry]) -> ConfigurationError:
    """Make the error for values that nobody can be asked for."""
    lines = [f"{e.name}: {_words(e)}" for e in entries]
    return ConfigurationError(
        f"{len(lines)} required variable{' has' if len(lines) == 1 else 's have'} no value, "
        "and there is no terminal to ask for it",
        details=lines,
        remedy="run `stead env fill` on a terminal, or give each one with "
        "`stead set --private NAME=VALUE`",
    )


def example(needed: Iterable[Entry], given: Iterable[Entry]) -> str:
    """Write a ``.env`` with every required name, what it is for, and no value."""
    lines = [
        "# What this place needs of everyone. `stead env fill` asks for it and writes .env;",
        "# or copy this file to .env, put the values in, and keep it to yourself.",
    ]
    for entry in needed:
        lines += ["", f"# {_words(entry)}", f"{entry.name}="]
    for entry in given:
        first = next((d for d in entry.definitions if d.origin.file), None)
        by = f" by {first.by}" if first is not None and first.by else ""
        lines += ["", f"# {_words(entry)}", f"# {entry.name} is given{by}; a line here changes it"]
    return "\n".join(lines)


def _words(entry: Entry) -> str:
    """Describe a variable on one line."""
    said = described(entry.type) + (f": {entry.description}" if entry.description else "")
    said += f" ({entry.by})" if entry.by.strip("[]") != "vars" else ""
    return " ".join(said.split())


def described(kind: Type) -> str:
    """Name a type with its limits."""
    limits = []
    if kind.schemes:
        limits.append(" or ".join(f"{s}://" for s in kind.schemes))
    if kind.choices:
        limits.append("one of " + ", ".join(kind.choices))
    if kind.minimum and kind.maximum:
        limits.append(f"{kind.minimum} to {kind.maximum}")
    elif kind.minimum or kind.maximum:
        limits.append(f"at least {kind.minimum}" if kind.minimum else f"at most {kind.maximum}")
    if kind.pattern:
        limits.append(f"like {kind.pattern}")
    return f"{kind.name}, {', '.join(limits)}" if limits else kind.name
