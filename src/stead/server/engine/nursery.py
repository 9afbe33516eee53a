"""The process that step bodies are forked from: everything they need is imported already.

It has one thread, so that a fork is whole. What it is asked arrives on a socket as
messages: ``run`` with a directory and three pipes (for what is said, for results, for
requests), ``kill`` with a number.
It answers ``ended`` once a child and all that the child has started are gone. When
the socket's other end is closed, because the worker ended in whatever way, it kills
all children with all they have started, removes their directories, and ends.

A child leads a process group of its own and ends when this process does.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import resource
import select
import signal
import socket
import sys
import tempfile
from typing import Any

from stead.values.errors import StoreError

MESSAGE = 64 * 1024
_PR_SET_PDEATHSIG = 1
_LEAST = 32 * 2**20
"""Bytes that must be left to begin with: rattler waits without end for threads that it has no room for."""
_NO_MEMORY = 137
# Looked up before there are forks: another thread may hold the linker's lock when one is made.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(descriptor: int) -> None:
    """Serve a worker until it is gone."""
    _warm()
    waking, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the worker decides when it is over
    # Children have it too, under this number: who reads the other end knows when all are gone.
    os.dup(1)
    with socket.socket(fileno=descriptor) as worker:
        nursery = _Nursery(worker, (waking, waker))
        nursery.say({"ready": os.getpid()})
        while True:
            ready, _, _ = select.select([worker.fileno(), waking], [], [])
            if waking in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(waking, 4096)
                nursery.reap()
            if worker.fileno() in ready and not nursery.take():
                nursery.end()
                return


_NEEDED = (
    "asyncio",
    "difflib",
    "rattler",
    "rattler.exceptions",
    "rattler.package_streaming",
    "urllib.request",
    "yaml",
    "stead.ecosystems.conda.activation",
    "stead.ecosystems.conda.fetch",
    "stead.ecosystems.conda.install",
    "stead.ecosystems.conda.solve",
    "stead.ecosystems.conda.verify",
    "stead.ecosystems.conda.addresses",
    "stead.formats._lock_canonical",
    "stead.formats.conda_lock",
    "stead.formats.environment_yml",
    "stead.formats.requirements_txt",
    "stead.pipeline.exchange",
    "stead.pipeline.locks",
    "stead.pipeline.substitutes",
    "stead.server.engine.guard",
    "stead.server.engine.steps.bodies",
    "stead.server.engine.steps.packing",
    "stead.server.engine.steps.world",
    "stead.store.hashing",
    "stead.store.listing",
    "stead.store.private_files",
    "stead.store.rendered",
    "stead.store.survey",
    "stead.store.verify",
)
"""What steps import by and by: what is missing here, each child imports anew."""


def _warm() -> None:
    """Have what steps need imported, compiled and found out."""
    for name in _NEEDED:
        importlib.import_module(name)
    _rehearse()
    # What is here stays: looking through it would copy it into each child.
    gc.collect()
    gc.freeze()


_REHEARSED = "name: rehearsed\nchannels:\n  - file:///nowhere\ndependencies: []\n"


def _rehearse() -> None:
    """Do what starts no thread: patterns and values are compiled when they are first used."""
    from stead.ecosystems.conda.virtual import detected
    from stead.server.engine.steps import bodies, world

    detected()
    with (
        tempfile.TemporaryDirectory(dir=".") as directory,
        open(os.devnull, "w", encoding="utf-8") as nothing,
        contextlib.redirect_stdout(nothing),
    ):
        scratch = os.path.abspath(directory)
        arguments = {"file": "environment.yml", "text": _REHEARSED, "name": "rehearsed"}
        arguments["home"] = os.path.join(scratch, "home")
        made = world.make(arguments, scratch)
        for body in ("solve", "fetch"):
            bodies.run(body, made)
        bodies.exported(made.settled(), "conda-lock")


class _Nursery:
    def __init__(self, worker: socket.socket, own: tuple[int, int]) -> None:
        self._worker = worker
        self._own = own
        self._children: dict[int, tuple[int, str]] = {}
        """pid → its number, and its directory."""

    def say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a worker that is gone is noticed by `take`
            self._worker.send(json.dumps(message).encode())

    def take(self) -> bool:
        """Do what is asked next; False where nobody will ask any more."""
        try:
            content, descriptors, _, _ = socket.recv_fds(self._worker, MESSAGE, 4)
        except OSError:
            return False
        if not content:
            return False
        asked = json.loads(content)
        if asked["do"] == "run":
            self._run(asked, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            for pid, (number, _) in self._children.items():
                if number == asked["number"]:
                    _kill(pid)
        return True

    def _run(self, asked: dict[str, Any], pipes: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.setpgid(0, 0)
                end_with_parent()
                self._worker.close()
                for descriptor in self._own:
                    os.close(descriptor)
                status = _child(asked, *pipes)
            finally:
                os._exit(status)
        with contextlib.suppress(OSError):  # whoever is first
            os.setpgid(pid, pid)
        self._children[pid] = (asked["number"], asked["scratch"])

    def reap(self) -> None:
        """See to children that have ended: what they have left in their group ends too."""
        for pid, (number, _) in list(self._children.items()):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                continue
            # Until it is waited for its number is no other group's.
            _kill(pid)
            _, status = os.waitpid(pid, 0)
            del self._children[pid]
            self.say({"ended": number, "status": os.waitstatus_to_exitcode(status)})

    def end(self) -> None:
        """Leave nothing."""
        for pid in self._children:
            _kill(pid)
        for pid, (_, scratch) in self._children.items():
            os.waitpid(pid, 0)
            remove(scratch)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def remove(directory: str) -> None:
    """Remove a directory, as far as that can be done."""
    from stead.store.atomic import remove_tree

    with contextlib.suppress(StoreError):
        remove_tree(directory)


def _child(asked: dict[str, Any], log: int, reports: int, requests: int) -> int:
    """Run the bodies that are asked for, until there are no more; gives the exit status."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if memory := asked["memory"]:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        try:
            mmap.mmap(-1, _LEAST).close()
        except OSError:
            return _NO_MEMORY
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115

    from stead.server.engine.reasons import failure_of
    from stead.server.engine.steps import bodies, world

    scratch = asked["scratch"]
    os.chdir(scratch)
    with open(os.path.join(scratch, "asked.json"), encoding="utf-8") as file:
        arguments = json.load(file)
    made = None
    with open(requests, encoding="utf-8", closefd=False) as lines:
        for line in lines:
            request = json.loads(line)
            try:
                made = made or world.make(arguments, scratch)
                given = bodies.run(request["body"], made.given(request["arguments"]))
                report = {"result": given}
            except Exception as exc:  # noqa: BLE001 (this is where they become words)
                # What was handed in has no path for those who handed it in.
                place = os.path.join(scratch, "place", arguments["name"], "")
                failure = failure_of(exc).without(place)
                if made is not None:
                    failure = made.told(failure)
                print(failure.info)
                if failure.kind == "fault":
                    import traceback

                    traceback.print_exc()
                report = {"failure": failure.to_json()}
            sys.stdout.flush()
            sys.stderr.flush()
            content = memoryview(json.dumps(report).encode() + b"\n")
            while content:
                content = content[os.write(reports, content) :]
            if "failure" in report:
                break
    return 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
