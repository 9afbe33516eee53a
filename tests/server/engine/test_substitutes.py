"""A machine with nothing but the way to the store: no channel, no solver's work, no build."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import urllib.request
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from stead.remote import logins
from stead.remote.logins import Known, Server
from stead.server import parts as leaving
from stead.server.values import BuildStatus
from stead.testing.channel import PLACEHOLDER, Package, make_channel, text
from stead.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.services import Services

MANIFEST = """
[packages.conda]
channels = ["{channel}"]
speaking = "*"
"""


@dataclass
class Served:
    """A store that answers, and a build of it whose channel is gone."""

    url: str
    token: str
    channel: str
    lock: str
    build_id: int
    store: object
    services: Services
    other: int
    """Another build, of fewer packages."""

    def stores(self, url: str = "") -> str:
        return f'[stores.team]\nurl = "{url or self.url}"\ntoken = "env:STEAD_TEAM_TOKEN"\n'

    @property
    def blobs(self):
        return self.services.blobs


@pytest.fixture(scope="module")
def served(running, answering, here, tmp_path_factory) -> Iterator[Served]:
    channel = make_channel(
        tmp_path_factory.mktemp("vanishing") / "channel",
        [
            Package("tiny", entries=(text("share/tiny.txt", "hello"),)),
            Package(
                "speaking",
                depends=("tiny",),
                entries=(
                    text("bin/speak", f"#!/bin/sh\necho I am at {PLACEHOLDER}\n", mode=0o755),
                ),
            ),
        ],
        here.name,
    )
    made = running.submit("speaking", channel=f"file://{channel}")
    done = running.ended(made)
    assert done.status is BuildStatus.COMPLETED, running.log(made)
    other = running.submit("tiny", channel=f"file://{channel}")
    assert running.ended(other).status is BuildStatus.COMPLETED, running.log(other)
    shutil.rmtree(channel)
    with answering(running) as there:
        yield Served(
            there.url,
            there.token,
            f"file://{channel}",
            there.services.blobs.get(_lock_key(running, made)).decode(),
            made,
            running,
            there.services,
            other,
        )


def _lock_key(running, build_id: int) -> str:
    from stead.server.database import packages

    with running.database.read() as connection:
        return packages.artifacts(connection, build_id, "STEAD_LOCK")[-1].key


@pytest.fixture
def laptop(make_laptop, served: Served):
    made = make_laptop(STEAD_TEAM_TOKEN=served.token)
    made.write("stead.toml", served.stores() + MANIFEST.format(channel=served.channel))
    return made


def test_an_environment_comes_without_its_channel(laptop, served):
    done = laptop.stead("run", "speak")
    assert done.returncode == 0, done.stderr
    (build,) = laptop.builds
    assert done.stdout.strip() == f"I am at {laptop.root}/stead/store/{build}"
    assert "took the lock from the store team" in done.stderr
    assert "from the store team" in done.stderr
    # The same key there and here, and the lock is the one that was made there.
    assert build.partition("-")[0] == served.store.get(served.build_id).store_key.partition("-")[0]
    assert "speaking-1.0-0" in (laptop.root / "project" / "stead.lock").read_text()
    assert served.token not in done.stderr + (laptop.root / "project" / "stead.lock").read_text()
    # All is as its packages say, and nobody is asked again.
    verified = laptop.stead("store", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    again = laptop.stead("run", "speak", STEAD_TEAM_TOKEN="")
    assert again.stdout == done.stdout
    assert "store team" not in again.stderr


def test_offline_no_store_is_asked(laptop):
    done = laptop.stead("run", "--offline", "speak")
    assert done.returncode != 0
    assert "store team" not in done.stderr
    assert laptop.builds == []


def test_without_a_right_to_it_nothing_comes(laptop):
    done = laptop.stead("run", "speak", STEAD_TEAM_TOKEN="st_nobody")
    assert done.returncode != 0
    assert done.stderr.count("the store team is not of use") == 1
    assert "it refuses the token (401)" in done.stderr
    assert "st_nobody" not in done.stderr
    assert laptop.builds == []


@pytest.mark.parametrize("harm", ["changed", "missing", "other"])
def test_a_wrong_part_is_refused_and_named(laptop, served, harm):
    found = leaving.closure(served.services.database, served.blobs, served.build_id)
    part = next(p for p in found.parts if p.name == "speaking 1.0")
    whole = served.blobs.get(part.blob)
    try:
        if harm == "missing":
            served.blobs.delete(part.blob)
        elif harm == "changed":
            served.blobs.put(part.blob, whole[:30] + b"\0\0" + whole[32:])
        else:
            served.blobs.put(part.blob, served.blobs.get(found.parts[1].blob))
        laptop.write("stead.lock", served.lock)
        done = laptop.stead("run", "speak")
    finally:
        served.blobs.put(part.blob, whole)
    # It is to be built here then; and its channel is gone.
    assert done.returncode != 0
    assert "the store team is not of use, so the work is done here" in done.stderr
    assert "part speaking 1.0" in done.stderr
    assert laptop.builds == []
    assert laptop.stead("run", "speak").returncode == 0


def test_a_store_that_is_gone_or_silent_costs_little_and_is_told_once(laptop, served, tiny_channel):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        laptop.write("stead.toml", served.stores(url) + MANIFEST.format(channel=tiny_channel))
        done = laptop.stead("run", "speak")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("the store team is not of use") == 1
        assert "it does not answer in time" in done.stderr
        # One question, for lock and build, and none soon after.
        laptop.write(
            "stead.toml",
            served.stores(url) + MANIFEST.format(channel=tiny_channel) + 'other = "*"\n',
        )
        again = laptop.stead("run", "speak")
        assert again.returncode == 0, again.stderr
        assert "the store team" not in again.stderr
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


class Lying(BaseHTTPRequestHandler):
    """Passes on what is asked of a store, but for what a build consists of."""

    to: str = ""
    token: str = ""
    answer: bytes = b""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "/v1/parts/" in self.path:
            content = self.answer
        else:
            headers = {"Authorization": f"Bearer {self.token}"}
            asked = urllib.request.Request(self.to + self.path, headers=headers)
            with urllib.request.urlopen(asked) as answer:
                content = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("another build", "it gives another build than "),
        ("another's parts", "what it gives has no package speaking"),
        ("another's package", "what it gives has another package "),
    ],
)
def test_what_is_not_what_was_asked_for_is_refused(laptop, served, here, tmp_path, harm, told):
    right, other = (
        leaving.closure(served.services.database, served.blobs, build_id)
        for build_id in (served.build_id, served.other)
    )
    given, build_id = other, served.other
    if harm == "another's parts":
        given = replace(right, parts=other.parts)
    elif harm == "another's package":
        # Of the same name and version, and made of something else.
        changed = Package("tiny", entries=(text("share/tiny.txt", "harm"),))
        speaking = Package("speaking", depends=("tiny",), entries=())
        channel = make_channel(tmp_path / "harm", [changed, speaking], here.name)
        build_id = served.store.submit("speaking", channel=f"file://{channel}")
        assert served.store.ended(build_id).status is BuildStatus.COMPLETED
        found = leaving.closure(served.services.database, served.blobs, build_id)
        given = replace(right, parts=found.parts)
    body = {"data": {"build_id": build_id, "closure": given.to_json()}}
    handler = type("Handler", (Lying,), {"answer": json.dumps(body).encode()})
    handler.to, handler.token = served.url, served.token
    between = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=between.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{between.server_port}"
        laptop.write("stead.toml", served.stores(url) + MANIFEST.format(channel=served.channel))
        laptop.write("stead.lock", served.lock)
        done = laptop.stead("run", "speak")
    finally:
        between.shutdown()
        between.server_close()
        thread.join()
    # It is to be built here then; and its channel is gone.
    assert done.returncode != 0
    assert f"the store team is not of use, so the work is done here: {told}" in done.stderr
    assert laptop.builds == []


class Cutting(BaseHTTPRequestHandler):
    """Passes on what is asked of a store, and cuts each part off in its middle, once."""

    to: str = ""
    ranges: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        headers = {n: v for n in ("Authorization", "Range") if (v := self.headers[n])}
        asked = urllib.request.Request(self.to + self.path, headers=headers)
        with urllib.request.urlopen(asked) as answer:
            body = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Length", "Content-Range"):
                if value := answer.headers[name]:
                    self.send_header(name, value)
            self.end_headers()
        wanted = headers.get("Range")
        if wanted:
            self.ranges.append(wanted)
        cut = "/build/" in self.path and not wanted
        self.wfile.write(body[: len(body) // 2] if cut else body)


def test_parts_that_are_cut_off_go_on_where_they_ended(laptop, served):
    handler = type("Handler", (Cutting,), {"to": served.url, "ranges": []})
    between = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=between.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{between.server_port}"
        laptop.write("stead.toml", served.stores(url) + MANIFEST.format(channel=served.channel))
        done = laptop.stead("run", "speak")
    finally:
        between.shutdown()
        between.server_close()
        thread.join()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("I am at ")
    assert laptop.stead("store", "verify").returncode == 0
    found = leaving.closure(served.services.database, served.blobs, served.build_id)
    halves = (served.blobs.head(part.blob).size // 2 for part in found.parts)
    assert sorted(handler.ranges) == sorted(f"bytes={half}-" for half in halves)


class Slow(BaseHTTPRequestHandler):
    """Passes on what is asked of a store, and stops in the middle of the first part."""

    to: str = ""
    reached: threading.Event
    go: threading.Event

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = urllib.request.Request(
            self.to + self.path, headers={"Authorization": self.headers["Authorization"]}
        )
        with urllib.request.urlopen(asked) as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2 if "/build/" in self.path else len(body)
        self.wfile.write(body[:half])
        if half < len(body):
            self.reached.set()
            self.go.wait()
            try:
                self.wfile.write(body[half:])
            except OSError:
                pass  # it was killed


def test_killed_while_parts_arrive_nothing_half_made_is_seen(laptop, served):
    handler = type("Handler", (Slow,), {})
    handler.to, handler.reached, handler.go = served.url, threading.Event(), threading.Event()
    between = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=between.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{between.server_port}"
        # Its token is the one that was kept when this person logged in there.
        laptop.environ = {}
        kept = Known((Server("team", url, Secret(served.token)),))
        logins.write(kept, {"HOME": str(laptop.root)})
        named = f'[stores]\nteam = "{url}"\n'
        laptop.write("stead.toml", named + MANIFEST.format(channel=served.channel))
        laptop.write("stead.lock", served.lock)
        process = laptop.started("run", "speak")
        assert handler.reached.wait(120)
        process.kill()
        process.wait()
        assert [name for name in laptop.builds if not name.startswith(".tmp-")] == []
        handler.go.set()
        # Two at once: one takes it, the other waits for that.
        both = [laptop.started("run", "speak") for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0]
        assert len(laptop.builds) == 1
    finally:
        handler.go.set()
        between.shutdown()
        between.server_close()
        thread.join()
    assert laptop.stead("run", "speak").stdout.strip().endswith(laptop.builds[0])


def test_parts_are_given_in_ranges_to_those_who_may_read(served):
    import httpx

    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=f"{served.url}/api/stead/v1", headers=headers) as client:
        found = client.get(f"/build/{served.build_id}/parts/").json()["data"]["closure"]
        assert client.get(f"/parts/{found['key']}/").json()["data"]["closure"] == found
        path = f"/build/{served.build_id}/parts/{found['parts'][0]['sha256']}/"
        whole = client.get(path).content
        some = client.get(path, headers={"Range": "bytes=10-19"})
        assert (some.status_code, some.content) == (206, whole[10:20])
        assert some.headers["content-range"] == f"bytes 10-19/{len(whole)}"
        rest = client.get(path, headers={"Range": "bytes=10-"})
        assert rest.content == whole[10:]
        assert client.get(path, headers={"Range": "lines=1-2"}).content == whole
        beyond = client.get(path, headers={"Range": f"bytes={len(whole)}-"})
        assert beyond.status_code == 416
        assert client.get(f"/build/{served.build_id}/parts/{'0' * 64}/").status_code == 404
        assert client.get(f"/parts/{'a' * 20}/").status_code == 404
        assert client.get("/parts/no key/").status_code == 422
        nobody = {"Authorization": ""}
        assert client.get(path, headers=nobody).status_code == 403
        whole = f"/build/{served.build_id}/parts/"
        assert client.get(whole, headers=nobody).status_code == 403
        assert client.get(f"/parts/{found['key']}/", headers=nobody).status_code == 404
