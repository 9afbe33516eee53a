"""Step bodies in processes of their own, forked from one that has everything imported.

Each child has a process group, a directory that is gone after it, a limit of memory and
one of time. Whoever waits for it may be told to stop (:meth:`Children.stop`): the
group is killed. If this process is killed, all of it is gone too, directories included
(see :mod:`stead.server.engine.nursery`).
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
from typing import TYPE_CHECKING, Any

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
class _Child:
    number: int
    done: threading.Event = field(default_factory=threading.Event)
    status: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Bounds:
    on_output: Callable[[str], None]
    wanted: Callable[[], bool]
    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a body ended: with a result or with a failure."""

    result: Any = None
    failure: Failure | None = None


class Children:
    """Runs bodies for one worker. Closed by :meth:`close`, which kills what still runs."""

    def __init__(self, scratch: str, name: str) -> None:
        """Prepare; ``scratch`` is a directory for all workers of this machine, ``name`` this one's."""
        self.root = os.path.join(scratch, name)
        os.makedirs(self.root, exist_ok=True)
        self._lock = os.open(os.path.join(self.root, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._numbers = itertools.count(1)
        self._guard = threading.Lock()
        self._running: dict[int, _Child] = {}
        self._keys: dict[int, object] = {}
        self._nursery: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    def start(self) -> None:
        """Have the process ready that children are forked from."""
        with self._guard:
            self._start()

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
        """Run a body to its end, and give what it gave.

        ``name`` is that of its directory; ``on_output`` gets what it prints, as it
        prints it, and nothing now and then: time passes. Raises Stopped where :meth:`stop` was called for ``key``, or ``wanted``
        says that nobody wants the result.
        """
        scratch = os.path.join(self.root, f"{name}-{next(self._numbers)}")
        os.mkdir(scratch, 0o700)
        try:
            with open(os.path.join(scratch, "asked.json"), "w", encoding="utf-8") as file:
                json.dump(arguments, file)
            return self._run(body, scratch, _Bounds(on_output, wanted, seconds, memory), key)
        finally:
            remove(scratch)

    def _run(self, body: str, scratch: str, bounds: _Bounds, key: object) -> Ended:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            with self._guard:
                if self._closed:
                    raise Stopped
                child = _Child(next(self._numbers))
                asked = {"do": "run", "number": child.number, "body": body}
                asked |= {"scratch": scratch, "memory": bounds.memory}
                message = json.dumps(asked).encode()
                connection = self._start()
                # Known before it is begun: it may have ended before this goes on.
                self._running[child.number] = child
                self._keys[child.number] = key
                try:
                    socket.send_fds(connection, [message], [writing])
                except OSError:  # the process that forks has just ended
                    child.status = -9
                    child.done.set()
            os.close(writing)
            writing = -1
            return self._follow(child, scratch, reading, bounds)
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)
            with self._guard:
                for number in [n for n, c in self._running.items() if c.done.is_set()]:
                    del self._running[number], self._keys[number]

    def _follow(self, child: _Child, scratch: str, reading: int, bounds: _Bounds) -> Ended:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        deadline = time.monotonic() + bounds.seconds
        late = False
        while True:
            ready, _, _ = select.select([reading], [], [], 0.05)
            if ready:
                content = os.read(reading, _CHUNK)
                bounds.on_output(decoder.decode(content, final=not content))
                if not content:
                    break
            elif child.done.is_set():
                break
            else:
                bounds.on_output("")
            if not late and time.monotonic() > deadline:
                late = True
                self._kill(child)
            if not child.stopped and not bounds.wanted():
                child.stopped = True
                self._kill(child)
        child.done.wait()
        if child.stopped:
            raise Stopped
        if late:
            return Ended(failure=too_long(bounds.seconds))
        try:
            with open(os.path.join(scratch, "result.json"), encoding="utf-8") as file:
                given = json.load(file)
        except FileNotFoundError:
            return Ended(failure=died(child.status, bounds.memory))
        if "failure" in given:
            return Ended(failure=Failure.of_json(given["failure"]))
        return Ended(result=given["result"])

    def stop(self, key: object = None) -> None:
        """Kill the children of a key, all of them without one."""
        with self._guard:
            chosen = [c for n, c in self._running.items() if key is None or self._keys[n] == key]
        for child in chosen:
            child.stopped = True
            self._kill(child)

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

    def _kill(self, child: _Child) -> None:
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
