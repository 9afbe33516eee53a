"""Following a build: its log as it is written, until the build has ended and all of it is told.

The log comes as a stream, and is read by offset, so a connection that is lost, or a server that is started anew,
neither repeats a line nor leaves one out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stead.remote import api
from stead.values.errors import NetworkError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.remote.api import LogPart
    from stead.remote.client import Client

PATIENCE = 120.0
"""Seconds that a server may be away."""
_SHORTEST, _LONGEST = 0.1, 2.0


def follow(client: Client, number: int, line: Callable[[str], None]) -> LogPart:
    """Give each line of a log once it is there; returns when the build has ended and all is told.

    Raises NetworkError where the server is away for longer than it may be.
    """
    lines = Lines(line)
    offset, waits = 0, _SHORTEST
    while True:
        # Asked first, and after each stream that was cut off: this waits for a server that is away.
        part = api.log(client, number, offset)
        lines.take(part.text)
        if part.whole:
            lines.end()
            return part
        before, offset = offset, part.offset
        offset = _stream(client, number, offset, lines)
        # A stream may be refused, where too many follow, or be kept back by what is in between.
        waits = _SHORTEST if offset > before else min(waits * 2, _LONGEST)
        time.sleep(waits)


def _stream(client: Client, number: int, offset: int, lines: Lines) -> int:
    """Tell what comes until the stream ends, for whatever reason; gives where that was."""
    path = (*api.STEAD, "build", number, "log", "follow")
    try:
        for kind, data in client.events(*path, offset=offset):
            if kind == "end":
                break
            if isinstance(data.get("text"), str) and isinstance(data.get("offset"), int):
                lines.take(data["text"])
                offset = data["offset"]
    except (NetworkError, RemoteError):
        pass  # what the reason is, is said when the log is asked for by offset
    return offset


def so_far(client: Client, number: int, line: Callable[[str], None]) -> LogPart:
    """Give the lines of a log that are there."""
    lines = Lines(line)
    offset = 0
    while (part := api.log(client, number, offset)).text:
        lines.take(part.text)
        offset = part.offset
    lines.end()
    return part


class Lines:
    """Makes lines of pieces of text, each told once it is whole."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._begun = ""

    def take(self, text: str) -> None:
        """Take the next piece."""
        *whole, self._begun = (self._begun + text).split("\n")
        for one in whole:
            self._line(one)

    def end(self) -> None:
        """Tell what no line end followed."""
        if self._begun:
            self._line(self._begun)
            self._begun = ""
