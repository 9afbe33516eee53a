"""A switch under a watchdog's eyes, as the one who deploys sees it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

from stead.store.atomic import storage
from stead.values.errors import DeployError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Self

    from stead.deploy.containers.generations import Generations
    from stead.store.locking import Lock

_MODULE = "stead.deploy.containers.switching"


class Watched:
    """A switch that is taken back where this process ends, or says nothing for too long.

    All of it is done by a process of its own (:mod:`stead.deploy.containers.switching`).
    """

    def __init__(
        self,
        generations: Generations,
        number: int,
        seconds: float,
        lock: Lock,
        environ: Mapping[str, str],
    ) -> None:
        """Prepare a switch to a generation, to be confirmed within so many seconds.

        ``lock`` keeps others out as long as either process lives.
        """
        self._generations = generations
        engine = generations.engine
        self._words = [
            *(sys.executable, "-I", "-m", _MODULE),
            *(engine.program, str(engine.grace)),
            *(generations.unit, generations.directory, str(number), f"{seconds:g}"),
        ]
        self._log = os.path.join(generations.directory, "watch.log")
        self._lock = lock
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        with storage(self._log):
            os.makedirs(self._generations.directory, 0o700, exist_ok=True)
            opened = open(self._log, "wb")
        with opened as log:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environ,
                pass_fds=() if sys.platform == "win32" else (self._lock.fd,),
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        assert process is not None
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        process.wait()
        # Kept where it says why that process ended before its time.
        with contextlib.suppress(OSError):
            if not os.path.getsize(self._log):
                os.unlink(self._log)

    def switch(self) -> None:
        """Stop what runs, and start what is to run. Raises DeployError; then revert."""
        self._ask("switch")

    def check(self) -> None:
        """Raise DeployError where nobody watches any more, or it was taken back."""
        assert self._process is not None
        if self._process.poll() is not None:
            self._ask("")

    def confirm(self) -> None:
        """Let it be. Raises DeployError where it was taken back before."""
        self._ask("confirm")

    def revert(self) -> None:
        """Go back to what ran before. Raises DeployError where that does not work."""
        try:
            self._ask("revert")
        except _EndedError:
            # Whoever was to do it is gone.
            self._generations.settle()

    def _ask(self, word: str) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        # One that has ended may have said before what it did.
        with contextlib.suppress(OSError):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
        for line in process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer["of"] == word:
                if "message" in answer:
                    raise DeployError(
                        answer["message"],
                        details=answer.get("details", ()),
                        remedy=answer.get("remedy", ""),
                    )
                return
            if answer["of"] == "revert":
                raise DeployError(
                    "the switch was taken back: nothing was heard of this deploy for too long",
                    remedy="deploy again",
                )
        # Who waits for what it has begun is not to wait for itself to look after its end.
        process.wait()
        raise _EndedError(
            "the process that watches over the switch has ended",
            remedy="deploy again",
        )


class _EndedError(DeployError):
    """The other process is gone."""
