"""What every request passes: bounds on how long a body may take, and on how much is held at once."""

from __future__ import annotations

import asyncio

import orjson

from stead.server.api.guards import AT_ONCE, Bounded

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2000")],
}
LIMIT = 100_000


class Asking:
    """Somebody who sends a body: parts of it, and then nothing for as long as they like."""

    def __init__(self, *parts: bytes, last: bool) -> None:
        self.parts = list(parts)
        self.last = last
        self.sent: list[dict] = []
        self.waits = asyncio.Event()

    async def receive(self) -> dict:
        if not self.parts:
            self.waits.set()
            await asyncio.Event().wait()
        part = self.parts.pop(0)
        return {
            "type": "http.request",
            "body": part,
            "more_body": bool(self.parts) or not self.last,
        }

    async def send(self, message: dict) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]


async def app(_scope, receive, send) -> None:
    orjson.loads((await receive())["body"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_who_sends_half_a_body_is_not_waited_for_without_end():
    async def run() -> Asking:
        asking = Asking(b'{"a": 1', last=False)
        await Bounded(app, LIMIT, seconds=0.05)(SCOPE, asking.receive, asking.send)
        return asking

    asking = asyncio.run(run())
    assert asking.status == 408
    assert orjson.loads(asking.sent[1]["body"])["status"] == "error"
    assert (b"connection", b"close") in asking.sent[0]["headers"]


def test_half_bodies_do_not_fill_the_memory_and_small_ones_come_through():
    async def run() -> None:
        guard = Bounded(app, LIMIT)
        stuck = [Asking(b" " * LIMIT, last=False) for _ in range(AT_ONCE)]
        tasks = [asyncio.create_task(guard(SCOPE, s.receive, s.send)) for s in stuck]
        await asyncio.gather(*(each.waits.wait() for each in stuck))
        long = Asking(b'"' + b"x" * 90_000 + b'"', last=True)
        await guard(SCOPE, long.receive, long.send)
        assert long.status == 503
        small = Asking(b"{}", last=True)
        await guard(SCOPE, small.receive, small.send)
        assert small.status == 200
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What they held is free again.
        long = Asking(b'"' + b"x" * 90_000 + b'"', last=True)
        await guard(SCOPE, long.receive, long.send)
        assert long.status == 200

    asyncio.run(run())
