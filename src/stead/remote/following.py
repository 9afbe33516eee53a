"""Following a build: its log as it is written, until the build has ended and all of it is told.

The log is read by offset, so a connection that is lost, or a server that is started anew,
neither repeats a line nor leaves one out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stead.remote import api

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.remote.api import LogPart
    from stead.remote.client import Client

PATIENCE = 120.0
"""Seconds that a server may be away."""
_SHORTEST, _LONGEST = 0.1, 1.0
_SETTLED = 5.0
"""Seconds after a build's end, or what was last written, in which more of its log may come."""


def follow(client: Client, number: int, line: Callable[[str], None]) -> LogPart:
    """Give each line of a log once it is there; returns when the build has ended and all is told.

    Raises NetworkError where the server is away for longer than it may be.
    """
    lines = Lines(line)
    offset, waits, quiet = 0, _SHORTEST, time.monotonic()
    while True:
        part = api.log(client, number, offset)
        if part.text:
            lines.take(part.text)
            offset, waits, quiet = part.offset, _SHORTEST, time.monotonic()
            continue
        ended = part.status not in api.LIVE
        if part.whole or (ended and time.monotonic() - quiet > _SETTLED):
            lines.end()
            return part
        time.sleep(waits)
        waits = min(waits * 1.5, _LONGEST)
        if not ended:
            quiet = time.monotonic()


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
