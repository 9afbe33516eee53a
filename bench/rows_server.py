"""Rows about the store server's lists: what is answered in a second, and how much memory that takes."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from measure import BenchError, Row
from server_fill import fill, settled

from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.testing.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from world import World

FEW, MANY = (1_000, 10_000), (100_000, 1_000_000)
CONNECTIONS = 32
SECONDS = 8
WANTED = {"SQLite": 1_300, "PostgreSQL": 900}
PATH = "/api/v1/environment/?size=100"
BARE_GATES = {"SQLite": 15.0, "PostgreSQL": 30.0}
"""So many times what uvicorn takes to send the same bytes: a page is sought, written as JSON and logged."""
MEMORY_GATE = 1.5

PAGES = """
local page = 0
request = function()
  page = (page * 31 + 17) % 1000
  return wrk.format("GET", "/api/v1/environment/?size=100&page=" .. (page + 1))
end
"""
"""Asks for a thousand pages in no order."""

BARE = """
import socket, sys, uvicorn
body = open(sys.argv[1], "rb").read()
headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])
"""


def rows(world: World) -> Iterator[Row]:
    """Give the milliseconds per request, by all connections together."""
    if not shutil.which("wrk"):
        raise BenchError("`wrk` is missing: apt-get install wrk")
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer.make())
        for kind in WANTED:
            urls = []
            for name, (held, built) in (("few", FEW), ("many", MANY)):
                url = f"sqlite:///{world.base}/{name}.sqlite"
                if kind == "PostgreSQL":
                    url = postgres.create(name)
                with open_database(url) as database:
                    upgrade(database)
                    fill(database, held, built)
                urls.append(url)
            settled(postgres)
            yield from list_rows(world, kind, *urls)


def list_rows(world: World, kind: str, few: str, many: str) -> Iterator[Row]:
    """Measure the list among few and among many, and what answers the same bytes and no more."""
    found: dict[str, list[float]] = {"bare": [], "few": [], "many": [], "pages": []}
    memory = {}
    script = world.base / "pages.lua"
    script.write_text(PAGES)
    with ExitStack() as stack:
        served = {
            name: stack.enter_context(serving(world.base / f"{kind}-{name}", url))
            for name, url in (("few", few), ("many", many))
        }
        body = world.base / f"{kind}-list.json"
        body.write_bytes(asked(*served["many"][:2]))
        bare = stack.enter_context(answering(body))
        for _ in range(world.rounds(3, 1)):
            found["bare"].append(loaded(bare, ""))
            found["pages"].append(loaded(*served["many"][:2], script=script))
            for name, (port, token, _) in served.items():
                found[name].append(loaded(port, token))
        for name, (port, token, pid) in served.items():
            asked(port, token, "/api/v1/environment/?search=train&page=3")
            memory[name] = anonymous(pid)
    best = {name: min(times) for name, times in found.items()}
    of = f"of {MANY[0]:,} environments, {CONNECTIONS} connections, {kind}"
    goal = 1000 / WANTED[kind]
    yield Row(f"list of 100 {of}", best["many"], "", 0, goal, limit=True)
    yield Row(f"a thousand pages {of}", best["pages"], "", 0, goal, limit=True)
    yield Row(f"list of 100 {of}", best["many"], f"of {FEW[0]:,}", best["few"], 2.0)
    yield Row(f"list of 100 {of}", best["many"], "bare uvicorn", best["bare"], BARE_GATES[kind])
    grown = round(memory["many"] / memory["few"], 2)
    name = f"memory of its own after these, of that with {FEW[0]:,}, {kind}"
    yield Row(name, grown, f"{memory['few']} MiB", 1, MEMORY_GATE, counts=True)


def loaded(port: int, token: str, *, script: Path | None = None) -> float:
    """Ask by all connections for some seconds; gives milliseconds per answer."""
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "30s"]
    argv += ["-H", f"Authorization: Bearer {token}"]
    argv += ["-s", str(script)] if script else []
    argv.append(f"http://127.0.0.1:{port}{PATH}")
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    rate = re.search(r"Requests/sec: +([\d.]+)", told)
    if rate is None or "Non-2xx" in told or "Socket errors" in told:
        raise BenchError(f"the list was not answered: {told}")
    return 1000 / float(rate[1])


def asked(port: int, token: str, path: str = PATH) -> bytes:
    """Ask once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise BenchError(f"{path} was answered with {answer.status}")
    return body


def anonymous(pid: int) -> int:
    """Give the MiB of memory that a process alone has: without files that are mapped."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        (kib,) = [line.split()[1] for line in file if line.startswith("RssAnon")]
    return int(kib) // 1024


@contextmanager
def serving(data: Path, url: str, *options: str) -> Iterator[tuple[int, str, int]]:
    """Run a server; gives its port, a token of the administrator's and its process."""
    data.mkdir()
    argv = [sys.executable, "-m", "stead", "serve", "--port", "0"]
    argv += ["--data", str(data), "--database", url, *(options or ("--workers", "0"))]
    with (
        open(data / "log", "w") as log,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            said = [server.stdout.readline().split() for _ in range(2)]
            if not all(said):
                raise BenchError(f"the server did not start: see {data}/log")
            yield int(said[1][-1].rpartition(":")[2]), said[0][-1], server.pid
        finally:
            server.terminate()


@contextmanager
def answering(body: Path) -> Iterator[int]:
    """Run a server that answers everything with some bytes; gives its port."""
    argv = [sys.executable, "-c", BARE, os.fspath(body)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()
