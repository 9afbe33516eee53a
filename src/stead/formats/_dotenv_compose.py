"""How docker compose reads a ``.env``, by its documented rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.formats._dotenv_models import Notes, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPACES = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export\s+")
_ESCAPE = re.compile(r'\\(?:([abcfnrtv$"\\])|0(\d{0,3}))')
_LETTERS = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "c": "\\c", "$": "$$",
}  # fmt: skip
_NAME = r"[_a-zA-Z][_a-zA-Z0-9]*"
_REFERENCE = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<plain>{_NAME})|\{{(?P<name>{_NAME})"
    r"(?:(?P<sign>:?[-?+])(?P<word>(?:[^{}$]|\$\{[^{}]*\}|\$)*))?\}|(?P<bad>\{))"
)


class _RefusedError(Exception):
    """The whole file is refused."""


def compose(text: str, environ: Mapping[str, str]) -> list[Reading]:
    """Read as ``docker compose`` does its ``.env``; a refusal is the last reading."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: list[Reading] = []
    known: dict[str, str] = {}
    at = 0
    while (at := _statement(text, at)) < len(text):
        line = text.count("\n", 0, at) + 1
        notes = Notes()
        name = ""
        try:
            name, at, inherited = _name(text, at)
            if inherited:
                value = environ.get(name)
                found.append(
                    Reading(name, value, "takes the value that the caller's shell has", line)
                )
                continue
            value, at = _value(text, at, known, environ, notes)
        except _RefusedError as exc:
            found.append(Reading(name, None, f"refuses the file ({exc})", line, error=True))
            break
        known[name] = value
        found.append(Reading(name, value, str(notes), line, refers=tuple(notes.refers)))
    return found


def _statement(text: str, at: int) -> int:
    """Give where the next statement begins, the text's length where none does."""
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] == "#":
            newline = text.find("\n", at)
            at = newline if newline >= 0 else len(text)
        else:
            break
    return at


def _name(text: str, at: int) -> tuple[str, int, bool]:
    if match := _EXPORT.match(text, at):
        at = match.end()
    end = at
    while end < len(text):
        sign = text[end]
        if sign in "=:\n":
            name = text[at:end].rstrip()
            if " " in name:
                raise _RefusedError("a name with a space in it")
            after = end + 1
            while after < len(text) and text[after] in _SPACES:
                after += 1
            return name, after, sign == "\n"
        if sign not in _SPACES and sign not in "_.-[]" and not sign.isalnum():
            raise _RefusedError("a character that no name has")
        end += 1
    # At the end of the text nothing says that a name was meant.
    name = text[at:end].rstrip()
    if " " in name:
        raise _RefusedError("a name with a space in it")
    return name, end, True


def _value(
    text: str, at: int, known: Mapping[str, str], environ: Mapping[str, str], notes: Notes
) -> tuple[str, int]:
    quote = text[at : at + 1]
    if not quote or quote not in "'\"":
        newline = text.find("\n", at)
        end = newline if newline >= 0 else len(text)
        raw = text[at:end]
        value = raw.partition(" #")[0].rstrip()
        _said_of_plain(raw, value, notes)
        return _expanded(value, known, environ, notes), min(end + 1, len(text))
    value, end = _quoted(text, at + 1, quote)
    raw = text[at + 1 : end]
    rest = text[end + 1 :].partition("\n")[0].strip()
    if rest and not rest.startswith("#"):
        notes("reads what follows the closing quote as another name")
    if quote == '"':
        escaped = _ESCAPE.sub(_unescaped, value)
        if escaped != raw:
            notes("reads backslashes as escapes")
        value = _expanded(escaped, known, environ, notes)
    elif value != raw:
        notes("takes the backslash before a quote away")
    if "\\" in value and "\\" in raw:
        notes("keeps backslashes")
    return value, end + 1


def _said_of_plain(raw: str, value: str, notes: Notes) -> None:
    if " #" in raw:
        notes("drops ` #…`")
    if "#" in value:
        notes("keeps the `#`")
    if "\\" in value:
        notes("keeps the backslashes")
    if re.search(r"\s", value):
        notes("keeps the spaces inside")
    if re.search("['\"`]", value):
        notes("keeps the quotes")


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """Read up to the closing quote; gives the text and where that quote stands."""
    taken: list[str] = []
    escape = False
    for index in range(at, len(text)):
        sign = text[index]
        if sign != quote:
            if not escape and sign == "\\":
                escape = True
                continue
            if escape:
                escape = False
                taken.append("\\")
            taken.append(sign)
        elif escape:
            escape = False
            taken.append(sign)
        else:
            return "".join(taken), index
    raise _RefusedError("a quote that nothing closes")


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return _LETTERS[match[1]]
    digits = match[2]
    if len(digits) == 3 and all(d in "01234567" for d in digits) and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return match[0]


def _expanded(
    value: str, known: Mapping[str, str], environ: Mapping[str, str], notes: Notes
) -> str:
    if "$" not in value:
        return value
    notes("replaces `$…`" if _REFERENCE.search(value) else "keeps the `$`")

    def replaced(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["bad"]:
            raise _RefusedError("a `${` that is no reference")
        name = match["plain"] or match["name"]
        held = environ.get(name, known.get(name))
        sign, word = match["sign"] or "", match["word"] or ""
        there = held is not None and not (sign.startswith(":") and not held)
        if sign.endswith("-"):
            return held if there and held is not None else _expanded(word, known, environ, notes)
        if sign.endswith("+"):
            return _expanded(word, known, environ, notes) if there else ""
        if sign.endswith("?") and not there:
            raise _RefusedError(f"a value for {name} is required")
        if held is None:
            notes.refers[name] = None
        return held or ""

    return _REFERENCE.sub(replaced, value)


def expand(value: str, known: Mapping[str, str]) -> tuple[str, tuple[str, ...], str]:
    """Replace references as compose does in its own file.

    Gives the text, the names that nothing sets, and why it was refused, if it was.
    """
    notes = Notes()
    try:
        text = _expanded(value, known, {}, notes)
    except _RefusedError as exc:
        return value, (), str(exc)
    return text, tuple(notes.refers), ""
