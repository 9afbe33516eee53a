"""Solving for somebody who waits for the answer: in children, so many at once and no more.

A solve never runs in the process that answers requests. Whoever goes away while it runs has
it killed; what would wait behind too many others is refused at once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from stead.server.api.errors import BadRequest
from stead.server.engine.children import Children, Stopped, sweep
from stead.server.engine.reasons import Kind
from stead.server.specs.reading import FILES, LOCK, text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stead.server.engine.children import Ended
    from stead.server.values import Specification

AT_ONCE = 2
WAITING = 16
"""How many are solved at once, and how many may wait for their turn."""

LOOK = 0.1
"""Seconds between two looks at whether whoever asked is still there."""

_numbers = itertools.count(1)


class Solving:
    """Solves for those who ask this server. Closed by :meth:`close`, which ends what runs."""

    def __init__(self, directory: str, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """Prepare; nothing is started, and ``directory`` not touched, before the first solve."""
        self._directory = directory
        self._most = at_once + waiting
        self._asked = 0
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="solve")
        self._guard = threading.Lock()
        self._children: Children | None = None
        self._closed = False

    async def packages(
        self,
        wanted: Specification,
        seconds: float,
        gone: Callable[[], Awaitable[bool]],
        *,
        guarded: bool = False,
    ) -> list[dict[str, Any]]:
        """Give the packages that a specification becomes on this machine's platform.

        ``gone`` says whether whoever asked has gone, ``guarded`` that no private address may
        be reached. Raises BadRequest with the reason where
        it cannot be solved, and (429, 503) where it is not tried.
        """
        if self._closed:
            raise BadRequest("the server is ending", status=503)
        if self._asked >= self._most:
            raise BadRequest(
                f"{self._asked} solves are asked for already; try again in a while", status=429
            )
        self._asked += 1
        unwanted = threading.Event()
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, self._run, wanted, seconds, unwanted, guarded)
        try:
            while not (await asyncio.wait({running}, timeout=LOOK))[0]:
                if not unwanted.is_set() and await gone():
                    unwanted.set()
            ended = running.result()
        finally:
            # If this task was canceled, the child goes too; its thread ends by itself.
            unwanted.set()
            self._asked -= 1
        return _packages(ended, gone_away=self._closed)

    def _run(
        self, wanted: Specification, seconds: float, unwanted: threading.Event, guarded: bool
    ) -> Ended | None:
        if unwanted.is_set():
            return None
        arguments = {
            "file": FILES[wanted.kind],
            "text": text_of(wanted),
            "name": wanted.name,
            "home": os.path.join(self._directory, "home"),
            "lock": "",
            "preferred": wanted.spec.get(LOCK, ""),
            "guarded": guarded,
        }
        try:
            return self._started().run(
                "resolve",
                arguments,
                name="solve",
                wanted=lambda: not unwanted.is_set(),
                seconds=seconds,
            )
        except Stopped:
            return None

    def _started(self) -> Children:
        with self._guard:
            if self._closed:
                raise Stopped
            if self._children is None:
                scratch = os.path.join(self._directory, "steps")
                # What servers left that were killed.
                sweep(scratch)
                name = f"{os.getpid()}-{next(_numbers)}"
                self._children = Children(scratch, name)
            return self._children

    def close(self) -> None:
        """Kill what runs; whoever waits for it is told. Nothing is solved any more."""
        with self._guard:
            self._closed = True
            children, self._children = self._children, None
        if children is not None:
            children.close()
        self._threads.shutdown()


def _packages(ended: Ended | None, *, gone_away: bool) -> list[dict[str, Any]]:
    if ended is None:
        if gone_away:
            raise BadRequest("the server is ending", status=503)
        raise BadRequest("whoever asked has gone", status=499)
    if ended.failure is None:
        found: list[dict[str, Any]] = ended.result["packages"]
        return found
    if ended.failure.kind in (Kind.FAULT, Kind.STORE):
        raise BadRequest(ended.failure.reason, status=500)
    raise BadRequest(ended.failure.reason)
