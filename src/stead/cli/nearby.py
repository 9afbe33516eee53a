"""Paths as a person standing in a directory says them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.origin import Origin


def near(path: str, cwd: str) -> str:
    """Give a path relative to a directory it is below, else as it is."""
    if not os.path.isabs(path):
        return path
    relative = os.path.relpath(path, cwd)
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return path if outside else relative


def near_origin(origin: Origin | str, cwd: str) -> str:
    """Give ``file:line`` with the file as :func:`near` gives it."""
    text = str(origin)
    file, colon, line = text.rpartition(":")
    return f"{near(file, cwd)}:{line}" if colon and line.isdigit() else near(text, cwd)


def visible(text: str) -> str:
    """Make what a terminal would obey visible, in a line that strangers have written."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)
