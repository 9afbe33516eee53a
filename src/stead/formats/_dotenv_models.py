"""How other programs read a ``.env``: python-dotenv, Node, docker compose and the shell.

Each function is a small reader that does what its program does, oddities included, and
gives a :class:`Reading` per statement. The tests hold python-dotenv, Node and bash
against the real programs, compose against its documented rules.

Nothing here is for humans to write by: what all of them read alike is in ``dotenv.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIALECTS = ("python", "node", "compose", "sh")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a program makes of one statement.

    ``value`` is None where it sets nothing. ``how`` says in words, without the value,
    what was done to the text; the reading of a plain value has none. ``error`` marks
    what the program complains of. ``refers`` are the names whose values it looked for
    and did not find.
    """

    name: str
    value: str | None
    how: str = ""
    line: int = 1
    error: bool = False
    refers: tuple[str, ...] = ()


class Notes:
    """Collects in words what is done to a text, each thing once."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}
        self.refers: dict[str, None] = {}

    def __call__(self, words: str) -> None:
        self._said[words] = None

    def __str__(self) -> str:
        return ", ".join(self._said)


def readings(dialect: str, text: str, environ: Mapping[str, str] | None = None) -> list[Reading]:
    """Read a text as a dialect does; ``environ`` is what references may find beside the file."""
    known = environ or {}
    if dialect == "python":
        return python(text, known)
    if dialect == "node":
        return node(text)
    if dialect == "compose":
        from stead.formats._dotenv_compose import compose

        return compose(text, known)
    from stead.formats._dotenv_sh import sh

    return sh(text, known)


# -- python-dotenv (1.2; the grammar is that of 0.10 on)

_P_SPACE = re.compile(r"\s*")
_P_BLANK = re.compile(r"[^\S\r\n]*")
_P_EXPORT = re.compile(r"(?:export[^\S\r\n]+)?")
_P_QUOTED_KEY = re.compile(r"'([^']+)'")
_P_KEY = re.compile(r"([^=\#\s]+)")
_P_EQUALS = re.compile(r"(=[^\S\r\n]*)")
_P_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_P_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_P_PLAIN = re.compile(r"([^\r\n]*)")
_P_TAIL = re.compile(r"(?<!\s)\s+#.*")
_P_COMMENT = re.compile(r"(?:[^\S\r\n]*#[^\r\n]*)?")
_P_END = re.compile(r"[^\S\r\n]*(?:\r\n|\n|\r|$)")
_P_REST = re.compile(r"[^\r\n]*(?:\r|\n|\r\n)?")
_P_ESCAPE = {'"': re.compile(r"\\[\\'\"abfnrtv]"), "'": re.compile(r"\\[\\']")}
_LETTERS = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip


class _FailedError(Exception):
    """A statement is not what the grammar has, from ``at`` on."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.at = at


def python(text: str, environ: Mapping[str, str]) -> list[Reading]:
    """Read as ``dotenv_values`` does a file: line ends are Unix's by then."""
    text = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    found: list[Reading] = []
    known = dict(environ)
    at, line = 0, 1
    while at < len(text):
        began = at
        try:
            reading, at = _python_statement(text, at)
        except _FailedError as exc:
            at = _end(_P_REST, text, exc.at)
            shown = line + text.count("\n", began, _end(_P_SPACE, text, began))
            name = _P_KEY.match(text, _end(_P_EXPORT, text, _end(_P_SPACE, text, began)))
            found.append(
                Reading(name[1] if name else "", None, f"drops the line ({exc})", shown, error=True)
            )
        else:
            if reading is not None:
                head = _end(_P_SPACE, text, began)
                found.append(_python_expanded(reading, line + text.count("\n", began, head), known))
                known[found[-1].name] = found[-1].value or ""
        line += text.count("\n", began, at)
    return found


def _python_statement(text: str, at: int) -> tuple[Reading | None, int]:
    at = _end(_P_SPACE, text, at)
    if at == len(text):
        return None, at
    at = _end(_P_EXPORT, text, at)
    name = ""
    if text[at : at + 1] != "#":
        name, at = _take(_P_QUOTED_KEY if text[at : at + 1] == "'" else _P_KEY, text, at, "no name")
    at = _end(_P_BLANK, text, at)
    notes = Notes()
    value: str | None = None
    if text[at : at + 1] == "=":
        equals, at = _take(_P_EQUALS, text, at, "")
        first = text[at : at + 1]
        if len(equals) > 1 and first == "#":
            value = ""
            notes("takes `#…` for a comment")
        elif first in ("'", '"'):
            quoted = _P_SINGLE if first == "'" else _P_DOUBLE
            raw, at = _take(quoted, text, at, "a quote that nothing closes")
            value = _P_ESCAPE[first].sub(lambda m: _LETTERS.get(m[0][1], m[0][1]), raw)
            if value != raw:
                notes(
                    "reads backslashes as escapes"
                    if first == '"'
                    else "takes the backslash before a quote or backslash away"
                )
            elif "\\" in raw:
                notes("keeps the backslashes")
        elif first and first not in "\r\n":
            raw, at = _take(_P_PLAIN, text, at, "")
            value = _P_TAIL.sub("", raw).rstrip()
            _python_plain(raw, value, notes)
        else:
            value = ""
    else:
        notes("keeps the name without a value")
    at = _end(_P_COMMENT, text, at)
    if (end := _P_END.match(text, at)) is None:
        raise _FailedError("text after the closing quote", at)
    if not name:
        return None, end.end()
    return Reading(name, value, str(notes)), end.end()


def _python_plain(raw: str, value: str, notes: Notes) -> None:
    if value != raw.rstrip():
        notes("drops ` #…`")
    if "#" in value:
        notes("keeps the `#`")
    if "\\" in value:
        notes("keeps the backslashes")
    if re.search(r"\s", value):
        notes("keeps the spaces inside")
    if re.search("['\"`]", value):
        notes("keeps the quotes")


def _python_expanded(reading: Reading, line: int, known: Mapping[str, str]) -> Reading:
    """Replace references, inside single quotes too."""
    how, value = reading.how, reading.value
    refers: dict[str, None] = {}
    if value is not None and "$" in value:
        parts: list[str] = []
        since = 0
        for start, end, name, default in _python_references(value):
            parts.append(value[since:start])
            since = end
            if name not in known and default is None:
                refers[name] = None
            parts.append(known.get(name, default or ""))
        words = "replaces `${…}`" if since else "keeps the `$`"
        how = f"{how}, {words}" if how else words
        value = "".join(parts) + value[since:]
    return Reading(reading.name, value, how, line, refers=tuple(refers))


def _python_references(value: str) -> Iterator[tuple[int, int, str, str | None]]:
    """Find ``${NAME}`` and ``${NAME:-DEFAULT}``: start, end, name, default.

    By hand: a pattern would look from each ``${`` to the end of a long value.
    """
    at = close = colon = 0
    while (at := value.find("${", at)) >= 0:
        if close < at + 2:
            close = value.find("}", at + 2)
            if close < 0:
                return
        if 0 <= colon < at + 2:
            colon = value.find(":", at + 2)
        if colon < 0 or colon > close:
            yield at, close + 1, value[at + 2 : close], None
            at = close + 1
        elif value.startswith(":-", colon):
            yield at, close + 1, value[at + 2 : colon], value[colon + 2 : close]
            at = close + 1
        else:
            at += 2


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _take(pattern: re.Pattern[str], text: str, at: int, why: str) -> tuple[str, int]:
    match = pattern.match(text, at)
    if match is None:
        raise _FailedError(why, at)
    return match[1], match.end()


# -- Node (20.12 to 20.20; later ones differ in what is not portable anyway)


def node(text: str) -> list[Reading]:
    """Read as ``node --env-file`` does."""
    content = text.replace("\r", "").strip(" ")
    found: list[Reading] = []
    line = 1 + text[: len(text) - len(text.lstrip(" "))].count("\n")
    at = 0
    while at < len(content):
        if content[at] in "\n#":
            newline = content.find("\n", at)
            if newline >= 0:
                line += 1
                at = newline + 1
                continue
        equal = content.find("=", at)
        if equal < 0:
            found += [Reading("", None, "ignores the line", line)]
            break
        raw_name = content[at:equal]
        name = raw_name.strip(" ")
        if not name:
            found.append(Reading("", None, "reads nothing from here on", line, error=True))
            break
        name = name.removeprefix("export ")
        line += raw_name.count("\n")
        reading, after = _node_value(content, equal + 1, name, line)
        found.append(reading)
        line += content.count("\n", equal, after)
        at = after
    return found


def _node_value(content: str, at: int, name: str, line: int) -> tuple[Reading, int]:
    """Read a value from behind the ``=``; gives it and where the rest begins."""
    notes = Notes()
    if "\n" in name:
        notes("joins the lines before to the name")
    elif not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        notes("takes all before `=` for the name")
    while at < len(content) and content[at] == " ":
        at += 1
    quote = content[at : at + 1]
    if quote and quote in "\"'`":
        close = content.find(quote, at + 1)
        if close >= 0:
            raw = content[at + 1 : close]
            value = raw.replace("\\n", "\n") if quote == '"' else raw
            if quote == "`":
                notes("takes the text between the backticks")
            if value != raw:
                notes("reads `\\n` as a line break and keeps other backslashes")
            elif "\\" in value:
                notes("keeps the backslashes")
            if "$" in value:
                notes("keeps the `$`")
            newline = content.find("\n", close + 1)
            after = content[close + 1 : newline if newline >= 0 else len(content)].strip(" ")
            if after and not after.startswith("#"):
                notes("ignores what follows the next such quote")
            end = newline if newline >= 0 else len(content)
            return Reading(name, value, str(notes), line), end
        newline = content.find("\n", at)
        if newline < 0:
            # What follows the quote is searched for the next `=`, as if it were a name.
            return Reading(name, None, "sets nothing", line, error=True), at
        notes("takes the quote as part of the value")
        return Reading(name, content[at:newline], str(notes), line), newline
    newline = content.find("\n", at)
    end = newline if newline >= 0 else len(content)
    raw = content[at:end]
    value = raw.partition("#")[0].strip(" ")
    if "#" in raw:
        notes("drops everything from the first `#`")
    if "\\" in value:
        notes("keeps the backslashes")
    if "$" in value:
        notes("keeps the `$`")
    if re.search("['\"`]", value):
        notes("keeps the quotes")
    if re.search(r"\s", value):
        notes("keeps the spaces inside" if value.strip() == value else "keeps blanks at the ends")
    return Reading(name, value, str(notes), line), end
