"""What an update changes outside a module's directory: entries that `stead module add` wrote.

They are the user's. An entry that still holds what was written is brought to what upstream's
version would write; one that was changed or taken out stays, and what would be there is told.
"""

from __future__ import annotations

import json
import os
import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice, _toml_text
from stead.formats.merging_values import NONE, same
from stead.modules.record import digest
from stead.values.frozen import dataclass
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from stead.modules.entries import Entries
    from stead.modules.root_files import Part

    Path = tuple[str, ...]
    Action = Literal["same", "replaced", "added", "kept", "deleted", "dropped"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a TOML file of the root, as a version of a module writes it."""

    file: str
    path: Path
    value: Any

    @property
    def key(self) -> str:
        """Name it in a record."""
        return f"{self.file}:{_toml_text.dotted(self.path)}"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an entry; ``lines`` are what upstream's version would write."""

    key: str
    action: Action
    lines: tuple[str, ...] = ()


def of_manifest(wanted: Entries) -> tuple[Entry, ...]:
    """Give a module's entries of ``stead.toml``: each port by itself, as people change these."""
    found = []
    for path, values in wanted.tables:
        for key, value in values.items():
            if key == "listen" and isinstance(value, dict):
                found += [Entry("stead.toml", (*path, key, n), v) for n, v in value.items()]
            else:
                found.append(Entry("stead.toml", (*path, key), value))
    return tuple(found)


def of_package(part: Part) -> tuple[Entry, ...]:
    """Give a module's entries of the root's ``pyproject.toml``, but for where its code lies."""
    project = ("project",)
    extra = (*project, "optional-dependencies", part.name)
    return (
        Entry("pyproject.toml", extra, list(part.requirements)),
        *(Entry("pyproject.toml", (*project, "scripts", n), to) for n, to in part.scripts),
    )


def recorded(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    """Give what a record keeps of entries: their names, and hashes of their values."""
    return tuple(sorted((entry.key, fingerprint(entry.value)) for entry in entries))


def fingerprint(value: Any) -> str:
    """Give the hash of a value, whatever its layout and the order of its keys."""
    return digest(json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr).encode())


def updated(
    file: str, text: str | None, was: Mapping[str, str], wanted: Iterable[Entry]
) -> tuple[str | None, tuple[Change, ...]]:
    """Bring a file's entries to what is wanted, where they hold what was written.

    ``was`` are the recorded hashes, of this and other files. Gives the text, every other byte as
    it is, and what became of each entry. A file that is not there, or is no TOML, stays so.
    """
    ours = {entry.key: entry for entry in wanted if entry.file == file}
    before = {key: value for key, value in was.items() if key.startswith(f"{file}:")}
    data = _read(text)
    if text is None or data is None:
        news = [e for k, e in ours.items() if before.get(k) != fingerprint(e.value)]
        return text, tuple(Change(e.key, "kept", _lines(e)) for e in news)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = changed = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = []
    for key, entry in ours.items():
        now, new = _at(data, entry.path), fingerprint(entry.value)
        if same(now, entry.value) or before.get(key) == new:
            action: Action = "same" if same(now, entry.value) else "kept"
        elif now is NONE:
            action = "deleted" if _was_deleted(data, entry, before) else "added"
        else:
            action = "replaced" if before.get(key) == fingerprint(now) else "kept"
        if action in ("replaced", "added"):
            written = _with(changed, entry)
            if written is None:
                action = "kept"  # it could not be written alone
            else:
                changed = written
        told = action in ("kept", "replaced", "added") and before.get(key) != new
        found.append(Change(key, action, _lines(entry) if told else ()))
    gone = (key for key in sorted(before.keys() - ours.keys()) if _at(data, _path(key)) is not NONE)
    found += (Change(key, "dropped") for key in gone)
    if changed == plain:
        return text, tuple(found)
    return mark + (changed.replace("\n", "\r\n") if "\r\n" in text else changed), tuple(found)


def without(
    file: str, text: str, was: Mapping[str, str], *, changed_too: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Take a module's entries out of a file, as far as they hold what was written.

    ``was`` are the recorded hashes, of this and other files. Gives the text, and the names of
    entries that the user changed: these stay, unless ``changed_too``.
    """
    data = _read(text)
    ours = {key: _path(key) for key in was if key.startswith(f"{file}:")}
    if data is None:
        return text, tuple(sorted(ours))
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    changed = text.removeprefix("\ufeff").replace("\r\n", "\n")
    kept = []
    for key, path in sorted(ours.items()):
        now = _at(data, path)
        if now is NONE:
            continue
        if fingerprint(now) != was[key] and not changed_too:
            kept.append(key)
            continue
        # A table that has nothing else goes with its last entry, header and all.
        while len(path) > 1 and _alone(_read(changed), path):
            path = path[:-1]  # noqa: PLW2901
        changed = _closed(changed, _toml_splice.drop(changed, path[:-1], path[-1]))
    return mark + (changed.replace("\n", "\r\n") if "\r\n" in text else changed), tuple(kept)


_HEADER = regex(r"(?m)^[ \t]*\[")
_OWN_TABLES = 2
"""Tables above this depth are shared: they stay, though empty."""


def _closed(before: str, after: str) -> str:
    """Take away the blank lines that stood before tables which are gone."""
    pairs = zip(before, after, strict=False)
    at = next((n for n, (one, other) in enumerate(pairs) if one != other), len(after))
    left, right = after[:at], after[at:]
    for _ in range(len(_HEADER.findall(before)) - len(_HEADER.findall(after))):
        if left.endswith("\n\n"):
            left, right = (left, right[1:]) if right.startswith("\n") else (left, right)
            left = left if right else left[:-1]
    return left + right


def _alone(data: Any, path: Path) -> bool:
    """Say whether an entry is all that the table around it has."""
    return len(path) > _OWN_TABLES and list(_at(data, path[:-1])) == [path[-1]]


def _was_deleted(data: Any, entry: Entry, before: Mapping[str, str]) -> bool:
    """Say whether an entry that is not there was there, or all of the table that it belongs to."""
    if entry.key in before:
        return True
    beside = [path for path in map(_path, before) if path[:2] == entry.path[:2]]
    return bool(beside) and all(_at(data, path) is NONE for path in beside)


def _with(text: str, entry: Entry) -> str | None:
    """Write an entry; None where that would change more than it."""
    before = _read(text)
    held = _at(before, entry.path)
    try:
        changed = _assigned(text, entry.path, held, entry.value)
    except (LookupError, TypeError, ValueError):
        return None
    return changed if same(_read(changed), _put(before, entry.path, entry.value)) else None


def _assigned(text: str, path: Path, held: Any, value: Any) -> str:
    """Change what differs below a path, key by key: comments of the others stay."""
    if not isinstance(value, dict) or not isinstance(held, dict) or not value:
        return _toml_splice.put(text, path[:-1], path[-1], value)
    for key in held:
        if key not in value:
            text = _toml_splice.drop(text, path, key)
    for key, one in value.items():
        was = held.get(key, NONE)
        if not same(was, one):
            text = _assigned(text, (*path, key), was, one)
    return text


def _read(text: str | None) -> dict[str, Any] | None:
    try:
        return None if text is None else tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _at(data: Any, path: Iterable[str]) -> Any:
    for key in path:
        data = data.get(key, NONE) if isinstance(data, dict) else NONE
    return data


def _put(data: Any, path: Path, value: Any) -> dict[str, Any]:
    key, *rest = path
    held = data if isinstance(data, dict) else {}
    return {**held, key: _put(held.get(key), tuple(rest), value) if rest else value}


def _path(key: str) -> Path:
    """Give the path that a recorded name stands for; empty where it makes no sense."""
    found: list[str] = []
    held = _read(f"{key.partition(':')[2]} = 0")
    while isinstance(held, dict) and held:
        name, held = next(iter(held.items()))
        found.append(name)
    return tuple(found)


def _lines(entry: Entry) -> tuple[str, ...]:
    value = entry.value
    if not isinstance(value, dict):
        head, key = entry.path[:-1], entry.path[-1]
        return (
            f"[{_toml_text.dotted(head)}]",
            f"{_toml_text.key(key)} = {_toml_text.value(value)}",
        )
    pairs = (f"{_toml_text.key(k)} = {_toml_text.value(v)}" for k, v in value.items())
    return (f"[{_toml_text.dotted(entry.path)}]", *pairs)


def content(root: str, file: str) -> str | None:
    """Read a file of the root; None where there is none, or it is no text."""
    try:
        with open(os.path.join(root, file), encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return None
