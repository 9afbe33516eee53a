"""Rows about builds by the store server alone: from asking for one until it is COMPLETED."""

from __future__ import annotations

import http.client
import json
import platform
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from measure import BenchError, Row
from rows_server import serving
from rows_server_database import Nowhere

from stead.server.database import builds, logs
from stead.server.database.admission import admit
from stead.server.database.opening import open_database
from stead.testing.channel import Package, make_channel, text
from stead.values.platform import platform_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from world import World

BUILT, AGAIN, FOLLOWED = 250.0, 50.0, 200.0
LOOK = 0.005
PATIENCE = 60.0
TEXT = "name: {name}\nchannels:\n  - {channel}\ndependencies:\n  - tiny\n"


class Api:
    """Speaks to a server by one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Ask, and give what is answered."""
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, f"/api/v1{path}", sent, self._headers)
        answer = self._connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise BenchError(f"{method} {path}: {answer.status} {told[:200]!r}")
        return told

    def data(self, method: str, path: str, body: object = None) -> Any:
        """Ask, and give the data of the answer."""
        return json.loads(self.ask(method, path, body))["data"]

    def follow(self, build: int) -> http.client.HTTPResponse:
        """Give a build's log as it comes; nothing else may be asked meanwhile."""
        path = f"/api/stead/v1/build/{build}/log/follow/"
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse()

    def built(self, specification: str, **options: object) -> tuple[int, float]:
        """Ask for a build, and wait until it is completed; gives its id, and milliseconds."""
        began = time.perf_counter()
        body = {"namespace": "default", "specification": specification, **options}
        made = self.data("POST", "/specification/", body)["build_id"]
        while (state := self.data("GET", f"/build/{made}/"))["status"] != "COMPLETED":
            if state["status"] == "FAILED" or time.perf_counter() - began > PATIENCE:
                raise BenchError(f"the build is {state['status']}: {state['status_info']}")
            time.sleep(LOOK)
        return made, (time.perf_counter() - began) * 1000


def rows(world: World) -> Iterator[Row]:
    """Time builds of one package from a local channel by a server that has one worker."""
    here = platform_of(sys.platform, platform.machine())
    package = Package("tiny", license="MIT", entries=(text("share/tiny.txt", "hello"),))
    channel = make_channel(world.base / "server-channel", [package], here.name)
    data = world.base / "server-builds"
    options = ("--workers", "1")
    with serving(data, f"sqlite:///{data}/stead.sqlite", *options) as (port, token, _):
        api = Api(port, token)
        new, again, locked = [], [], []
        for number in range(-2, world.rounds(11, 3)):
            asked = TEXT.format(name=f"env{number + 2}", channel=f"file://{channel}")
            made, took = api.built(asked)
            same, repeated = api.built(asked)
            lock = api.ask("GET", f"/build/{made}/lockfile/").decode()
            named = {"is_lockfile": True, "environment_name": f"locked{number + 2}"}
            first, _ = api.built(lock, **named)
            second, relocked = api.built(lock, **named)
            if (made, first) != (same, second):
                raise BenchError("what is built already was built again")
            if number >= 0:
                new.append(took)
                again.append(repeated)
                locked.append(relocked)
    goals = {
        "one package from a local channel, asked for until COMPLETED, embedded": (new, BUILT),
        "the same specification again: no build": (again, AGAIN),
        "the same lock again: no build": (locked, AGAIN),
    }
    for name, (times, goal) in goals.items():
        yield Row(name, statistics.median(times), "goal", goal, goal, limit=True)
    yield followed(world)


def followed(world: World) -> Row:
    """Time lines of a log from being appended until who follows has them; the slowest counts."""
    data = world.base / "server-followed"
    url = f"sqlite:///{data}/stead.sqlite"
    with serving(data, url) as (port, token, _), open_database(url) as database:
        api = Api(port, token)
        specification = TEXT.format(name="followed", channel="file:///nowhere")
        body = {"namespace": "default", "specification": specification}
        made = api.data("POST", "/specification/", body)["build_id"]
        admit(database, Nowhere(), slots=1)
        with database.begin() as connection:
            attempt = builds.get(connection, made).attempt
            builds.begin(connection, made, attempt, database.now())
        reading = api.follow(made)
        took = []
        for number in range(-2, world.rounds(50, 5)):
            began = time.perf_counter()
            with database.begin() as connection:
                logs.append(connection, made, attempt, f"line {number}\n", database.now())
            while f"line {number}" not in reading.readline().decode():
                pass
            if number >= 0:
                took.append((time.perf_counter() - began) * 1000)
        reading.close()
    name = f"a line of a build's log until who follows has it, slowest of {len(took)}"
    return Row(name, max(took), "goal", FOLLOWED, FOLLOWED, limit=True)
