"""Changes single entries of a TOML text and leaves every other byte as it is.

Where a new entry goes follows from where its table's entries stand already: under
the table's header, beside its dotted keys, or inside its inline table. (tomlkit
was tried and moves comments: a key added to a table came to stand below the
comment of the next one.)
"""

from __future__ import annotations

import re
from typing import Any

from stead.formats import _toml_text
from stead.formats.toml_lines import Scan, Statement

Path = tuple["str | int", ...]


class MissingError(KeyError):
    """There is no such entry."""


def put(text: str, table: Path, key: str, value: Any) -> str:
    """Set an entry of a table: replace its value where it stands, else add it."""
    scan = Scan(text, layout=True)
    path = (*table, key)
    inline = _inline(scan, path)
    if inline is not None:
        return _put_inline(text, scan, inline.path, path, value)
    pair = next((s for s in scan.statements if s.path == path and not s.header), None)
    if pair is not None:
        start, end = scan.spans[path]
        return text[:start] + _toml_text.value(value) + text[end:]
    if any(s.path[: len(path)] == path for s in scan.statements):
        text = drop(text, table, key)
        scan = Scan(text, layout=True)
    return _insert(text, scan, table, key, value)


def drop(text: str, table: Path, key: str) -> str:
    """Take an entry away, with the lines it stands on. Raises :class:`MissingError`."""
    scan = Scan(text, layout=True)
    path = (*table, key)
    inline = _inline(scan, path)
    if inline is not None:
        return _drop_inline(text, scan, path)
    doomed = [s for s in scan.statements if s.path[: len(path)] == path]
    if not doomed:
        raise MissingError(key)
    for statement in reversed(doomed):
        text = text[: statement.start] + text[statement.end :]
    return text


def append(text: str, table: Path, key: str, item: Any) -> str:
    """Add an element to the end of a list; the list is made where it is missing."""
    scan = Scan(text, layout=True)
    path = (*table, key)
    if path not in scan.spans:
        return put(text, table, key, [item])
    start, end = scan.spans[path]
    elements = _elements(scan, path)
    written = _toml_text.value(item)
    if not elements:
        inside = text[start + 1 : end - 1]
        if "\n" not in inside:
            return f"{text[:start]}[{written}]{text[end:]}"
        line = text.rfind("\n", 0, end - 1) + 1
        indent = _indent(text, line) + "  "
        return f"{text[:line]}{indent}{written},\n{text[line:]}"
    last = elements[-1]
    comma = _comma(text, last[1], end)
    if "\n" not in text[start:end] or (
        len(elements) > 1 and text.count("\n", elements[-2][1], last[0]) == 0
    ):
        if comma is None:
            return f"{text[: last[1]]}, {written}{text[last[1] :]}"
        return f"{text[:comma]} {written},{text[comma:]}"
    if comma is None:
        text = f"{text[: last[1]]},{text[last[1] :]}"
        comma = last[1] + 1
    newline = text.find("\n", comma)
    indent = _indent(text, text.rfind("\n", 0, last[0]) + 1)
    if newline < 0 or text[comma:newline].strip().startswith("]"):
        return f"{text[:comma]}\n{indent}{written},{text[comma:]}"
    return f"{text[: newline + 1]}{indent}{written},\n{text[newline + 1 :]}"


def replace_element(text: str, path: Path, index: int, item: Any) -> str:
    """Put another value in place of a list's element."""
    start, end = Scan(text, layout=True).spans[(*path, index)]
    return text[:start] + _toml_text.value(item) + text[end:]


def drop_element(text: str, path: Path, index: int) -> str:
    """Take an element out of a list, with its line where it has one of its own."""
    scan = Scan(text, layout=True)
    elements = _elements(scan, path)
    start, end = elements[index]
    comma = _comma(text, end, scan.spans[path][1])
    line = text.rfind("\n", 0, start) + 1
    newline = text.find("\n", comma or end)
    rest = text[comma or end : newline].strip()
    if not text[line:start].strip() and (not rest or rest.startswith("#")):
        return text[:line] + text[newline + 1 :]
    if comma is not None:
        return text[:start] + text[comma:].lstrip(" ")
    if index:
        return text[: elements[index - 1][1]] + text[end:]
    return text[:start] + text[end:]


def _elements(scan: Scan, path: Path) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while (span := scan.spans.get((*path, len(found)))) is not None:
        found.append(span)
    return found


def _comma(text: str, after: int, end: int) -> int | None:
    """Give the offset behind the comma that follows an element, if one does."""
    found = re.compile(r"(?:[ \t\n]|#[^\n]*\n)*,").match(text, after, end)
    return found.end() if found else None


def _indent(text: str, line: int) -> str:
    found = re.compile(r"[ \t]*").match(text, line)
    return found[0] if found else ""


def _inline(scan: Scan, path: Path) -> Statement | None:
    """Find the pair whose inline table the path leads into."""
    for s in scan.statements:
        if not s.header and len(s.path) < len(path) and path[: len(s.path)] == s.path:
            return s
    return None


def _put_inline(text: str, scan: Scan, table: Path, path: Path, value: Any) -> str:
    """Set an entry in an inline table, whose value stands at ``table``."""
    if path in scan.spans:
        start, end = scan.spans[path]
        return text[:start] + _toml_text.value(value) + text[end:]
    while path[: len(table) + 1] in scan.spans and len(table) + 1 < len(path):
        table = path[: len(table) + 1]
    start, end = scan.spans[table]
    if text[start] != "{":
        raise MissingError(str(path[-1]))
    if any(s[: len(path)] == path for s in scan.starts):
        text = _drop_inline(text, scan, path)
        scan = Scan(text, layout=True)
        start, end = scan.spans[table]
    written = f"{_toml_text.dotted(path[len(table) :])} = {_toml_text.value(value)}"
    entries = _entries(scan, table)
    if not entries:
        return f"{text[:start]}{{ {written} }}{text[end:]}"
    last = scan.spans[entries[-1]][1]
    return f"{text[:last]}, {written}{text[last:]}"


def _drop_inline(text: str, scan: Scan, path: Path) -> str:
    doomed = [p for p in scan.starts if p[: len(path)] == path]
    # Entries below an entry of its own go with it.
    doomed = [p for p in doomed if not any(q != p and p[: len(q)] == q for q in doomed)]
    if not doomed:
        raise MissingError(str(path[-1]))
    for one in reversed(doomed):
        start, end = scan.starts[one], scan.spans[one][1]
        before = re.compile(r",[ \t]*\Z").search(text, 0, start)
        after = re.compile(r"[ \t]*,[ \t]*").match(text, end)
        if after:
            text = text[:start] + text[after.end() :]
        elif before:
            text = text[: before.start()] + text[end:]
        else:
            text = text[:start].rstrip(" \t") + text[end:].lstrip(" \t")
    return text


def _entries(scan: Scan, table: Path) -> list[Path]:
    """Give the keys of an inline table in order (dotted ones whole)."""
    inside = [p for p in scan.starts if len(p) > len(table) and p[: len(table)] == table]
    return [p for p in inside if not any(q != p and p[: len(q)] == q for q in inside)]


def _insert(text: str, scan: Scan, table: Path, key: str, value: Any) -> str:
    line = f"{_toml_text.key(key)} = {_toml_text.value(value)}\n"
    header = next((s for s in scan.statements if s.header and s.path == table), None)
    if header is not None or not table:
        pairs = [s for s in scan.statements if s.table == table and not s.header]
        if pairs:
            return _after(text, pairs[-1], _indent(text, pairs[-1].start) + line)
        if header is not None:
            return _after(text, header, line)
        return _at_top(text, line)
    for size in range(len(table), 0, -1):
        # Some of the table's entries are dotted keys: TOML then allows no header for it.
        beside = [
            s
            for s in scan.statements
            if not s.header and len(s.table) < size < len(s.path) and s.path[:size] == table[:size]
        ]
        if beside:
            last = beside[-1]
            full = _toml_text.dotted((*table, key)[len(last.table) :])
            return _after(
                text, last, f"{_indent(text, last.start)}{full} = {_toml_text.value(value)}\n"
            )
    return _new_table(text, scan, table, line)


def _at_top(text: str, line: str) -> str:
    """Put a top-level entry before the first header, below what the file opens with."""
    found = re.compile(r"(?:[ \t]*#[^\n]*\n)*(?:[ \t]*\n|\Z)").match(text)
    if found is None or not found[0].strip():
        return line + ("\n" if text.strip() else "") + text
    return (
        text[: found.end()]
        + line
        + ("\n" if text[found.end() :].strip() else "")
        + text[found.end() :]
    )


def _new_table(text: str, scan: Scan, table: Path, line: str) -> str:
    """Add a header and its first entry, behind the table most like it."""
    new = f"[{_toml_text.dotted(table)}]\n{line}"
    below = next((s for s in scan.statements if s.header and s.path[: len(table)] == table), None)
    if below is not None:
        start = _comment_above(text, below.start)
        return f"{text[:start]}{new}\n{text[start:]}"
    best, behind = 0, None
    for s in scan.statements:
        common = 0
        while common < min(len(table), len(s.table)) and s.table[common] == table[common]:
            common += 1
        if common and common >= best:
            best, behind = common, s
    if behind is None:
        text = text if not text or text.endswith("\n") else text + "\n"
        if not text.strip():
            return text + new
        return text + ("" if text.endswith("\n\n") else "\n") + new
    if not text[: behind.end].endswith("\n"):
        return f"{text}\n\n{new}"
    # What follows without a blank line belongs to the entry above it.
    end = behind.end
    while match := re.compile(r"[ \t]*#[^\n]*\n").match(text, end):
        end = match.end()
    rest = text[end:]
    if rest.lstrip(" \t").startswith("["):
        end, rest = behind.end, text[behind.end :]
    between = "" if not rest.strip() or rest.startswith("\n") else "\n"
    return f"{text[:end]}\n{new}{between}{rest}"


def _comment_above(text: str, start: int) -> int:
    """Give where the comment lines right above a line begin."""
    while start:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].lstrip(" \t").startswith("#"):
            break
        start = line
    return start


def _after(text: str, statement: Statement, line: str) -> str:
    head = text[: statement.end]
    if not head.endswith("\n"):
        return f"{head}\n{line.removesuffix(chr(10))}"
    return head + line + text[statement.end :]
