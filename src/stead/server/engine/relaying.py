"""What a child's proxy does once it knows whom to ask: connect, and hand on what both ends say."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD = 60.0
"""Seconds in which a request's head is written."""

CONNECTING = 15.0
"""Seconds for one address that does not answer."""

NEXT = 0.5
"""Seconds after which the next address of a name is tried too."""

LEAVING = 60.0
"""Seconds in which one end of a connection is done after the other one has gone."""

CHUNK = 256 * 1024
"""Bytes that are handed on at once."""


def answer(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    """Answer a request oneself."""
    content = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + content)


async def first(addresses: Sequence[str], port: int) -> Ends:
    """Connect to the address that answers first; each gets a moment before the next is tried.

    Raises OSError of the one that failed last.
    """
    left = deque(addresses)
    trying: set[asyncio.Task[Ends]] = set()
    error = OSError("there is no address")
    try:
        while left or trying:
            if left:
                trying.add(asyncio.create_task(_connect(left.popleft(), port)))
            done, _ = await asyncio.wait(
                trying, timeout=NEXT if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                trying.discard(task)
                failed = task.exception()
                if failed is None:
                    trying |= done - {task}
                    return task.result()
                error = failed if isinstance(failed, OSError) else OSError(str(failed))
        raise error
    finally:
        for task in trying:
            task.cancel()
        for late in await asyncio.gather(*trying, return_exceptions=True):
            if isinstance(late, tuple):
                late[1].close()


async def _connect(address: str, port: int) -> Ends:
    try:
        async with asyncio.timeout(CONNECTING):
            return await asyncio.open_connection(address, port, limit=CHUNK)
    except TimeoutError:
        raise OSError(f"{address} did not answer within {CONNECTING:g} seconds") from None


async def opened(theirs: Ends, writer: asyncio.StreamWriter) -> None:
    """Hand on that another proxy has opened a tunnel. Raises OSError where it has not."""
    try:
        async with asyncio.timeout(HEAD):
            head = await theirs[0].readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
    except (EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
        raise OSError("the worker's proxy gave no answer that can be read") from None
    if not status.startswith("2"):
        raise OSError(f"the worker's proxy opened no tunnel, but answered {status}")
    writer.write(head)


async def between(ours: Ends, theirs: Ends, *, tunnel: bool, length: int) -> None:
    """Hand on what both ends say, until both are done: of a request one alone, and its answer."""
    if tunnel:
        ways = [_pass_on(ours[0], theirs[1]), _pass_on(theirs[0], ours[1])]
    else:
        ways = [_ask_once(ours[0], theirs[1], length), _answered(theirs[0], ours[1])]
    tasks = [asyncio.create_task(way) for way in ways]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    over = any(task.exception() for task in done) if tunnel else tasks[1] in done
    if not over:
        await asyncio.wait(tasks, timeout=LEAVING)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_once(source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int) -> None:
    """Hand on a request's body; what comes after it goes nowhere, until nothing comes any more."""
    while content := await source.read(min(length, CHUNK) or CHUNK):
        if length:
            length -= len(content)
            sink.write(content)
            await sink.drain()


async def _answered(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand on the answer to a request, with a head that says that no other follows."""
    interim = True
    try:
        while interim:
            head = await source.readuntil(b"\r\n\r\n")
            interim = head.split(b" ", 2)[1].startswith(b"1")
            if not interim:
                kept = [h for h in head.split(b"\r\n")[:-2] if not _is_of_connection(h)]
                head = b"\r\n".join([*kept, b"Connection: close", b"", b""])
            sink.write(head)
    except (EOFError, IndexError, asyncio.LimitOverrunError):
        answer(sink, "502 Bad Gateway", "the server gave no answer that can be read")
        return
    await _pass_on(source, sink)


def _is_of_connection(header: bytes) -> bool:
    return header.lower().startswith((b"connection:", b"keep-alive:", b"proxy-connection:"))


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while content := await source.read(CHUNK):
        sink.write(content)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
    else:
        sink.close()
