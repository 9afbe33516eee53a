"""One process that is fed and heard to its end: what both kinds of connection are made of."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import IO, TYPE_CHECKING

from stead.deploy.connection import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def converse(
    argv: Sequence[str],
    stdin: Iterable[bytes],
    *,
    environ: Mapping[str, str],
    timeout: float | None = None,
    count: Callable[[int], None] = lambda _: None,
    session: bool = True,
) -> Answer:
    """Run a program to its end. ``count`` gets the bytes as they are given to it.

    It has a ``session`` of its own: an interrupt at the terminal is for the caller, who then decides
    what becomes of the machine. Raises TimeoutError, and what ``stdin`` raises; then the process
    is ended.
    """
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environ),
        start_new_session=session,
    )
    heard: dict[str, bytes] = {}

    def hear(name: str, source: IO[bytes]) -> None:
        with source:
            heard[name] = source.read()

    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    listeners = [
        threading.Thread(target=hear, args=("out", process.stdout), daemon=True),
        threading.Thread(target=hear, args=("err", process.stderr), daemon=True),
    ]
    for listener in listeners:
        listener.start()
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            _feed(process.stdin, stdin, count)
        process.wait(timeout)
    except subprocess.TimeoutExpired as exc:
        raise TimeoutError(f"no end within {timeout:g} s") from exc
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        if process.poll() is None:
            process.kill()
            process.wait()
        for listener in listeners:
            listener.join(5.0)
    return Answer(
        process.returncode, heard.get("out", b""), heard.get("err", b"").decode("utf-8", "replace")
    )


def _feed(target: IO[bytes], stdin: Iterable[bytes], count: Callable[[int], None]) -> None:
    for block in stdin:
        target.write(block)
        count(len(block))
    target.close()
