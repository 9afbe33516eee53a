"""Scripts: the line that says which Python runs them."""

from __future__ import annotations

import os
import re

SHEBANG_LIMIT = 127
"""Bytes of a ``#!`` line that every kernel in use reads (Linux before 5.1)."""

PLACEHOLDER = "/.stead/the-python-of-the-build"
"""Stands for the Python of a build where it is not known yet."""

_PLAIN = re.compile(rb"#!([^\s]+)([^\n]*)\n")
_LONG = re.compile(rb"#!/bin/sh\n'''exec' ([^\n]+?) \"\$0\" \"\$@\"\n' '''\n")


def script_at(path: str) -> bytes | None:
    """Read a file that begins with ``#!``; None for others and for links."""
    try:
        if os.path.islink(path):
            return None
        with open(path, "rb") as file:
            start = file.read(2)
            return start + file.read() if start == b"#!" else None
    except FileNotFoundError:
        return None


def with_shebang(content: bytes, old: set[str], python: str) -> bytes:
    """Give a script with ``python`` as its interpreter, if it had one of ``old`` or below.

    Where the path is too long for a ``#!`` line, or holds white space, the
    shell is the interpreter and hands over: a text that Python reads as a
    string and the shell as a command.
    """
    match = _LONG.match(content) or _PLAIN.match(content)
    if match is None:
        return content
    path = os.fsdecode(match[1])
    if match.re is _LONG:
        import shlex

        try:
            path = shlex.split(path)[0]
        except (ValueError, IndexError):  # no words of a shell, so none that a tool wrote
            return content
    if not any(o and (path == o or path.startswith(f"{o}/")) for o in old):
        return content
    options = match[2] if match.re is _PLAIN else b""
    line = b"#!" + os.fsencode(python) + options
    if len(line) > SHEBANG_LIMIT or any(c in python for c in ' \t"'):
        quoted = python.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        line = b"#!/bin/sh\n'''exec' \"" + os.fsencode(quoted.replace("`", "\\`")) + b'"'
        line += options + b" \"$0\" \"$@\"\n' '''"
    return line + b"\n" + content[match.end() :]
