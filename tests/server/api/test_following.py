"""Events and logs as they come, over real connections to a server in this process."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import uvicorn

from stead.server.api.app import close, make_app
from stead.server.api.pulse import Pulse
from stead.server.api.stead import following
from stead.server.database import admission, builds, events, logs, packages, tokens
from stead.server.values import NewArtifact

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 120.0
"""Seconds that a slow machine may take."""


class Live:
    """The application, answering on a port of its own."""

    def __init__(self, services) -> None:
        self.app = make_app(services)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        config = uvicorn.Config(self.app, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))
        self._thread.start()

    def close(self) -> None:
        close(self.app)
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


class Reader:
    """Reads a stream of events."""

    def __init__(self, live: Live, path: str, token: str, last: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=LONG)
        headers = {"Authorization": f"Bearer {token}"}
        if last:
            headers["Last-Event-ID"] = last
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()

    def block(self) -> list[str]:
        """Give the lines of the next block; none where the stream is over."""
        lines: list[str] = []
        while line := self.answer.readline().decode():
            if line == "\n":
                return lines
            lines.append(line.rstrip("\n"))
        return lines

    def event(self) -> dict:
        """Give the next event, past what only says that there is nothing new."""
        while lines := self.block():
            fields = dict(line.split(": ", 1) for line in lines)
            if "data" in fields:
                return fields | {"data": json.loads(fields["data"])}
        return {}

    def rest(self) -> list[dict]:
        found = []
        while event := self.event():
            found.append(event)
        return found

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.fixture(scope="module")
def client(make_module_client):
    made = make_module_client()
    made.ask("POST", "/api/v1/namespace/team/")
    return made


@pytest.fixture
def live(client) -> Iterator[Live]:
    made = Live(client.services)
    yield made
    made.close()


@pytest.fixture
def read(live, client) -> Iterator:
    with contextlib.ExitStack() as stack:

        def opened(path: str, token: str = "", last: str = "", of: Live | None = None) -> Reader:
            made = Reader(of or live, f"/api/stead/v1/{path}", token or client.admin, last)
            stack.callback(made.close)
            return made

        yield opened


class Building:
    """A build that a worker is at."""

    numbers = iter(range(1000))

    def __init__(self, client) -> None:
        self.client = client
        name = f"env{next(self.numbers)}"
        self.id = client.submit(f"name: {name}\nchannels: []\ndependencies: [tiny]\n")
        self.database = client.services.database
        admission.admit(self.database, client.services.queue, slots=1000)
        with self.database.begin() as connection:
            now = self.database.now()
            self.attempt = builds.get(connection, self.id).attempt
            builds.begin(connection, self.id, self.attempt, now)

    def says(self, text: str) -> None:
        with self.database.begin() as connection:
            logs.append(connection, self.id, self.attempt, text, self.database.now())

    def fails(self, reason: str) -> None:
        with self.database.begin() as connection:
            builds.fail(
                connection,
                self.id,
                self.attempt,
                self.database.now(),
                reason=reason,
                artifacts=[NewArtifact("LOGS", f"logs/{self.id}")],
            )


def test_a_log_is_followed_and_ends_with_the_build(client, read):
    build = Building(client)
    build.says("first\n")
    reader = read(f"build/{build.id}/log/follow/")
    assert reader.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reader.answer.headers["cache-control"] == "no-store"
    first = reader.event()
    assert first == {"id": "6", "data": {"text": "first\n", "offset": 6}}
    for number in range(3):
        build.says(f"line {number} ä\n")
        assert reader.event()["data"]["text"] == f"line {number} ä\n"
    build.says("last\n")
    build.fails("nothing provides tiny")
    last, end = reader.rest()
    assert last["data"]["text"] == "last\n"
    assert end["event"] == "end"
    assert end["data"]["status"] == "FAILED"
    assert end["data"]["reason"] == "nothing provides tiny"
    # A browser that asks again is told to leave it, a program that asks anew gets all.
    assert read(f"build/{build.id}/log/follow/", last=end["id"]).answer.status == 204
    whole = "".join(e["data"].get("text", "") for e in read(f"build/{build.id}/log/follow/").rest())
    assert whole == client.get(f"/api/v1/build/{build.id}/logs/").text


def test_what_is_said_after_the_end_is_followed_too(client, read):
    build = Building(client)
    reader = read(f"build/{build.id}/log/follow/")
    with build.database.begin() as connection:
        builds.finish(connection, build.id, build.attempt, build.database.now())
    # A worker says its last once the build is published, and keeps the whole log then.
    assert reader.block() == [": alive"]
    build.says("completed\n")
    assert reader.event()["data"]["text"] == "completed\n"
    with build.database.begin() as connection:
        packages.put_artifacts(connection, build.id, [NewArtifact("LOGS", f"logs/{build.id}")])
    (end,) = reader.rest()
    assert (end["event"], end["data"]["status"]) == ("end", "COMPLETED")


def test_a_log_is_complete_though_the_server_was_started_anew(client, live, read):
    build = Building(client)
    build.says("before äöü\n")
    reader = read(f"build/{build.id}/log/follow/")
    first = reader.event()
    live.close()
    told = reader.rest()
    assert [e["event"] for e in told] == ["end"]
    assert told[0]["data"]["reason"] == "the server ends"
    build.says("meanwhile\n")
    second = Live(client.services)
    try:
        reader = read(f"build/{build.id}/log/follow/", last=first["id"], of=second)
        assert reader.event()["data"]["text"] == "meanwhile\n"
        build.says("after\n")
        assert reader.event()["data"]["text"] == "after\n"
        # Within a line too, where a reader says so.
        part = read(f"build/{build.id}/log/follow/?offset=7", of=second)
        assert part.event()["data"]["text"].startswith("äöü\n")
    finally:
        second.close()


def test_events_are_followed_from_any_on_by_those_who_may_see_them(client, read):
    with client.services.database.read() as connection:
        before = events.newest(connection)
    client.ask("POST", "/api/v1/namespace/other/")
    theirs = client.submit(namespace="other")
    ours = Building(client)
    everything = read(f"event/follow/?after={before}")
    seen = [everything.event() for _ in range(4)]
    assert seen[0]["event"] == "namespace.created"
    assert seen[0]["data"]["data"] == {"name": "other"}
    assert int(seen[0]["id"]) == seen[0]["data"]["id"] == before + 1
    token = client.token(role_bindings={"team/*": ["viewer"]})
    team = read(f"event/follow/?after={before}", token)
    first = team.event()
    assert first["data"]["namespace"] == "team"
    ours.fails("no")
    ids = {first["data"]["build_id"]}
    while True:
        event = team.event()["data"]
        assert event["namespace"] == "team"
        ids.add(event["build_id"])
        if event["data"].get("status") == "FAILED":
            break
    assert theirs not in ids
    assert event["build_id"] == ours.id
    # On from there, with only what is new.
    again = read("event/follow/", token, last=str(event["id"]))
    second = Building(client)
    assert again.event()["data"]["environment"] == again.event()["data"]["environment"]
    only = read(f"event/follow/?after={before}&build_id={second.id}&namespace=team")
    assert {only.event()["data"]["build_id"] for _ in range(3)} == {second.id}
    none = read(f"event/follow/?after={before}&environment=nothing")
    assert none.answer.status == 200
    # The same as a list.
    page = client.get(f"/api/stead/v1/event/?after={before}&limit=2", token=token).json()
    assert (page["data"], page["last"]) == ([], before + 2)
    page = client.get(f"/api/stead/v1/event/?after={before}&namespace=team").json()
    assert {e["namespace"] for e in page["data"]} == {"team"}
    quiet = client.get(f"/api/stead/v1/event/?after={before}", token="").json()
    assert quiet["data"] == []


def test_who_has_missed_events_is_told_so(client, read):
    building = Building(client)
    database = client.services.database
    with database.begin() as connection:
        newest = events.newest(connection)
        connection.exec_driver_sql(f"DELETE FROM event WHERE id <= {newest - 1}")
    reader = read("event/follow/?after=1")
    missed = reader.event()
    assert (missed["event"], missed["data"]) == ("missed", {"first": newest})
    assert int(reader.event()["id"]) == newest
    # From a database that is not this one.
    assert read(f"event/follow/?after={newest + 50}").event()["event"] == "missed"
    building.fails("no")
    assert reader.event()["data"]["build_id"] == building.id


def test_streams_are_for_those_who_may_as_long_as_they_may(client, read, monkeypatch):
    build = Building(client)
    path = f"build/{build.id}/log/follow/"
    assert read(path, client.token(role_bindings={"other/*": ["viewer"]})).answer.status == 403
    assert read("event/follow/", "wrong").answer.status == 401
    assert read("build/99999/log/follow/").answer.status == 404
    assert read(path, last="x").answer.status == 400
    assert read("event/follow/?after=-1").answer.status == 422
    monkeypatch.setattr(following, "HEARTBEAT", 0.1)
    monkeypatch.setattr(following, "REVIEW", 0.0)
    token = client.token(role_bindings={"team/*": ["viewer"]})
    log, all_of_it = read(path, token), read("event/follow/", token)
    assert log.block() == [": alive"]
    assert all_of_it.block() == [": alive"]
    database = client.services.database
    with database.begin() as connection:
        found = tokens.find(connection, token, database.now())
        tokens.revoke(connection, found.id, database.now())
    for reader in (log, all_of_it):
        (end,) = reader.rest()
        assert end["event"] == "end"
        assert "not valid" in end["data"]["reason"]


def test_only_so_many_follow_and_who_has_gone_does_not_count(client, live, read):
    live.app.state.pulse = Pulse(client.services.database, most=2)
    build = Building(client)
    path = f"build/{build.id}/log/follow/"
    readers = [read(path), read("event/follow/")]
    full = read(path)
    assert full.answer.status == 429
    assert "follow already" in json.load(full.answer)["message"]
    for reader in readers:
        reader.close()
    deadline = time.monotonic() + LONG
    while read(path).answer.status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
