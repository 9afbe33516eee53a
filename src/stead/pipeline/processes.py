"""processes: an app's commands side by side, until one of them ends.

Each has a process group of its own, so that what it started ends with it, and
its output comes line by line behind its name.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING

from stead.pipeline.run import not_started
from stead.pipeline.signals import handling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.pipeline.run import Command

GRACE = 10.0
"""Seconds that a process has between being asked to end and being made to."""

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_PASSED_ON = ("SIGUSR1", "SIGUSR2")
_COLOURS = (36, 33, 32, 35, 34, 31)
_CLOSED = 128 + 13
"""The exit code where nobody reads the output any more, as of a process that SIGPIPE ends."""
_LONGEST = 64 * 1024
"""Bytes of one line that are written at once; the rest follows as another."""


def run_together(
    processes: Sequence[tuple[str, Command]],
    *,
    out: IO[bytes],
    err: IO[bytes],
    colour: bool,
    note: Callable[[str], None],
    grace: float = GRACE,
) -> int:
    """Run named commands side by side; gives the exit code of the first that failed.

    When one has ended, the others are asked to end, and made to after ``grace``
    seconds. Signals are passed on to all. Nobody reads from the terminal. ``out``
    and ``err`` get the processes' output, each line with its process's name before
    it. Raises TaskError where one cannot be started; then none is left running.
    """
    together = _Together(out, err, note, grace)
    width = max(len(name) for name, _ in processes)
    with together.signals():
        try:
            for number, (name, command) in enumerate(processes):
                prefix = f"{name:<{width}} | "
                if colour:
                    prefix = f"\033[{_COLOURS[number % len(_COLOURS)]}m{prefix}\033[0m"
                together.start(name, command, prefix.encode())
            return together.wait()
        finally:
            together.end_all()


class _Together:
    def __init__(
        self, out: IO[bytes], err: IO[bytes], note: Callable[[str], None], grace: float
    ) -> None:
        self._streams = out, err
        self._note = note
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._running: set[str] = set()
        self._readers: list[threading.Thread] = []
        self._events: queue.SimpleQueue[tuple[str, int | None]] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._asked = 0.0
        """When all were asked to end; 0 while nobody was."""
        self._starting = False
        self._later: list[Callable[[], object]] = []
        """What signals ask for that came while a child was being started."""

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Pass signals on meanwhile. What the caller has ignored stays so for all."""

        def pass_on(number: int, _: object) -> None:
            self._when_started(lambda: self._send(number))

        def end(number: int, _: object) -> None:
            self._when_started(lambda: self._end(number))

        with handling({_ENDING: end, _PASSED_ON: pass_on}):
            yield

    def _when_started(self, told: Callable[[], object]) -> None:
        # A child that is just being started is not known yet, and would hear nothing.
        if self._starting:
            self._later.append(told)
        else:
            told()

    def _end(self, number: int) -> None:
        # Who says it twice does not want to wait.
        self._send(number if not self._asked else _kill())
        self._asked = self._asked or time.monotonic()
        self._events.put(("", None))  # who waits has a time to look at now

    def start(self, name: str, command: Command, prefix: bytes) -> None:
        if self._asked:
            return
        self._starting = True
        try:
            self._start(name, command, prefix)
        finally:
            self._starting = False
            while self._later:
                self._later.pop(0)()

    def _start(self, name: str, command: Command, prefix: bytes) -> None:
        try:
            child = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=dict(command.environ),
                pass_fds=command.holds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,  # where there are such
            )
        except OSError as exc:
            raise not_started(command, exc) from exc
        self._children[name] = child
        self._running.add(name)
        assert child.stdout is not None
        assert child.stderr is not None
        for source, target in zip((child.stdout, child.stderr), self._streams, strict=True):
            reader = threading.Thread(target=self._copy, args=(source, target, prefix), daemon=True)
            reader.start()
            self._readers.append(reader)
        threading.Thread(target=self._await, args=(name, child), daemon=True).start()

    def wait(self) -> int:
        """Wait for all to end; gives the exit code."""
        code: int | None = None
        while self._running:
            try:
                name, ended = self._events.get(timeout=0.5 if self._asked else None)
            except queue.Empty:
                self._force_if_late()
                continue
            if not name:
                code = ended if code is None else code
            else:
                self._running.discard(name)
                if not self._asked and self._running:
                    self._note(f"{name} ended with {ended}; ending the others")
                if code is None and (ended or not self._asked):
                    code = ended
            if not self._asked:
                self._asked = time.monotonic()
                self._send(signal.SIGTERM)
            self._force_if_late()
        return code or 0

    def end_all(self) -> None:
        """Leave nothing running, and write what is still to be written."""
        self._send(_kill())
        for child in self._children.values():
            child.wait()
        for reader in self._readers:
            reader.join(1.0)

    def _force_if_late(self) -> None:
        if self._asked and time.monotonic() - self._asked > self._grace:
            self._send(_kill())

    def _send(self, number: int) -> None:
        """Send a signal to each process and what it started."""
        for child in list(self._children.values()):
            with contextlib.suppress(OSError):
                if os.name == "posix":
                    os.killpg(child.pid, number)
                else:
                    child.terminate()

    def _await(self, name: str, child: subprocess.Popen[bytes]) -> None:
        code = child.wait()
        self._events.put((name, code if code >= 0 else 128 - code))

    def _copy(self, source: IO[bytes], target: IO[bytes], prefix: bytes) -> None:
        """Copy lines, whole ones: those of two processes do not mix."""
        with source:
            while line := source.readline(_LONGEST):
                try:
                    with self._writing:
                        target.write(prefix + line + (b"" if line.endswith(b"\n") else b"\n"))
                        target.flush()
                except (OSError, ValueError):
                    self._events.put(("", _CLOSED))
                    return


def _kill() -> int:
    return signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM
