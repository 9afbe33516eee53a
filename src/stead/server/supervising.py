"""The worker processes of a server that has its own: started, started again, ended with it."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_log = logging.getLogger("stead.server.workers")

GRACE = 20.0
"""Seconds that workers have to hand back what they are at."""

LOOK = 0.5
SOONEST = 1.0
LATEST = 60.0
"""Seconds until one that died is followed by another; longer each time it dies soon."""


@contextlib.contextmanager
def supervised(argv: Sequence[str], count: int, environ: Mapping[str, str]) -> Iterator[None]:
    """Run so many processes, each until the context is left.

    Each has a pipe as standard input that ends when this process does, however it does:
    that is what tells it to end.
    """
    stop = threading.Event()
    threads = [
        threading.Thread(target=_keep, args=(argv, environ, number, stop), name=f"worker-{number}")
        for number in range(1, count + 1)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _keep(
    argv: Sequence[str], environ: Mapping[str, str], number: int, stop: threading.Event
) -> None:
    pause = SOONEST
    while not stop.is_set():
        began = time.monotonic()
        with subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE) as process:
            while not stop.wait(LOOK) and process.poll() is None:
                pass
            _end(process)
        if stop.is_set():
            return
        _log.error("worker ended", extra={"worker": number, "code": process.returncode})
        pause = SOONEST if time.monotonic() - began > LATEST else min(pause * 2, LATEST)
        stop.wait(pause)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
