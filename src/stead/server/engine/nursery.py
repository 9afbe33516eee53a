"""The process that step bodies are forked from: everything they need is imported already.

It has one thread, so that a fork is whole. What it is asked arrives on a socket as
messages: ``run`` with a directory and the writing end of a log, ``kill`` with a number.
It answers ``ended`` once a child and all that the child has started are gone. When
the socket's other end is closed, because the worker ended in whatever way, it kills
all children with all they have started, removes their directories, and ends.

A child leads a process group of its own and ends when this process does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

from stead.values.errors import StoreError

MESSAGE = 64 * 1024
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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


def _warm() -> None:
    """Import what steps need."""
    import asyncio  # noqa: F401

    import rattler  # noqa: F401
    import yaml  # noqa: F401

    import stead.ecosystems.conda.install
    import stead.ecosystems.conda.solve
    import stead.pipeline.exchange
    import stead.pipeline.locks
    import stead.server.engine.steps.bodies  # noqa: F401


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
            self._run(asked, descriptors[0])
            os.close(descriptors[0])
        else:
            for pid, (number, _) in self._children.items():
                if number == asked["number"]:
                    _kill(pid)
        return True

    def _run(self, asked: dict[str, Any], log: int) -> None:
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.setpgid(0, 0)
                end_with_parent()
                self._worker.close()
                for descriptor in self._own:
                    os.close(descriptor)
                status = _child(asked, log)
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


def _child(asked: dict[str, Any], log: int) -> int:
    """Run a body; gives the exit status. Its result is a file, put in place whole."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if memory := asked["memory"]:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115

    from stead.server.engine.reasons import failure_of
    from stead.server.engine.steps import bodies

    scratch = asked["scratch"]
    os.chdir(scratch)
    with open(os.path.join(scratch, "asked.json"), encoding="utf-8") as file:
        arguments = json.load(file)
    try:
        result = {"result": bodies.run(asked["body"], arguments, scratch)}
    except Exception as exc:  # noqa: BLE001 (this is where they become words)
        # What was handed in has no path for those who handed it in.
        failure = failure_of(exc).without(os.path.join(scratch, "place", arguments["name"], ""))
        print(failure.info)
        if failure.kind == "fault":
            import traceback

            traceback.print_exc()
        result = {"failure": failure.to_json()}
    path = os.path.join(scratch, "result.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.rename(path + ".new", path)
    sys.stdout.flush()
    sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
