"""The processes of a cell: its commands one after the other, with one output and one end.

All commands write into one pipe, whose lines go to a callback and whose bytes to a
log. What a command leaves running (a server that the next commands need) goes on
until the cell ends, and ends with it. Each command leads a session of its own: what
the terminal sends reaches Stead alone, which passes it on in its own order.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time

from stead.matrix import remains
from stead.matrix.output import Lines, Mask
from stead.pipeline import guard
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from stead.matrix.output import Log
    from stead.matrix.running import Stop
    from stead.values.secret import Secret

_BLOCK = 64 * 1024
_PAUSE = 0.2
"""Seconds of silence after which what looks like a prompt is taken for one."""
_LAST_WORDS = 0.5
"""Seconds for reading what is left in the pipe, where somebody who got away holds it open."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds between what is done to end a command (tox's three times).

    ``suicide``: until the first signal; ``interrupt``: from there to SIGTERM;
    ``terminate``: from there to SIGKILL.
    """

    suicide: float = 0.0
    interrupt: float = 0.3
    terminate: float = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. ``code`` is negative for a signal, as of :mod:`subprocess`."""

    code: int
    seconds: float
    late: bool = False
    """Whether it was ended because its time was over."""
    stopped: bool = False
    """Whether it was ended because all was."""


def escalation(
    patience: Patience, system: str, *, waits: bool = True
) -> tuple[tuple[float, str], ...]:
    """List what is done to end a command: seconds to wait, then what is sent.

    ``waits`` says whether it may end by itself first: it has been told otherwise.
    """
    times = (patience.suicide if waits else 0.0, patience.interrupt, patience.terminate)
    return tuple(zip(times, remains.means(system), strict=False))


class Session:
    """Runs commands one at a time; a context manager, at whose end nothing is left running."""

    def __init__(
        self,
        log: Log,
        on_line: Callable[[str], None],
        stop: Stop,
        *,
        mark: str,
        patience: Patience | None = None,
        asks: bool = False,
        hidden: Iterable[Secret] = (),
    ) -> None:
        """Prepare. ``mark`` is what the processes bear as ``STEAD_CELL``, unlike any other.

        ``hidden`` are values that neither log nor lines may show. ``on_line`` is called
        from another thread. ``asks`` lets commands read from this process's standard
        input, and passes a prompt on without waiting for its line to end; otherwise they
        read an empty file. The log is not closed here.
        """
        self._log = log
        self._on_line = on_line
        self._stop = stop
        self._mark = mark
        self._patience = patience or Patience()
        self._lines = Lines()
        self._asks = asks and sys.platform != "win32"
        self._mask = Mask(hidden)
        self._groups: list[int] = []
        self._token = b"\0" + os.urandom(16).hex().encode() + b"\0"
        self._passed = threading.Event()
        self._source, self._target = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.left_behind = 0
        """How many processes had to be ended at the end."""
        self.fault: Exception | None = None
        """What ``on_line`` raised."""

    def __enter__(self) -> Self:
        guard.begin()  # before what loses its parent is adopted here
        remains.adopt()
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.left_behind = remains.end(
            self._groups, self._mark, self._patience.terminate, at_once=self._stop.level > 1
        )
        for group in self._groups:
            guard.forget(group)
        os.close(self._target)
        self._reader.join(_LAST_WORDS)
        if not self._reader.is_alive():
            os.close(self._source)
        self._log.flush()

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        environ: Mapping[str, str],
        executable: str | None = None,
        until: float | None = None,
        heedless: int = 0,
    ) -> Ended:
        """Run a command to its end; all it printed has been passed on then.

        ``until`` is when it must have ended (:func:`time.monotonic`). ``heedless`` is
        the level of stopping that does not concern it. Raises OSError and ValueError
        where it cannot be started.
        """
        begun = time.monotonic()
        with guard.starting():
            child = subprocess.Popen(
                argv,
                executable=executable,
                cwd=cwd,
                env={**environ, guard.MARK: self._mark},
                # Another session may read from a terminal that is not its own: nobody stops it.
                stdin=None if self._asks else subprocess.DEVNULL,
                stdout=self._target,
                stderr=self._target,
                **remains.starting(sys.platform),
            )
            guard.watch(child.pid)
        self._groups.append(child.pid)
        news: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Levels of stopping; 0 when the command has ended."""
        threading.Thread(target=_await, args=(child, news), daemon=True).start()

        def tell(level: int) -> None:
            # The first signal goes out here, so that cells are told in the order of stopping.
            if child.returncode is None and level > heedless:
                if level > heedless + 1:
                    remains.send(child.pid, remains.means(sys.platform)[-1])
                elif not self._patience.suicide:
                    remains.send(child.pid, remains.means(sys.platform)[0])
                news.put(level)

        with self._stop.telling(tell, ends=True):
            late, stopped = self._follow(child, news, until)
        self._drain()
        return Ended(child.returncode, time.monotonic() - begun, late, stopped)

    def _follow(
        self, child: subprocess.Popen[bytes], news: queue.SimpleQueue[int], until: float | None
    ) -> tuple[bool, bool]:
        """Wait for the end, and bring it about when it is due; says whether late, and stopped."""
        late = stopped = False
        ahead: list[tuple[float, str]] = []
        due = until
        while True:
            try:
                level = news.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                if not ahead:
                    late = True
                    ahead = list(escalation(self._patience, sys.platform, waits=False))
                _, name = ahead.pop(0)
                remains.send(child.pid, name)
                due = time.monotonic() + ahead[0][0] if ahead else None
                continue
            if not level:
                return late, stopped and not late
            if not stopped and not late:
                ahead = list(escalation(self._patience, sys.platform))
                if not self._patience.suicide:
                    ahead.pop(0)  # it has been sent
                due = time.monotonic() + ahead[0][0]
            stopped = True

    def _drain(self) -> None:
        """Wait until everything has been read that stands in the pipe now."""
        self._passed.clear()
        os.write(self._target, self._token)
        self._passed.wait()

    def _read(self) -> None:
        held = b""
        while data := self._block():
            data = held + data
            *before, rest = data.split(self._token)
            for piece in before:
                self._take(piece)
                self._finish()
                self._passed.set()
            # The beginning of a token may stand at the end.
            at = rest.rfind(b"\0", max(0, len(rest) - len(self._token) + 1))
            at = at if at >= 0 and self._token.startswith(rest[at:]) else len(rest)
            self._take(rest[:at])
            held = rest[at:]
        self._take(held)
        self._finish()

    def _block(self) -> bytes:
        """Read what is there; a prompt that is followed by nothing is passed on meanwhile."""
        if self._asks and self._lines.prompt:
            import select

            if not select.select([self._source], [], [], _PAUSE)[0]:
                self._pass_on(self._lines.end())
        return os.read(self._source, _BLOCK)

    def _take(self, data: bytes) -> None:
        self._put(self._mask.feed(data))

    def _put(self, data: bytes) -> None:
        if data:
            self._log.write(data)
            self._pass_on(self._lines.feed(data))

    def _finish(self) -> None:
        self._put(self._mask.end())
        self._pass_on(self._lines.end())
        self._log.flush()

    def _pass_on(self, lines: list[str]) -> None:
        # A fault there must not stop the reading, without which the command would stand still.
        for line in lines if self.fault is None else ():
            try:
                self._on_line(line)
            except Exception as exc:  # noqa: BLE001 (kept for who asks)
                self.fault = exc
                return


def _await(child: subprocess.Popen[bytes], news: queue.SimpleQueue[int]) -> None:
    child.wait()
    news.put(0)
