"""Step bodies in processes of their own, forked from one that has everything imported.

Each child has a process group, a directory that is gone after it, a limit of memory and
one of time for each body. It runs the bodies that it is asked for one after the other,
without waiting until somebody takes the results: what is written down of one meanwhile costs
no time. Whoever waits for it may be told to stop (:meth:`Children.stop`): the group is
killed. If this process is killed, all of it is gone too, directories included (see
:mod:`stead.server.engine.nursery`).
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from stead.server.engine.nursery import MESSAGE, remove
from stead.server.engine.reasons import Failure, died, too_long

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEMORY = 16 * 2**30
"""Bytes of address space that a child may have: programs map far more than they use."""

SECONDS = 3600.0

_LOCK = ".lock"
_CHUNK = 64 * 1024


class Stopped(BaseException):
    """The child was killed because its result is not wanted any more.

    Not an ``Exception``: nothing of it may be written down as the step's result.
    """


@dataclass(slots=True)
class _Ending:
    """How a child's process ends, told by the process that forks."""

    number: int
    done: threading.Event = field(default_factory=threading.Event)
    status: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Bounds:
    on_output: Callable[[str], None]
    wanted: Callable[[], bool]
    memory: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a body ended: with a result or with a failure."""

    result: Any = None
    failure: Failure | None = None


class Child:
    """A process that runs bodies in their order. Closed by :meth:`close`, or as a context."""

    def __init__(
        self,
        children: Children,
        ending: _Ending,
        scratch: str,
        pipes: tuple[int, int, int],
        bounds: _Bounds,
    ) -> None:
        self._children = children
        self._ending = ending
        self._scratch = scratch
        self._output, self._reports, self._requests = pipes
        self._bounds = bounds
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._reported = bytearray()
        self._silent = False

    def ask(self, body: str, **arguments: Any) -> None:
        """Ask for a body after those that were asked for, with arguments besides the child's."""
        content = memoryview(json.dumps({"body": body, "arguments": arguments}).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):  # who takes the result is told of it
            while content:
                content = content[os.write(self._requests, content) :]

    def result(self, seconds: float = SECONDS) -> Ended:
        """Wait for the next body's end; ``seconds`` is what is left to it.

        Raises Stopped where :meth:`Children.stop` was called, or nobody wants the result.
        """
        deadline = time.monotonic() + seconds
        late = False
        while (report := self._report()) is None:
            watched = [self._reports] if self._silent else [self._output, self._reports]
            # Asked first: what it wrote before it ended is there then, and is seen below.
            over = self._ending.done.is_set()
            ready, _, _ = select.select(watched, [], [], 0.05)
            if self._reports in ready:
                content = os.read(self._reports, _CHUNK)
                self._reported += content
                if not content and not self._silent:
                    self._take_output()
                if not content:
                    break
            elif ready:
                self._take_output()
            elif over:
                break
            else:
                self._bounds.on_output("")
            if not late and time.monotonic() > deadline:
                late = True
                self._kill()
            if not self._ending.stopped and not self._bounds.wanted():
                self._ending.stopped = True
                self._kill()
        if report is None:
            self._ending.done.wait()
        if self._ending.stopped:
            raise Stopped
        if late:
            return Ended(failure=too_long(seconds))
        if report is None:
            return Ended(failure=died(self._ending.status, self._bounds.memory))
        self._take_output()  # what was said before it ended
        if "failure" in report:
            return Ended(failure=Failure.of_json(report["failure"]))
        return Ended(result=report["result"])

    def _report(self) -> dict[str, Any] | None:
        line, end, rest = self._reported.partition(b"\n")
        if not end:
            return None
        self._reported = rest
        report: dict[str, Any] = json.loads(line)
        return report

    def _take_output(self) -> None:
        """Hand on what is there; a pipe holds no more than a chunk."""
        try:
            content = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return
        self._silent = not content
        self._bounds.on_output(self._decoder.decode(content, final=not content))

    def _kill(self) -> None:
        self._children.kill(self._ending)

    def close(self) -> None:
        """End it, whatever it is at, with all that it has started, and remove its directory."""
        if self._requests < 0:
            return
        os.close(self._requests)  # it ends by itself where it is done
        self._requests = -1
        if not self._ending.done.wait(0.05):
            self._kill()
            self._ending.done.wait()
        os.close(self._output)
        os.close(self._reports)
        self._children.forget(self._ending)
        remove(self._scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Children:
    """Has children for one worker. Closed by :meth:`close`, which kills what still runs."""

    def __init__(self, scratch: str, name: str) -> None:
        """Prepare; ``scratch`` is a directory for all workers of this machine, ``name`` this one's."""
        self.root = os.path.join(scratch, name)
        os.makedirs(self.root, exist_ok=True)
        self._lock = os.open(os.path.join(self.root, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._numbers = itertools.count(1)
        self._guard = threading.Lock()
        self._running: dict[int, _Ending] = {}
        self._keys: dict[int, object] = {}
        self._nursery: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    def start(self) -> None:
        """Have the process ready that children are forked from."""
        with self._guard:
            self._start()

    def begin(
        self,
        arguments: Mapping[str, Any],
        *,
        name: str,
        on_output: Callable[[str], None] = lambda _: None,
        wanted: Callable[[], bool] = lambda: True,
        memory: int = MEMORY,
        key: object = None,
    ) -> Child:
        """Start a child whose bodies get ``arguments``, and those of their own.

        ``name`` is that of its directory; ``on_output`` gets what it prints, as it prints
        it, and nothing now and then: time passes. Raises Stopped where this is closed.
        """
        scratch = os.path.join(self.root, f"{name}-{next(self._numbers)}")
        os.mkdir(scratch, 0o700)
        ours, theirs = _pipes()
        try:
            with open(os.path.join(scratch, "asked.json"), "w", encoding="utf-8") as file:
                json.dump(arguments, file)
            ending = self._fork(scratch, theirs, memory, key)
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            remove(scratch)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Child(self, ending, scratch, ours, _Bounds(on_output, wanted, memory))

    def run(
        self,
        body: str,
        arguments: Mapping[str, Any],
        *,
        name: str,
        on_output: Callable[[str], None] = lambda _: None,
        wanted: Callable[[], bool] = lambda: True,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        key: object = None,
    ) -> Ended:
        """Run one body in a child of its own; gives how it ended."""
        with self.begin(
            arguments, name=name, on_output=on_output, wanted=wanted, memory=memory, key=key
        ) as child:
            child.ask(body)
            return child.result(seconds)

    def _fork(self, scratch: str, pipes: tuple[int, int, int], memory: int, key: object) -> _Ending:
        with self._guard:
            if self._closed:
                raise Stopped
            ending = _Ending(next(self._numbers))
            asked = {"do": "run", "number": ending.number, "scratch": scratch, "memory": memory}
            connection = self._start()
            # Known before it is begun: it may have ended before this goes on.
            self._running[ending.number] = ending
            self._keys[ending.number] = key
            try:
                socket.send_fds(connection, [json.dumps(asked).encode()], list(pipes))
            except OSError:  # the process that forks has just ended
                ending.status = -9
                ending.done.set()
        return ending

    def forget(self, ending: _Ending) -> None:
        """Drop what is known of a child that has ended."""
        with self._guard:
            self._running.pop(ending.number, None)
            self._keys.pop(ending.number, None)

    def stop(self, key: object = None) -> None:
        """Kill the children of a key, all of them without one."""
        with self._guard:
            chosen = [c for n, c in self._running.items() if key is None or self._keys[n] == key]
        for child in chosen:
            child.stopped = True
            self.kill(child)

    def close(self) -> None:
        """Kill what runs, and leave no process and no directory."""
        with self._guard:
            self._closed = True
        self.stop()
        with self._guard:
            nursery, connection = self._nursery, self._socket
            self._nursery = self._socket = None
        if connection is not None:
            connection.shutdown(socket.SHUT_WR)
        if nursery is not None:
            nursery.wait()
        remove(self.root)
        os.close(self._lock)

    def kill(self, child: _Ending) -> None:
        """Kill a child with all that it has started."""
        with self._guard:
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it is gone, and its children with it
                    self._socket.send(json.dumps({"do": "kill", "number": child.number}).encode())

    def _start(self) -> socket.socket:
        """Give the connection to the process that forks, started where there is none."""
        if self._socket is not None:
            return self._socket
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "stead.server.engine.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                cwd=self.root,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        reader = threading.Thread(
            target=self._listen, args=(ours, self._nursery), name="children", daemon=True
        )
        reader.start()
        return ours

    def _listen(self, connection: socket.socket, nursery: subprocess.Popen[bytes]) -> None:
        """Tell those who wait that their children have ended."""
        while True:
            try:
                content = connection.recv(MESSAGE)
            except OSError:
                content = b""
            if not content:
                break
            said = json.loads(content)
            child = self._running.get(said.get("ended", 0))
            if child is not None:
                child.status = said["status"]
                child.done.set()
        connection.close()
        nursery.wait()
        with self._guard:
            if self._socket is connection:
                self._socket = self._nursery = None
            for child in self._running.values():
                if not child.done.is_set():
                    child.status = -9
                    child.done.set()


def _pipes() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make the pipes for output, reports and requests: our ends, and the child's."""
    output, writes_output = os.pipe()
    reports, writes_reports = os.pipe()
    reads_requests, requests = os.pipe()
    os.set_blocking(output, False)
    return (output, reports, requests), (writes_output, writes_reports, reads_requests)


def sweep(scratch: str) -> list[str]:
    """Remove what workers have left that are not there any more; gives their names."""
    removed = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(scratch)):
            directory = os.path.join(scratch, name)
            try:
                descriptor = os.open(os.path.join(directory, _LOCK), os.O_RDWR)
            except OSError:
                continue  # it is being made, or removed
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                remove(directory)
                removed.append(name)
            finally:
                os.close(descriptor)
    return removed
