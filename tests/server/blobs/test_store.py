from __future__ import annotations

import hashlib
import re
import threading
import urllib.error
import urllib.request
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.server.blobs.protocol import BlobError, DamagedBlobError, MissingBlobError
from stead.server.blobs.store import RETRIES, open_blobs
from stead.testing.object_stores import SECRETS

KINDS = [
    "file",
    "memory",
    "s3",
    pytest.param("azure", marks=[pytest.mark.needs("npm"), pytest.mark.slow, pytest.mark.network]),
]


@pytest.fixture(params=KINDS)
def blobs(request, tmp_path):
    if request.param == "file":
        return open_blobs(f"file://{tmp_path}/blobs")
    if request.param == "memory":
        return open_blobs("memory:")
    return open_blobs(
        f"{request.param}://blobs/some/prefix", request.getfixturevalue(request.param)
    )


def test_what_is_put_can_be_had_whole_and_in_part(blobs):
    content = b"0123456789" * 300_000
    digest = hashlib.sha256(content).hexdigest()
    assert blobs.put("a/one.txt", b"one") == hashlib.sha256(b"one").hexdigest()
    pieces = (content[at : at + 65536] for at in range(0, len(content), 65536))
    assert blobs.put("a/large", pieces, sha256=digest) == digest
    assert blobs.get("a/one.txt") == b"one"
    assert blobs.head("a/large").size == len(content)
    assert b"".join(blobs.stream("a/large")) == content
    assert b"".join(blobs.stream("a/large", 5, 12)) == content[5:12]
    blobs.put("a/one.txt", b"two")
    assert blobs.get("a/one.txt") == b"two"
    assert {(h.key, h.size) for h in blobs.keys("a/")} == {
        ("a/one.txt", 3),
        ("a/large", len(content)),
    }


def test_what_is_deleted_is_gone_and_again_is_no_error(blobs):
    blobs.put("b/one", b"1")
    blobs.delete("b/one")
    blobs.delete("b/one")
    for ask in (blobs.get, blobs.head, lambda key: list(blobs.stream(key))):
        with pytest.raises(MissingBlobError, match="has no b/one"):
            ask("b/one")


def test_what_is_damaged_on_the_way_is_not_kept(blobs):
    for content in (b"other", iter([b"ot", b"her"])):
        with pytest.raises(DamagedBlobError):
            blobs.put("c/one", content, sha256=hashlib.sha256(b"one").hexdigest())
    with pytest.raises(MissingBlobError):
        blobs.head("c/one")


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", "a//b", "a b", "\u0430", "a\n"])
def test_keys_that_could_be_another_file_are_refused(blobs, key):
    with pytest.raises(BlobError, match="cannot be a key"):
        blobs.put(key, b"")


def test_only_a_service_has_addresses_to_give_out(blobs, request):
    blobs.put("d/one", b"there")
    url = blobs.url("d/one", seconds=60)
    kind = request.node.callspec.params["blobs"]
    if kind in ("file", "memory"):
        assert url is None
        return
    assert url.startswith(f"{request.getfixturevalue(kind)['endpoint']}/blobs/some/prefix/d/one?")
    # Whoever has it needs nothing else, and may only read this.
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == b"there"
    other = url.replace("/d/one?", "/d/other?")
    with pytest.raises(urllib.error.HTTPError), urllib.request.urlopen(other, timeout=60):
        pass


class Faulty:
    """A service that keeps files, and fails as often as it is told to.

    ``503`` is answered; ``cut`` ends the connection, in the middle of what is read.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.faults: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                headers |= {
                    "ETag": '"1"',
                    "Last-Modified": "Sat, 21 Nov 2026 00:00:00 GMT",
                    "Content-Length": str(len(body)),
                }
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                fault = self.fault
                if self.command != "HEAD":
                    self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
                self.close_connection = fault == "cut"

            def handle_one(self):
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.fault = outer.faults.pop() if outer.faults else ""
                path = self.path.partition("?")[0]
                if self.fault == "503":
                    self.answer(503)
                elif self.fault == "cut" and self.command != "GET":
                    self.close_connection = True
                elif self.command == "PUT":
                    outer.kept[path] = content
                    self.answer(201 if "x-ms-version" in self.headers else 200)
                else:
                    body = outer.kept[path]
                    asked = re.fullmatch(
                        r"bytes=(\d+)-(\d+)",
                        self.headers.get("x-ms-range") or self.headers.get("Range") or "",
                    )
                    if asked is None:
                        self.answer(200, body)
                        return
                    first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
                    told = f"bytes {first}-{last}/{len(body)}"
                    self.answer(206, body[first : last + 1], Content_Range=told)

            def do_GET(self):
                self.handle_one()

            def do_PUT(self):
                self.handle_one()

            def do_HEAD(self):
                self.handle_one()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def blobs(self, kind: str, **retries: object):
        url = f"http://127.0.0.1:{self._server.server_port}"
        given = {"endpoint": url, **SECRETS}
        if kind == "azure":
            given = {"endpoint": url, "account_name": "stead", "account_key": "c3RlYWQ="}
        quick = {
            "init_backoff": timedelta(milliseconds=1),
            "max_backoff": timedelta(milliseconds=5),
        }
        wanted = {**RETRIES, "backoff": {**quick, "base": 2}, **retries}
        return open_blobs(f"{kind}://blobs", given, retries=wanted)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def faulty():
    made = Faulty()
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["s3", "azure"])
@pytest.mark.parametrize("fault", ["503", "cut"])
def test_a_service_that_is_away_for_a_while_is_waited_for(faulty, kind, fault):
    blobs = faulty.blobs(kind)
    content = b"0123456789" * 250_000
    faulty.faults = [fault] * 6
    blobs.put("a", content)
    assert (faulty.kept, faulty.faults) == ({"/blobs/a": content}, [])
    faulty.faults = [fault] * 6
    assert b"".join(blobs.stream("a")) == content
    assert faulty.faults == []
    faulty.faults = [fault] * 6
    assert blobs.get("a") == content
    assert faulty.faults == []


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_a_service_that_stays_away_is_told(faulty, kind):
    faulty.faults = ["503"] * 3
    with pytest.raises(BlobError, match="failed at a"):
        faulty.blobs(kind, max_retries=2).put("a", b"")
    # Long enough for a service that is started anew.
    assert RETRIES["retry_timeout"] >= timedelta(minutes=1)


def test_what_cannot_be_opened_is_told_without_its_password(tmp_path):
    with pytest.raises(BlobError) as caught:
        open_blobs("nothing://user:hidden@host/x")
    assert "hidden" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(BlobError):
        open_blobs(str(tmp_path / "file" / "blobs"))
