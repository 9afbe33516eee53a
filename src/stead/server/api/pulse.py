"""Those who follow along: woken when there is something new, however many there are.

One look at the database every few hundredths of a second tells of all events and of all logs
that somebody follows; nobody looks while nobody follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import StreamingResponse

from stead.server.api.errors import AWAY, BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

    from stead.server.database.opening import Database

PERIOD = 0.05
"""Seconds between two looks."""

MOST = 512
"""How many may follow at once."""

HEARTBEAT = 15.0
"""Seconds of silence after which a follower is told that there is nothing new."""

STALLED = 60.0
"""Seconds that a follower may take to read what it was sent."""

_EVENTS = "SELECT max(id) FROM event"


class Watch:
    """One follower's place: of all events, or (``build_id``) of one build's log too."""

    def __init__(self, pulse: Pulse, build_id: int | None) -> None:
        self.build_id = build_id
        self.pulse = pulse
        self._woken = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether the server ends."""
        return self.pulse.closed

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be something new; False where so many seconds brought nothing."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Pulse:
    """Looks for what is new, for all who follow."""

    def __init__(self, database: Database, *, most: int = MOST) -> None:
        self._database = database
        self._most = most
        self._watches: set[Watch] = set()
        self._beating: asyncio.Task[None] | None = None
        self.closed = False

    def watch(self, build_id: int | None = None) -> Watch:
        """Follow along, until :meth:`leave`. Raises BadRequest (429) beyond the bound."""
        if self.closed:
            raise BadRequest("the server is ending", status=503)
        if len(self._watches) >= self._most:
            raise BadRequest(f"{self._most} follow already; try again in a while", status=429)
        made = Watch(self, build_id)
        self._watches.add(made)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())
        return made

    def leave(self, watch: Watch) -> None:
        """Follow no more."""
        self._watches.discard(watch)

    def close(self) -> None:
        """Wake all followers to tell them that it is over."""
        self.closed = True
        for each in self._watches:
            each.wake()

    async def _beat(self) -> None:
        seen: dict[int | None, Any] = {}
        while self._watches and not self.closed:
            now = seen
            with contextlib.suppress(*AWAY):  # they wait until it is back
                now = await asyncio.to_thread(self._look, {w.build_id for w in self._watches})
            for each in tuple(self._watches):
                if any(seen.get(key) != now.get(key) for key in (None, each.build_id)):
                    each.wake()
            seen = now
            await asyncio.sleep(PERIOD)

    def _look(self, builds: set[int | None]) -> dict[int | None, Any]:
        found: dict[int | None, Any] = {None: self._database.reader.rows(_EVENTS, {})[0][0]}
        for build in builds - {None}:
            assert build is not None
            rows = self._database.reader.rows(
                "SELECT max(seq) FROM log_chunk WHERE build_id = :build", {"build": build}
            )
            found[build] = rows[0][0]
        return found


class Stream(StreamingResponse):
    """An answer of server-sent events, as long as its source has some and its reader is there."""

    def __init__(self, source: AsyncGenerator[bytes], watch: Watch) -> None:
        """Answer with what a source gives that waits with a watch, which is left at the end."""
        headers = {
            "Cache-Control": "no-store",
            # Servers between here and the reader hold nothing back.
            "X-Accel-Buffering": "no",
        }
        super().__init__(source, headers=headers, media_type="text/event-stream")
        self._source = source
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes until the source ends or the reader goes."""
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._watch.pulse.leave(self._watch)
            ended = sending.done() and not sending.cancelled()
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
        if ended:
            sending.result()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with contextlib.aclosing(self._source) as source:
            async for content in source:
                try:
                    async with asyncio.timeout(STALLED):
                        body = {"type": "http.response.body", "body": content, "more_body": True}
                        await send(body)
                except TimeoutError:
                    break  # it may go on from the last that it has read
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event_text(data: Any, *, id: int | None = None, kind: str = "") -> bytes:  # noqa: A002
    """Write one event; its data is one line of JSON."""
    head = (f"id: {id}\n" if id is not None else "") + (f"event: {kind}\n" if kind else "")
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"


ALIVE = b": alive\n\n"
"""Tells a reader, and whoever is between, that there is nothing new."""
