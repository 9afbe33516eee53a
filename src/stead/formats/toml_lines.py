"""Where each entry of a TOML text stands; :mod:`tomllib` keeps no positions.

The scanner trusts that the text is TOML (a parser has read it before) and only
looks for keys. What it does not understand it passes over, so that it never
fails: a position is a help for people, not a fact to decide on.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Self

from stead.values.errors import ManifestError
from stead.values.origin import Origin
from stead.values.patterns import regex

Path = tuple["str | int", ...]

_BLANK = regex(r"[ \t]*(?:#[^\n]*)?\n")
# The commonest line in one step: a bare key and a value that ends on its line.
_SIMPLE = regex(
    r"""[ \t]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*
        ("[^"\\\n]*"(?!")|'[^'\n]*'(?!')|[A-Za-z0-9+-][^\n#"'\[\]{} \t]*)
        [ \t]*(?:\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE,
)
_KEY = regex(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*""", re.VERBOSE)
_STRING = regex(
    r'''"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}
      | \'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}
      | "(?:[^"\\\n]|\\.)*"
      | '[^'\n]*' ''',
    re.VERBOSE,
)
_SCALAR = regex(r"[^,\]}#\n]*")
_SPACE = regex(r"(?:[ \t\n]|#[^\n]*)*")
_AT = regex(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


class _LostError(Exception):
    """The text is not what a key scanner can follow."""


class FloatText(float):
    """A number that remembers how it was written (``3.10`` is not ``3.1``)."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


class Lines:
    """Line numbers of the key paths of a TOML text.

    A path is the keys from the top, with the index of an element where there is
    an array: ``at("tool", "stead", "vars", "A")``, ``at("index", 1, "url")``.
    """

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._lines: dict[Path, int] | None = None

    def at(self, *path: str | int) -> int:
        """Give the line a path is written on, counted from 1.

        A path that is not there has the line of its nearest parent that is; 0
        (the file as a whole) when there is none.
        """
        lines = self._lines
        if lines is None:
            lines = self._lines = Scan(self._text).lines
        key: Path = path
        while key:
            line = lines.get(key)
            if line is not None:
                return line
            key = key[:-1]
        return 0


def parse(text: str, file: str) -> tuple[dict[str, Any], Lines]:
    """Read a TOML text into plain values and the lines they stand on.

    Numbers with a fraction come as :class:`FloatText`. A syntax error becomes a
    :class:`ManifestError` with file and line. A byte order mark is passed over.
    """
    import tomllib

    text = text.removeprefix("\ufeff")
    try:
        return tomllib.loads(text, parse_float=FloatText), Lines(text)
    except tomllib.TOMLDecodeError as exc:
        raise _syntax_error(text, file, str(exc)) from exc
    except RecursionError as exc:
        raise ManifestError(
            "values are nested too deeply", where=Origin(file), remedy="nest fewer lists and tables"
        ) from exc


def _syntax_error(text: str, file: str, message: str) -> ManifestError:
    rows = text.split("\n")
    found = _AT.match(message)
    what = found["what"] if found else message
    last = max((i for i, row in enumerate(rows, 1) if row.strip()), default=1)
    number = int(found["line"]) if found and found["line"] else last
    row = rows[number - 1].strip() if number <= len(rows) else ""
    if row.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
        hint = "settle the merge conflict that git left here"
    elif "Invalid value" in what:
        hint = 'text stands in quotes: key = "text"; lists in brackets: key = ["a", "b"]'
    elif "overwrite" in what.lower() or "twice" in what or "mutate" in what.lower():
        hint = "a key or table stands once; put what belongs together in one place"
    elif "Expected '='" in what or "key/value" in what:
        hint = "each line is key = value, a [table] header, or a # comment; keys with other characters than A-Z a-z 0-9 _ - stand in quotes"
    elif "\\x" in what or "\\u" in what:
        hint = "take the character out, or write it as an escape such as \\t"
    elif "Unterminated string" in what or "Illegal character" in what:
        hint = "close the quote on the same line, or use three quotes for a text of several lines"
    elif "newline" in what and "after a statement" in what:
        hint = "one statement per line: nothing but a # comment may follow a value"
    else:
        hint = "see toml.io for the syntax"
    return ManifestError(
        f"this is not valid TOML: {what[:1].lower()}{what[1:]}",
        where=Origin(file, number),
        details=(row,) if row else (),
        remedy=hint,
    )


class Statement(NamedTuple):
    """A header or a pair of a text: offsets of its lines, and of the value in them.

    ``path`` is what it defines, ``table`` the path of the header it stands under.
    """

    header: bool
    start: int
    end: int
    path: Path
    table: Path


class Scan:
    """One pass over a text whose lines end in line feeds alone.

    With ``layout`` it also keeps the statements in order, and the offsets of every
    value and element (``spans``) and of the keys of inline tables (``starts``): what
    an editor needs.
    """

    def __init__(self, text: str, *, layout: bool = False) -> None:
        self.text = text
        self.lines: dict[Path, int] = {}
        self.statements: list[Statement] = []
        self.spans: dict[Path, tuple[int, int]] = {}
        self.starts: dict[Path, int] = {}
        self._layout = layout
        self._arrays: dict[Path, int] = {}
        self._line = 1
        try:
            self._document()
        except RecursionError:
            pass

    def _document(self) -> None:
        text, pos, end = self.text, 0, len(self.text)
        table: Path = ()
        lines = self.lines
        while pos < end:
            start = pos
            if found := _SIMPLE.match(text, pos):
                path = (*table, found[1])
                lines[path] = self._line
                if self._layout:
                    self.spans[path] = found.span(2)
                    self.statements.append(Statement(False, pos, found.end(), path, table))
                self._line += 1
                pos = found.end()
                continue
            if found := _BLANK.match(text, pos):
                self._line += 1
                pos = found.end()
                continue
            header, path = False, ()
            try:
                pos = _skip(text, pos)
                header = text.startswith("[", pos)
                if header:
                    path, pos = self._header(pos)
                    table = path
                else:
                    path, pos = self._pair(table, pos)
            except _LostError:
                pass
            newline = text.find("\n", pos)
            pos = end if newline < 0 else newline + 1
            self._line += 1
            if self._layout and path:
                self.statements.append(Statement(header, start, pos, path, table))

    def _header(self, pos: int) -> tuple[Path, int]:
        several = self.text.startswith("[[", pos)
        keys, pos = self._keys(pos + (2 if several else 1))
        path: Path = ()
        for key in keys[:-1]:
            path = self._inside((*path, key))
        path = (*path, keys[-1])
        if several:
            index = self._arrays.get(path, 0)
            self._arrays[path] = index + 1
            self.lines.setdefault(path, self._line)
            path = (*path, index)
        self.lines[path] = self._line
        return path, pos

    def _inside(self, path: Path) -> Path:
        """Give the table that a key of a header leads to: an array's last element."""
        self.lines.setdefault(path, self._line)
        count = self._arrays.get(path)
        return path if count is None else (*path, count - 1)

    def _keys(self, pos: int) -> tuple[list[str], int]:
        keys: list[str] = []
        while True:
            found = _KEY.match(self.text, pos)
            if not found:
                raise _LostError
            bare, basic, literal = found.groups()
            if basic is not None:
                bare = _unescape(basic)
            keys.append(bare if bare is not None else literal)
            pos = found.end()
            if not self.text.startswith(".", pos):
                return keys, pos
            pos += 1

    def _pair(self, table: Path, pos: int) -> tuple[Path, int]:
        start = pos
        keys, pos = self._keys(pos)
        if not self.text.startswith("=", pos):
            raise _LostError
        path = table
        for key in keys[:-1]:
            path = (*path, key)
            self.lines.setdefault(path, self._line)
        path = (*path, keys[-1])
        self.lines[path] = self._line
        self.starts[path] = start
        return path, self._value(path, _skip(self.text, pos + 1))

    def _value(self, path: Path, pos: int) -> int:
        end = self._value_end(path, pos)
        if self._layout:
            self.spans[path] = (pos, pos + len(self.text[pos:end].rstrip(" \t")))
        return end

    def _value_end(self, path: Path, pos: int) -> int:
        text = self.text
        first = text[pos : pos + 1]
        if first in ('"', "'"):
            found = _STRING.match(text, pos)
            if not found:
                raise _LostError
            self._line += text.count("\n", pos, found.end())
            return found.end()
        if first not in ("[", "{"):
            found = _SCALAR.match(text, pos)
            return found.end() if found else pos
        close = "]" if first == "[" else "}"
        pos, index = self._space(pos + 1), 0
        while not text.startswith(close, pos):
            if pos >= len(text):
                raise _LostError
            if first == "[":
                self.lines[(*path, index)] = self._line
                pos = self._value((*path, index), pos)
                index += 1
            else:
                pos = self._pair(path, pos)[1]
            pos = self._space(pos)
            if text.startswith(",", pos):
                pos = self._space(pos + 1)
            elif not text.startswith(close, pos):
                raise _LostError
        return pos + 1

    def _space(self, pos: int) -> int:
        found = _SPACE.match(self.text, pos)
        end = found.end() if found else pos
        self._line += self.text.count("\n", pos, end)
        return end


def _skip(text: str, pos: int) -> int:
    while text[pos : pos + 1] in (" ", "\t"):
        pos += 1
    return pos


def _unescape(basic: str) -> str:
    if "\\" not in basic:
        return basic
    import tomllib

    try:
        value: str = tomllib.loads(f'k = "{basic}"')["k"]
    except tomllib.TOMLDecodeError:
        return basic
    return value
