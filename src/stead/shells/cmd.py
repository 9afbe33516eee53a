"""cmd, by its documented rules: lines of a batch file to ``call``.

cmd has no means to take an entry out of a list, so where the caller's variables
are given, lists are computed here and written as they come out; otherwise an
entry is just put in front or behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.posix import check_separator
from stead.shells.quote import check_name, cmd
from stead.values.activation import Change, apply
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.values.activation import Activation


def render(activation: Activation, environ: Mapping[str, str] | None = None) -> str:
    """Give the lines. Raises SteadError for a name or value that cmd cannot write."""
    return render_changes(activation.changes, environ)


def render_changes(changes: Sequence[Change], environ: Mapping[str, str] | None = None) -> str:
    """Like :func:`render`, for changes alone; lines end with carriage return and line feed."""
    if environ is not None:
        after = apply(changes, environ)
        names = dict.fromkeys(c.name for c in changes)
        changes = [Change("set" if n in after else "unset", n, after.get(n, "")) for n in names]
    return "".join(f"@{_line(change)}\r\n" for change in changes)


def _line(change: Change) -> str:
    name, value = check_name("cmd", change.name), cmd(change.value)
    if change.kind == "unset" or (change.kind == "set" and not value):
        return f"set {name}="  # cmd knows no empty variable
    if change.kind == "set":
        return f"set {name}={value}"
    if change.kind == "default":
        return f"if not defined {name} set {name}={value}"
    separator = cmd(check_separator(change))
    if change.kind == "prepend":
        return f'if defined {name} (set "{name}={_quoted(change.value, change.separator)}%{name}%") else set {name}={value}'
    return f"set {name}=%{name}%{separator}{value}"


def _quoted(value: str, separator: str) -> str:
    if '"' in value:
        raise SteadError(
            f"{value!a} has a quote, which cmd cannot put into a list",
            remedy="use PowerShell, or `stead run`",
        )
    cmd(value)
    return (value + separator).replace("%", "%%")


LAUNCHER_MARK = "rem Made by `stead launcher`."


def launcher(
    words: Sequence[str], *, program: str, place: str, environment: str, literal: bool = False
) -> str:
    """Give a batch file that runs ``words`` in an environment through ``program``, stead's own.

    Raises SteadError for a word that cmd cannot write.
    """
    arguments = ["-C", place, "run", "--here", "-e", environment, *(["--"] if literal else [])]
    line = " ".join(map(argument, (program, *arguments, *words)))
    lines = [
        "@echo off",
        LAUNCHER_MARK,
        "setlocal DisableDelayedExpansion",
        f"{line} %*",
        "exit /b %ERRORLEVEL%",
    ]
    return "".join(f"{text}\r\n" for text in lines)


def argument(text: str) -> str:
    """Quote one argument for a program that splits its command line as Microsoft's C library does.

    Backslashes before a quote are doubled. The quotes stop cmd from reading
    anything but a percent sign; a quote within would end that, so all is then
    escaped with ``^`` instead.
    """
    if "\n" in text or "\r" in text or "\0" in text:
        cmd(text)
    parts, slashes = ['"'], 0
    for character in text:
        if character == "\\":
            slashes += 1
            continue
        if character == '"':
            parts.append("\\" * (2 * slashes + 1) + '"')
        else:
            parts.append("\\" * slashes + character)
        slashes = 0
    parts.append("\\" * (2 * slashes) + '"')
    quoted = "".join(parts)
    if '"' in text:
        return cmd(quoted)
    return quoted.replace("%", "%%")
