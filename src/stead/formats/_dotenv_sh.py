"""How a shell reads a ``.env`` that is sourced: ``set -a; . ./.env`` in bash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.formats._dotenv_models import Notes, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = frozenset(
    """
    _ BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_LINENO
    BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS
    EUID FUNCNAME GROUPS HISTCMD LINENO OPTIND PPID RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID
    """.split()  # noqa: SIM905 (thirty lines say no more)
)
"""Names that bash refuses to set, or that give something else than was put in."""

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?=|\[)")
_BLANKS = re.compile(r"[ \t]*")
_EXPORT = re.compile(r"export[ \t]+")
_REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")


class _OtherError(Exception):
    """The statement is no plain assignment; the text says what it is instead."""


def sh(text: str, environ: Mapping[str, str]) -> list[Reading]:
    """Read as a shell that sources the file; what it runs or substitutes is said, not done."""
    found: list[Reading] = []
    known = dict(environ)
    at = 0
    while at < len(text):
        at = _end(_BLANKS, text, at)
        if at >= len(text):
            break
        if text[at] == "\n":
            at += 1
            continue
        line = text.count("\n", 0, at) + 1
        if text[at] == "#":
            at = _line_end(text, at)
            continue
        began, name = at, ""
        notes = Notes()
        try:
            if match := _EXPORT.match(text, at):
                at = match.end()
            name, at = _name(text, at, began)
            value, at = _word(text, at, known, notes, export=bool(match))
            _over(text, at)
        except _OtherError as exc:
            found.append(Reading(name, None, str(exc), line, error=True))
            at = _line_end(text, max(at, began))
            continue
        known[name] = value
        found.append(Reading(name, value, str(notes), line, refers=tuple(notes.refers)))
        at = _line_end(text, at)
    return found


def _name(text: str, at: int, began: int) -> tuple[str, int]:
    """Give the name that is assigned to, and where its value begins."""
    head = _ASSIGNMENT.match(text, at)
    if head is None:
        raise _OtherError(
            "exports a name and sets nothing" if at > began else "runs the line as a command"
        )
    if head[2] != "=":
        raise _OtherError("appends to the value" if head[2] == "+=" else "sets an element")
    if head[1] in OWN:
        raise _OtherError(f"gives {head[1]} a meaning of its own")
    return head[1], head.end()


def _over(text: str, at: int) -> None:
    """Make sure that nothing but a comment follows a word."""
    after = _end(_BLANKS, text, at)
    sign = text[after : after + 1]
    if sign in ("", "\n") or (sign == "#" and after > at):
        return
    if sign in ";&|<>()":
        raise _OtherError(f"ends the value at `{sign}`, which it obeys")
    if _ASSIGNMENT.match(text, after):
        raise _OtherError("ends the value at the space and reads a second assignment")
    raise _OtherError("ends the value at the space and runs what follows as a command")


def _word(
    text: str, at: int, known: Mapping[str, str], notes: Notes, *, export: bool
) -> tuple[str, int]:
    taken: list[str] = []
    start = at
    tilde = True
    while at < len(text):
        sign = text[at]
        if sign in " \t\n;&|<>()":
            if sign == "(" and at == start:
                raise _OtherError("reads a list")
            break
        if sign == "'":
            close = text.find("'", at + 1)
            if close < 0:
                raise _OtherError("fails (a quote that nothing closes)")
            if "\\" in text[at:close]:
                notes("keeps the backslashes")
            if "$" in text[at:close]:
                notes("keeps the `$`")
            if at > start or text[close + 1 : close + 2] not in ("", " ", "\t", "\n"):
                notes("takes the quotes away")
            taken.append(text[at + 1 : close])
            at = close + 1
        elif sign == '"':
            if at > start:
                notes("takes the quotes away")
            part, at = _double(text, at + 1, known, notes)
            if text[at : at + 1] not in ("", " ", "\t", "\n"):
                notes("takes the quotes away")
            taken.append(part)
        elif sign == "\\":
            if at + 1 < len(text):
                notes("takes the backslashes away")
                taken.append(text[at + 1].replace("\n", ""))
            else:
                taken.append("\\")
            at += 2
        elif sign == "`":
            raise _OtherError("runs the text between backticks as a command")
        elif sign == "$":
            part, at = _dollar(text, at, known, notes, quoted=False)
            taken.append(part)
        elif sign == "~" and tilde:
            raise _OtherError("replaces `~` by a home directory")
        else:
            if sign == "#":
                notes("keeps the `#`")
            if sign == "{" and export and _BRACES.match(text, at):
                raise _OtherError("takes `{…}` apart")
            taken.append(sign)
            at += 1
            tilde = sign == ":"
            continue
        tilde = False
    return "".join(taken), min(at, len(text))


def _double(text: str, at: int, known: Mapping[str, str], notes: Notes) -> tuple[str, int]:
    taken: list[str] = []
    while at < len(text):
        sign = text[at]
        if sign == '"':
            return "".join(taken), at + 1
        if sign == "\\" and at + 1 < len(text):
            following = text[at + 1]
            if following in '$`"\\\n':
                notes("takes the backslash before a special character away")
                taken.append(following.replace("\n", ""))
            else:
                notes("keeps the other backslashes")
                taken.append(sign + following)
            at += 2
        elif sign == "`":
            raise _OtherError("runs the text between backticks as a command")
        elif sign == "$":
            part, at = _dollar(text, at, known, notes, quoted=True)
            taken.append(part)
        else:
            taken.append(sign)
            at += 1
    raise _OtherError("fails (a quote that nothing closes)")


def _dollar(
    text: str, at: int, known: Mapping[str, str], notes: Notes, *, quoted: bool
) -> tuple[str, int]:
    if match := _REFERENCE.match(text, at):
        name = match[1] or match[2]
        notes("replaces `$…`")
        if name not in known:
            notes.refers[name] = None
        return known.get(name, ""), match.end()
    following = text[at + 1 : at + 2]
    if following == "(":
        raise _OtherError("runs the text in `$(…)` as a command")
    if following and (following in "{[0123456789@*#?$!-_" or (not quoted and following in "'\"")):
        raise _OtherError("replaces `$…`")
    notes("keeps the `$`")
    return "$", at + 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _line_end(text: str, at: int) -> int:
    newline = text.find("\n", at)
    return newline + 1 if newline >= 0 else len(text)
