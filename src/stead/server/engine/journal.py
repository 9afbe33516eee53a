"""A build's log as it is written: gathered for a moment, appended in chunks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from stead.server.database import logs
from stead.server.engine.steady import steadily

if TYPE_CHECKING:
    from stead.server.database.opening import Database

PAUSE = 0.05
"""Seconds for which lines are gathered: those who follow get them within 200 ms."""

FULL = 64 * 1024
"""Characters that are not kept waiting."""


class Journal:
    """Writes the log of one attempt. Closed by :meth:`flush`."""

    def __init__(self, database: Database, build_id: int, attempt: int) -> None:
        self._database = database
        self._build = build_id
        self._attempt = attempt
        self._parts: list[str] = []
        self._size = 0
        self._last = 0.0
        self._guard = threading.Lock()

    def write(self, text: str) -> None:
        """Take what was said; an empty text only lets time pass."""
        with self._guard:
            if text:
                self._parts.append(text)
                self._size += len(text)
            now = time.monotonic()
            if self._size >= FULL or (self._parts and now - self._last >= PAUSE):
                self._append()

    def line(self, text: str) -> None:
        """Take a line of the store's own."""
        self.write(f"{text}\n")

    def flush(self) -> None:
        """Append what is left."""
        with self._guard:
            self._append()

    def _append(self) -> None:
        self._last = time.monotonic()
        if not self._parts:
            return
        text = "".join(self._parts)
        steadily(lambda: self._write(text))
        self._parts.clear()
        self._size = 0

    def _write(self, text: str) -> None:
        with self._database.begin() as connection:
            logs.append(connection, self._build, self._attempt, text, self._database.now())
