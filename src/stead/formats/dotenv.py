"""Files named ``.env``: names and values, one per line, as far as all who read them agree.

There is no common grammar. A line is taken here if python-dotenv, Node's ``--env-file``,
docker compose and a shell that sources the file (``set -a; . ./.env``) read the same name
and value from it; any other line is an error that says what each of them would make of it.
What is written here is read alike by all of them.

Values are never put into a message: a ``.env`` is where people keep passwords.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stead.formats._dotenv_models import Reading

LIMIT = 131_071
"""Bytes that Linux takes as one ``NAME=VALUE``, its end not counted."""

_MOST = 1000
"""Faults after which a file is looked at no further."""


@dataclass(frozen=True, slots=True)
class DotenvEntry:
    """A variable, and the line it stands in. ``refers`` are names it uses and nothing sets.

    Only reading as a dialect leaves such: there a reference to the caller's variables
    is allowed, and stands for nothing.
    """

    name: str
    value: str
    origin: Origin
    refers: tuple[str, ...] = ()


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Whole lines that need no second look. What is left out here may still be read alike:
# the slower way asks every reader.
_LINE = re.compile(
    r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)="
    r"(?:'((?:[^'\\$\r\n\0]++|\$(?!\{))*+)'|\"([^\"\\$`\r\n\0]*)\"|([^\s'\"\\$`#&|;<>()~{\0]*))"
    r"(?: +#[^\r\n\0]*| *)(?:\n|\Z)"
    r"|#[^\r\n\0]*\n"
    r"|\n"
)
_BLANK = re.compile(r"[ \t]*(?:#[^\r\n\0]*)?(?:\n|\Z)")
_HEAD = re.compile(r"[ \t]*(export[ \t]+)?([^\s=#]*)([ \t]*)=[ \t]*")
_CLOSED = re.compile(r"[ \t]*(?:[ \t]#[^\n]*)?(?:\n|\Z)")


def read(
    text: str,
    file: str,
    dialect: str = "",
    environ: Mapping[str, str] | None = None,
) -> tuple[DotenvEntry, ...]:
    """Read a file's text; ``file`` is its path, for messages.

    Without a ``dialect`` only what all read alike is taken, and one
    :class:`ManifestError` lists every other line. A name that is given two values is
    an error as well. With ``python``, ``node`` or ``compose`` the text is read as
    that program does, a later line winning; ``environ`` is what its references find
    beside the file. Then the error is for what that program refuses.
    """
    if dialect:
        from stead.formats import _dotenv_dialects

        return _dotenv_dialects.read(text, file, dialect, environ or {})
    found: list[DotenvEntry] = []
    faults: list[tuple[int, str]] = []
    text = _plain_lines(text, faults)
    at, line, size = 0, 1, len(text)
    match_line = _LINE.match
    own = _own_names()
    long = size > LIMIT // 4
    while at < size:
        match = match_line(text, at)
        if match is not None and (kind := match.lastindex) != 1 and match[1] not in own:
            if kind is not None:
                value = match[kind]
                found.append(DotenvEntry(match[1], value, Origin(file, line)))
                if long:
                    _check_size(found[-1], faults)
            at = match.end()
            line += 1
            continue
        end, entry, words = _looked_at(text, at)
        if words:
            faults.append((line, words))
            if len(faults) >= _MOST:
                break
        elif entry is not None:
            found.append(DotenvEntry(entry.name, entry.value or "", Origin(file, line)))
            _check_size(found[-1], faults)
        line += text.count("\n", at, end)
        at = end
    entries = _unified(found, faults)
    if faults:
        from stead.formats import _dotenv_faults

        raise _dotenv_faults.refusal(faults, file, most=_MOST)
    return entries


def write(entries: Iterable[tuple[str, str]]) -> str:
    """Write variables so that every program reads the same values back.

    Raises :class:`ManifestError` that names the variables that cannot be written so.
    """
    lines: list[str] = []
    faults: list[str] = []
    for name, value in entries:
        line, why = _line(name, value)
        lines.append(line)
        if why:
            faults.append(f"{name} {why}")
    if faults:
        raise ManifestError(
            "this cannot be written into a .env that all programs read alike",
            details=faults,
            remedy=_ELSEWHERE,
        )
    return "".join(lines)


def line_for(name: str, value: str) -> str:
    """Write one variable, with its line end. Raises :class:`ManifestError` where none will do."""
    line, why = _line(name, value)
    if why:
        raise ManifestError(
            f"{name} cannot be written into a .env that all programs read alike: it {why}",
            remedy=_ELSEWHERE,
        )
    return line


_ELSEWHERE = "put it into [vars] of stead.toml, or into a file whose path the variable names"


def _line(name: str, value: str) -> tuple[str, str]:
    """Give the line, or why there is none."""
    why = _unwritable(name, value)
    if why:
        return "", why
    for written in (value, f"'{value}'", f'"{value}"'):
        line = f"{name}={written}\n"
        if _alike(line) == (name, value):
            return line, ""
    return "", _why_no_quotes(value)


def edit(text: str, name: str, value: str | None) -> str:
    """Set one variable, or take it out with None; every other byte stays.

    A line that defines it keeps its ``export`` and its comment; of several the last one
    stays. A new one comes last. Taking out what is not there changes nothing. Raises
    :class:`ManifestError` where the value cannot be written.
    """
    if text.startswith("\ufeff"):
        return "\ufeff" + edit(text[1:], name, value)
    new = "" if value is None else line_for(name, value)
    written = new[len(name) + 1 : -1]
    spans = [span for span in _statements(text) if span[2] == name]
    for start, end, _ in reversed(spans[:-1] if new else spans):
        text = text[:start] + text[end:]
    if value is None:
        return text
    if spans:
        gone = sum(end - start for start, end, _ in spans[:-1])
        start, end = spans[-1][0] - gone, spans[-1][1] - gone
        return text[:start] + _changed(text[start:end], name, written) + text[end:]
    feed = "\r\n" if "\r\n" in text.partition("\n")[0] + "\n" else "\n"
    gap = feed if text and not text.endswith("\n") else ""
    return f"{text}{gap}{new[:-1]}{feed}"


# -- one line or quoted lines, looked at closely


def _looked_at(text: str, at: int) -> tuple[int, Reading | None, str]:
    """Ask every reader about the statement at ``at``.

    Gives where it ends, what it sets if all agree, and else what each makes of it.
    """
    blank = _BLANK.match(text, at)
    if blank:
        if text.find("=", at) < 0 or (at == 0 and text[at] == " "):
            return blank.end(), None, ""
        return blank.end(), None, _said_of_blank(text, at, blank.end())
    end = _statement_end(text, at)
    chunk = text[at:end]
    if len(chunk) > LIMIT:
        return end, None, f"{_shown(chunk)}: {_too_long(len(chunk))}"
    from stead.formats import _dotenv_faults

    reading, words = _dotenv_faults.compared(chunk)
    return end, reading, f"{_shown(chunk)}: {words}" if words else ""


def _statement_end(text: str, at: int) -> int:
    """Give where a statement ends: with its line, or with that of its closing quote."""
    newline = text.find("\n", at)
    end = newline + 1 if newline >= 0 else len(text)
    head = _HEAD.match(text, at, end)
    quote = text[head.end() : head.end() + 1] if head else ""
    if not quote or quote not in "'\"`" or head is None:
        return end
    close = text.find(quote, head.end() + 1)
    # An escaped quote closes for some; those that it does not close for look further.
    while close > 0 and quote == '"' and text[close - 1] == "\\":
        close = text.find(quote, close + 1)
    if close < end or text.find("\n", head.end(), close) < 0:
        return end
    closed = _CLOSED.match(text, close + 1)
    return closed.end() if closed else end


def _said_of_blank(text: str, at: int, end: int) -> str:
    if "\n" not in text[at:end]:
        return "a comment without a line end: node: takes it for a name; others: pass it over"
    what = "a comment behind blanks" if text[at:end].strip() else "blanks alone"
    return f"{what}: node: joins it to the next name (Node 20); python, compose, sh: pass it over"


def _alike(line: str) -> tuple[str, str] | None:
    """Give the name and value that all readers find in a statement; None where they differ."""
    match = _LINE.fullmatch(line)
    if match and match.lastindex not in (None, 1):
        return match[1], match[match.lastindex or 1]
    from stead.formats import _dotenv_faults

    reading, _ = _dotenv_faults.compared(line)
    return (reading.name, reading.value or "") if reading else None


def _shown(chunk: str) -> str:
    """Name what a line sets, unless it may be part of a value that lacks quotes."""
    head = _HEAD.match(chunk)
    name = head[2] if head else ""
    rest = chunk[head.end() :].strip() if head else ""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", name)
    if plain and (name.upper() == name or rest not in ("", "=")):
        return name
    return "what stands here"


# -- the file as a whole

_MARK = (
    "a byte order mark: node: takes it for part of the first name; "
    "sh: runs the line as a command; python, compose: pass it over"
)
_CRLF = (
    "sh: takes the carriage return into the value; "
    "python, node, compose: take it for part of the line's end"
)


def _plain_lines(text: str, faults: list[tuple[int, str]]) -> str:
    """Take out what concerns all lines alike, and say so once."""
    if text.startswith("\ufeff"):
        faults.append((1, _MARK))
        text = text[1:]
    if "\0" in text:
        faults += [
            (number, "a NUL byte, which no variable can hold")
            for number, line in enumerate(text.split("\n"), 1)
            if "\0" in line
        ][:_MOST]
        text = text.replace("\0", "")
    if "\r\n" in text:
        count = text.count("\r\n")
        first = text.count("\n", 0, text.index("\r\n")) + 1
        lines = "1 line ends" if count == 1 else f"{count:,} lines end"
        faults.append((first, f"{lines} in CRLF: {_CRLF}"))
        text = text.replace("\r\n", "\n")
    return text


def _unified(found: list[DotenvEntry], faults: list[tuple[int, str]]) -> tuple[DotenvEntry, ...]:
    """Give each name once; two values for one are a fault."""
    by_name: dict[str, DotenvEntry] = {}
    for entry in found:
        held = by_name.setdefault(entry.name, entry)
        if held is not entry and held.value != entry.value:
            other = f"line {held.origin.line} gives it another value"
            faults.append((entry.origin.line, f"{entry.name}: {other}: all take the last"))
    return tuple(found) if len(by_name) == len(found) else tuple(by_name.values())


def _check_size(entry: DotenvEntry, faults: list[tuple[int, str]]) -> None:
    size = len(entry.value.encode("utf-8", "replace")) + len(entry.name) + 1
    if size > LIMIT:
        faults.append((entry.origin.line, f"{entry.name}: {_too_long(size)}"))


def _too_long(size: int) -> str:
    return f"{size:,} bytes long; Linux starts no process with more than {LIMIT:,} in one variable"


# -- what cannot be written


def _own_names() -> frozenset[str]:
    from stead.formats._dotenv_sh import OWN

    return OWN


def _unwritable(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        return "has a name that a shell cannot set"
    if name in _own_names():
        return "is a name that bash keeps for itself"
    if "\0" in value:
        return "holds a NUL byte, which no variable can"
    if "\r" in value:
        return "holds a carriage return, which python-dotenv and Node change"
    try:
        size = len(name) + 1 + len(value.encode())
    except UnicodeEncodeError:
        return "is not Unicode text"
    return f"is {_too_long(size)}" if size > LIMIT else ""


def _why_no_quotes(value: str) -> str:
    if "'" not in value:
        if re.search(r"\\(\\|\Z)", value):
            return "holds two backslashes in a row or ends in one, which programs read differently"
        return "holds `${…}`, which python-dotenv replaces even in single quotes"
    return 'holds a single quote beside one of " \\ $ `, and no quotes hold both'


# -- for editing


def _statements(text: str) -> Iterator[tuple[int, int, str]]:
    """Give start, end and name of each definition."""
    at = 0
    while at < len(text):
        end = _statement_end(text, at)
        head = _HEAD.match(text, at, end)
        if head and head[2] and not text[at:end].lstrip().startswith("#"):
            yield at, end, head[2]
        at = end


def _changed(statement: str, name: str, written: str) -> str:
    """Put another value into a statement, and keep its comment if all read it as one."""
    body = statement.rstrip("\r\n")
    feed = statement[len(body) :] or "\n"
    export = re.match(r"\s*export[ \t]", body)
    new = f"{'export ' if export else ''}{name}={written}"
    close = re.match(r"[^=]*=[ \t]*(?:'[^']*'|\"[^\"]*\"|[^\s'\"]*)([ \t]+#[^'\"\n]*)\Z", body)
    if close and close[1] and _alike(f"{new}{close[1]}\n"):
        return f"{new}{close[1]}{feed}"
    return new + feed
