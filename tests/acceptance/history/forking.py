"""Runs the command line in forked processes of its own, each with a fault that was asked for.

Run as a script, it reads a job per line of standard input, and answers each with a
line: what the command gave, and how many calls to the system it had made that change
files. The modules are imported once, so that a command starts in an instant.

The fault ``kill`` ends the process by SIGKILL right before such a call; ``full`` lets
this and all later calls that need space fail, as on a full disk; ``once`` lets one
call fail, as a bad sector does; ``readonly`` lets all changes below the place fail; with
``clock`` the time is so many seconds off. ``late`` ends the process after so many milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import tempfile
import time
from typing import Any

SPACE = ("write", "mkdir", "link", "symlink", "fsync")
OTHERS = ("open", "replace", "rename", "unlink", "rmdir", "chmod", "utime")


class Fault:
    """Counts the calls of this process that change files, and strikes at one of them."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.at, self.calls, self.process = kind, at, 0, os.getpid()
        self.place = os.path.join(os.getcwd(), "")

    def install(self) -> None:
        for name in (*SPACE, *OTHERS):
            setattr(os, name, self._around(name, getattr(os, name)))

    def _around(self, name: str, real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            flags = args[1] if name == "open" and len(args) > 1 else more.get("flags", 0)
            writes = name != "open" or flags & (os.O_WRONLY | os.O_RDWR)
            if writes and os.getpid() == self.process:
                self.calls += 1
                self._strike(name, flags, args[0] if args else "")
            return real(*args, **more)

        return call

    def _strike(self, name: str, flags: int, first: Any) -> None:
        if self.kind == "readonly" and str(first).startswith(self.place):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(first))
        if self.kind == "kill" and self.calls == self.at:
            os.kill(self.process, signal.SIGKILL)
        if self.kind == "once" and self.calls == self.at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        needs = name in SPACE or (name == "open" and flags & os.O_CREAT)
        if self.kind == "full" and self.calls >= self.at and needs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def run(job: dict[str, Any], out: int, err: int, counted: int) -> int:
    """Be the command: in its directory, with its variables and its fault."""
    os.environ.clear()
    os.environ.update(job["environ"])
    os.chdir(job["cwd"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, stream in ((0, nothing), (1, out), (2, err)):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    write, clock = os.write, time.time
    if job["kind"] == "clock":
        time.time = lambda: clock() + job["at"]
    fault = Fault(job["kind"], job["at"])
    fault.install()
    from stead.cli.main import main

    code = 1
    try:
        code = main(job["words"])
    except SystemExit as exc:
        code = int(exc.code or 0)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    write(counted, str(fault.calls).encode())
    return code


def answer(job: dict[str, Any]) -> dict[str, Any]:
    counted, count = os.pipe()
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
        child = os.fork()
        if child == 0:
            code = 71
            try:
                os.close(counted)
                code = run(job, out.fileno(), err.fileno(), count)
            finally:
                os._exit(code)
        os.close(count)
        if job["kind"] == "late":
            time.sleep(job["at"] / 1000)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        calls = os.read(counted, 20).decode()
        os.close(counted)
        code = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return {"code": code, "calls": int(calls or 0), "out": texts[0], "err": texts[1]}


def serve() -> None:
    """Answer jobs until standard input ends."""
    import stead.cli._world
    import stead.cli.errors
    import stead.cli.main
    import stead.cli.progress
    import stead.history.record
    import stead.history.undo
    import stead.pipeline.change
    import stead.pipeline.keep
    import stead.pipeline.state
    import stead.pipeline.variables  # noqa: F401

    # The answers' own way out: commands have standard output for themselves.
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve()
