"""What a table comes to: an activation's changes, secrets put in, drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.faults import TypeFault
from stead.config.nodes import rewritten
from stead.config.types import parse
from stead.values.activation import Change
from stead.values.errors import SecretError
from stead.values.origin import NOWHERE
from stead.values.patterns import regex
from stead.values.secret import SHOWN
from stead.values.table import Finding, LiteralSecret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.values.platform import Platform
    from stead.values.secret import Secret, SecretReference
    from stead.values.table import Entry, Table


_USER = regex(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*")
"""An address, up to somewhere before its host."""
_AUTHORITY_END = regex(r"[/?#]")
_BREAKING = regex(r"[/?#@\[\]\s]|%(?![0-9A-Fa-f]{2})")


def to_changes(table: Table, separator: str = ":") -> tuple[Change, ...]:
    """Give the changes that the entries mean, but for those that hold a secret.

    An adopted name is set only where the caller has none; then it gets what the
    files say, and nothing if they say nothing.
    """
    result: list[Change] = []
    for entry in table.entries:
        if entry.secret:
            continue
        if entry.where == "default":
            if entry.fallback is not None:
                result.append(Change("default", entry.name, entry.fallback))
        elif entry.value is None:
            continue
        elif entry.where == "set":
            result.append(Change("set", entry.name, entry.value))
        else:
            result += list_changes(entry, entry.value, separator)
    return tuple(result)


def list_changes(entry: Entry, text: str, separator: str) -> list[Change]:
    """Give the changes by which an entry adds ``text`` to the list that is there."""
    entries = [e for e in text.split(separator) if e]
    if entry.where == "append":
        return [Change("append", entry.name, e, separator) for e in entries]
    # The last to be put before the rest stands first.
    return [Change("prepend", entry.name, e, separator) for e in reversed(entries)]


def secret_entries(table: Table) -> tuple[Entry, ...]:
    """Give the entries whose values are known only at run."""
    return tuple(entry for entry in table.entries if entry.secret)


def references(entry: Entry) -> tuple[SecretReference | LiteralSecret, ...]:
    """Give the secrets that an entry is made of, each once."""
    return tuple(dict.fromkeys(p for p in entry.parts if not isinstance(p, str)))


def render(
    entry: Entry,
    resolved: Mapping[SecretReference | LiteralSecret, Secret],
    *,
    platform: Platform,
) -> str:
    """Make the text that a process gets of an entry that holds secrets.

    ``resolved`` gives the value of each of its :func:`references`; those that
    were given as they are need not be in it while they are held in memory.
    Raises SecretError, which never shows a value, for a secret that is missing
    and for a text that is not what the variable's type asks for.
    """
    pieces = []
    for number, part in enumerate(entry.parts):
        if isinstance(part, str):
            pieces.append(part)
            continue
        secret = resolved.get(part)
        if secret is None and isinstance(part, LiteralSecret):
            secret = part.secret
        if secret is None:
            raise SecretError(
                f"{entry.name} needs {part}, which was not resolved",
                where=part.origin if part.origin.file else None,
                remedy="see `stead check` for why",
            )
        pieces.append(rewritten(secret.reveal(), entry.encodings[number]))
    text = "".join(pieces)
    definition = entry.definitions[0] if entry.definitions else None
    if entry.type.name == "str" and _breaks_address(entry, pieces):
        del text, pieces, secret
        raise SecretError(
            f"{entry.name} is an address that a secret in it would break: it has a character there "
            "that ends what stands before the host",
            where=definition.origin if definition and definition.origin.file else None,
            remedy=f'declare {entry.name} with type = "url": what is put into it is encoded then',
        )
    try:
        return parse(entry.type, text, platform, definition.base if definition else "/")
    except TypeFault as fault:
        error = SecretError(
            f"{entry.name}, put together with its secrets, is not what its type asks for: "
            f"{fault.message}",
            where=definition.origin if definition and definition.origin.file else None,
            remedy=fault.remedy or "see what the secret holds",
        )
    # Raised out here, so that no traceback leads to a frame's text by way of the cause.
    del text, pieces
    raise error


def _breaks_address(entry: Entry, pieces: Sequence[str]) -> bool:
    """Say whether a secret that stands before the host of an address ends that part too early."""
    before = ""
    for number, piece in enumerate(pieces):
        if not isinstance(entry.parts[number], str):
            rest = "".join(p if isinstance(p, str) else "" for p in entry.parts[number + 1 :])
            if _USER.fullmatch(before) and "@" in _AUTHORITY_END.split(rest, 1)[0]:
                if _BREAKING.search(piece):
                    return True
                continue
        before += piece
    return False


def undeclared(table: Table) -> tuple[Entry, ...]:
    """Give the entries that the place's ``.env`` sets and nobody declares."""
    return tuple(
        e
        for e in table.entries
        if e.declared is None and e.definitions and e.definitions[0].rank == ".env"
    )


def drift_findings(table: Table, ambient: Mapping[str, str]) -> tuple[Finding, ...]:
    """Say of each name of the table's drift what the caller's shell has in its place."""
    found = []
    by_name = {entry.name: entry for entry in table.entries} if table.drift else {}
    for name in table.drift:
        entry = by_name[name]
        if name in ambient:
            shown = (SHOWN, SHOWN) if entry.secret else (repr(ambient[name]), repr(entry.value))
            found.append(
                Finding(
                    f"the calling shell sets {name} otherwise",
                    entry.definitions[0].origin if entry.definitions else NOWHERE,
                    (f"{shown[0]} in the calling shell", f"{shown[1]} here"),
                    f'unset it there, or take it over with adopt = ["{name}"]',
                    "drift",
                    name,
                )
            )
    return tuple(found)
