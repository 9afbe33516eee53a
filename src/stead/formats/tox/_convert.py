"""Texts to values, as tox reads the values of an INI file."""

from __future__ import annotations

import functools
import shlex

from stead.formats.tox._substitute import Unfit
from stead.values.factors import expand
from stead.values.testenv import TestCommand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", ""})

# Options of a requirements file that take a value, which may stand right behind them.
_ONE_VALUE = (
    *("-i", "--index-url", "--extra-index-url", "-e", "--editable", "-c", "--constraint", "-r"),
    *("--requirement", "-f", "--find-links", "--trusted-host", "--use-feature", "--no-binary"),
    "--only-binary",
)


def boolean(text: str) -> bool:
    normal = text.strip().lower()
    if normal in _TRUE:
        return True
    if normal in _FALSE:
        return False
    raise Unfit(f'"{text.strip()}" is neither true nor false')


def path(text: str) -> str:
    """Tidy a path as :class:`pathlib.Path` does: ``a//./b`` is ``a/b``, ``..`` stays."""
    if not text.strip():
        raise Unfit("a path is empty (does it name a variable that is not set?)")
    root = "/" if text.startswith("/") else ""
    return root + "/".join(p for p in text.split("/") if p not in ("", ".")) or "."


def entries(text: str) -> list[str]:
    """Split a list: by lines where there are several, else by commas."""
    return [e for one in text.split("\n" if "\n" in text else ",") if (e := one.strip())]


def command(text: str) -> TestCommand:
    """Split one command as a shell does; an unclosed quote takes the rest as it is."""
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace_split = True
    splitter.commenters = ""
    arguments: list[str] = []
    position = 0
    try:
        for argument in splitter:
            arguments.append(argument)
            position = splitter.instream.tell()  # type: ignore[attr-defined]
    except ValueError:
        arguments.append(text[position:])
    if not arguments:
        raise Unfit(f'"{text}" is no command')
    if arguments[0] != "-" and arguments[0].startswith("-"):
        arguments[:1] = ["-", arguments[0][1:]]
    return flagged(arguments)


def flagged(arguments: list[str]) -> TestCommand:
    """Take ``-`` and ``!`` off the front of a command."""
    ignore, expect = arguments[0] == "-", arguments[0] == "!"
    return TestCommand(tuple(arguments[1:] if ignore or expect else arguments), ignore, expect)


def commands(text: str) -> tuple[TestCommand, ...]:
    return tuple(command(line.strip()) for line in text.split("\n") if line.strip())


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read lines of the form ``key = value``; a key given again has its last value."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        if line.strip():
            key, equals, value = line.partition("=")
            if not equals:
                raise Unfit(f'"{line.strip()}" is not of the form key = value')
            found[key.strip()] = value.strip()
    return tuple(found.items())


def requirement_lines(text: str) -> tuple[str, ...]:
    """Read lines of a requirements file: ``-rFILE`` is ``-r FILE``, blanks in paths are escaped."""
    joined = "".join(text.replace("\r", "").split("\\\n"))
    return tuple(map(_checked_line, joined.splitlines()))


@functools.cache
def _checked_line(text: str) -> str:
    line = _requirement_line(text)
    _check_options(line)
    return line


def _check_options(line: str) -> None:
    """Refuse what pip could not read either, and what only a file of requirements can say."""
    words = line.split("#", maxsplit=1)[0].split()
    late = next((w for w in words[1:] if w.startswith("-")), "")
    if late and not words[0].startswith("-") and not late.startswith("--global-option"):
        raise Unfit(f'"{line}" holds the option {late} behind a requirement')
    if line.endswith("\\") and words[0].startswith("-"):
        raise Unfit(f'"{line}" ends with a backslash, and no line follows')


def _requirement_line(line: str) -> str:
    if not line.startswith("-"):
        return line
    for option in _ONE_VALUE:
        rest = line[len(option) :]
        if line.startswith(option) and rest and not (rest[0].isspace() or rest[0] == "="):
            line = f"{option} {rest}"
            break
    for option in _ESCAPED_VALUE:
        rest = line[len(option) :]
        if line.startswith(option) and rest[:1].isspace():
            value = rest[1:]
            if value.lstrip()[:1] not in ("'", '"'):
                line = f"{option} {_escape_blanks(value)}"
            break
    return line


_ESCAPED_VALUE = tuple(
    o
    for o in _ONE_VALUE
    if o in ("-c", "--constraint", "-r", "--requirement", "-f", "--find-links", "-e", "--editable")
)


def _escape_blanks(value: str) -> str:
    made: list[str] = []
    for at, char in enumerate(value):
        if char.isspace() and not value[:at].endswith("\\"):
            made.append("\\")
        made.append(char)
    return "".join(made)


def from_text(kind: str, text: str) -> Any:
    """Make a value of a key's kind. Raises :class:`Unfit` or ManifestError, without a place."""
    bare = text.strip()
    match kind:
        case "str":
            return bare
        case "maybe str":
            return bare or None
        case "path":
            return path(text)
        case "bool":
            return boolean(text)
        case "maybe bool":
            return boolean(text) if bare else None
        case "int" | "float":
            try:
                return int(bare) if kind == "int" else float(bare)
            except ValueError:
                raise Unfit(f'"{bare}" is no number') from None
        case "list":
            return tuple(entries(text))
        case "set":
            return tuple(sorted(set(entries(text))))
        case "envs":
            return expand(text)
        case "labels":
            return tuple((name, expand(value)) for name, value in pairs(text))
        case "dict":
            return pairs(text)
        case "command":
            return command(text)
        case "commands":
            return commands(text)
        case "deps":
            return requirement_lines(text)
        case "constraints":
            lines = requirement_lines(text)
            if any(line.startswith("-") for line in lines):
                raise Unfit("only files and addresses of constraints can stand here")
            return lines
    raise AssertionError(kind)
