"""Rows about the store server: how many lists of environments it answers in a second."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from measure import BenchError, Row
from server_fill import fill

from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.testing.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from world import World

ENVIRONMENTS = 100_000
CONNECTIONS = 32
REQUESTS = 6_400
WANTED = {"SQLite": 1_300, "PostgreSQL": 900}
PATH = "/api/v1/environment/?size=100"


def rows(world: World) -> Iterator[Row]:
    """Give the milliseconds per request, by all connections together."""
    with ExitStack() as stack:
        for kind, wanted in WANTED.items():
            data = world.base / f"serve-{kind}"
            data.mkdir()
            url = f"sqlite:///{data}/stead.sqlite"
            if kind == "PostgreSQL":
                url = stack.enter_context(PostgresServer.make()).create("serve")
            with open_database(url) as database:
                upgrade(database)
                fill(database, ENVIRONMENTS, ENVIRONMENTS)
            with serving(str(data), url) as (port, token):
                times = [asyncio.run(load(port, token)) for _ in range(world.rounds(3, 1))]
            name = (
                f"list of 100 of {ENVIRONMENTS:,} environments, {CONNECTIONS} connections, {kind}"
            )
            each = min(times) / REQUESTS * 1000
            yield Row(name, each, "", 0, 1000 / wanted, limit=True)


@contextmanager
def serving(data: str, url: str) -> Iterator[tuple[int, str]]:
    """Run a server, with a token of the administrator's."""
    argv = [sys.executable, "-m", "stead", "serve", "--port", "0", "--workers", "0"]
    argv += ["--data", data, "--database", url]
    with (
        open(os.path.join(data, "log"), "w") as log,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            said = [server.stdout.readline().split() for _ in range(2)]
            if not all(said):
                raise BenchError("the server did not start")
            yield int(said[1][-1].rpartition(":")[2]), said[0][-1]
        finally:
            server.terminate()


async def load(port: int, token: str) -> float:
    """Ask by all connections at once; gives the seconds."""
    head = f"GET {PATH} HTTP/1.1\r\nHost: stead\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    began = time.perf_counter()
    await asyncio.gather(*(_ask(port, head) for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


async def _ask(port: int, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(REQUESTS // CONNECTIONS):
        writer.write(head)
        told = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", told)
        if not told.startswith(b"HTTP/1.1 200 ") or length is None:
            raise BenchError(f"the server answered {told[:40]!r}")
        await reader.readexactly(int(length[1]))
    writer.close()
    await writer.wait_closed()
