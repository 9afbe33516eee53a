"""The worker processes of a server that has its own: started, started again, ended with it.

Who started a process knows at once that it died, and needs no lease for it: its builds are
handed on once everything that it had started is gone too.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from stead.server.engine import reaper
from stead.server.engine.queue import BuildQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stead.server.database.opening import Database

_log = logging.getLogger("stead.server.workers")

GRACE = 20.0
"""Seconds that workers have to hand back what they are at."""

LOOK = 0.5
SOONEST = 1.0
LATEST = 60.0
"""Seconds until one that died is followed by another; longer each time it dies soon."""


@contextlib.contextmanager
def supervised(
    argv: Sequence[str],
    count: int,
    environ: Mapping[str, str],
    on_death: Callable[[int], None] = lambda _: None,
) -> Iterator[None]:
    """Run so many processes, each until the context is left.

    Each has a pipe as standard input that ends when this process does, however it does:
    that is what tells it to end. To its standard output it writes its number as a worker, and
    nothing else; all that it starts has this too. Where it died, and nobody has it any more,
    ``on_death`` is called with the number.
    """
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=_keep, args=(argv, environ, number, stop, on_death), name=f"worker-{number}"
        )
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


def hands_on(database: Database) -> Callable[[int], None]:
    """Give what has others go on with the builds of a worker that is known to be dead."""

    def hand_on(worker_id: int) -> None:
        queue = BuildQueue(database)
        try:
            handed = reaper.hand_on_from(database, queue.client, worker_id)
        except SQLAlchemyError as exc:
            # Its silence will tell.
            _log.warning(
                "worker not known to be dead", extra={"worker": worker_id, "why": str(exc)}
            )
        else:
            _log.info("builds handed on", extra={"worker": worker_id, "builds": handed})
        finally:
            queue.close()

    return hand_on


def _keep(
    argv: Sequence[str],
    environ: Mapping[str, str],
    number: int,
    stop: threading.Event,
    on_death: Callable[[int], None],
) -> None:
    pause = SOONEST
    while not stop.is_set():
        began = time.monotonic()
        with subprocess.Popen(
            argv,
            bufsize=0,  # the reading may outlast what is done with the process here
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            said: list[bytes] = []
            reading = threading.Thread(target=_read, args=(process, said), daemon=True)
            reading.start()
            while not stop.wait(LOOK) and process.poll() is None:
                pass
            _end(process)
            # What it started has the other end until it is gone.
            reading.join(GRACE)
            if not reading.is_alive() and process.returncode and said and said[0].strip().isdigit():
                on_death(int(said[0]))
        if stop.is_set():
            return
        _log.error("worker ended", extra={"worker": number, "code": process.returncode})
        pause = SOONEST if time.monotonic() - began > LATEST else min(pause * 2, LATEST)
        stop.wait(pause)


def _read(process: subprocess.Popen[bytes], said: list[bytes]) -> None:
    """Keep the first line, until everybody has closed the pipe."""
    assert process.stdout is not None
    for line in process.stdout:
        if not said:
            said.append(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
