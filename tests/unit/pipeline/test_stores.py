"""Parts of a store that cuts them off: the rest is asked for, and only what is the rest is taken."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from stead.deploy.tar import END, header, padding
from stead.pipeline import stores
from stead.pipeline.stores import Store
from stead.store.parts import PartError, make_tree
from stead.testing.world import make_context
from stead.values.errors import NetworkError
from stead.values.parts import Closure, PackedPart
from stead.values.substitute import StoreAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONTENT = random.Random(2).randbytes(2_000_000)
TAR = header("noise", "file", 0o644, len(CONTENT)) + CONTENT + padding(len(CONTENT)) + END
PART = PackedPart("noise 1.0", hashlib.sha256(TAR).hexdigest(), len(TAR))
CLOSURE = Closure("k" * 20, {"name": "noise"}, (PART,))
WHOLE = gzip.compress(TAR, 1)


class Cutting(BaseHTTPRequestHandler):
    """A store of one part, which ends each answer with it after so many bytes."""

    cuts: list[int]
    body = WHOLE
    ranges = True
    breaks = False
    """Whether the connection breaks where an answer ends early."""
    asked: list[str | None]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "/v1/parts/" in self.path:
            answer = {"data": {"build_id": 1, "closure": CLOSURE.to_json()}}
            self.give(200, json.dumps(answer).encode(), {})
            return
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        cut = self.cuts.pop(0) if self.cuts else len(self.body)
        found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        if found is None or not self.ranges:
            self.give(200, self.body, {}, cut)
            return
        start, size = int(found[1]), len(self.body)
        told = {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
        self.give(206, self.body[start:], told, cut)

    def give(self, status: int, body: bytes, headers: dict[str, str], most: int = 1 << 30) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:most])
        if self.breaks and most < len(body):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


@contextmanager
def serving(cuts: Sequence[int], **more: object) -> Iterator[tuple[str, list[str | None]]]:
    asked: list[str | None] = []
    handler = type("Handler", (Cutting,), {"cuts": list(cuts), "asked": asked, **more})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def take(tmp_path: Path, monkeypatch):
    """Make a tree of what a store gives."""
    monkeypatch.setattr(stores, "AGAIN", (0.0, 0.0, 0.0))

    def taken(url: str) -> Path:
        store = Store(StoreAddress("team", url), make_context(tmp_path))
        closure = store.closure("k" * 20)
        assert closure is not None
        tree = tmp_path / "tree"
        tree.mkdir()
        make_tree(closure, store.part, str(tree), "/srv/there")
        return tree

    return taken


def test_what_is_cut_off_goes_on_where_it_ended(take) -> None:
    with serving([0, 700_000, 1]) as (url, asked):
        tree = take(url)
    assert (tree / "noise").read_bytes() == CONTENT
    assert asked == [None, None, "bytes=700000-", "bytes=700001-"]


def test_a_connection_that_breaks_is_made_again(take) -> None:
    with serving([400_000, 400_000], breaks=True) as (url, asked):
        tree = take(url)
    assert (tree / "noise").read_bytes() == CONTENT
    assert len(asked) == 3


def test_what_is_cut_off_again_and_again_is_given_up(take) -> None:
    with serving([1000] * 9) as (url, asked), pytest.raises(NetworkError, match="in the middle"):
        take(url)
    assert asked == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]


def test_from_a_server_without_ranges_nothing_is_put_together(take) -> None:
    with (
        serving([1000], ranges=False) as (url, asked),
        pytest.raises(NetworkError, match="in the middle"),
    ):
        take(url)
    assert asked == [None, "bytes=1000-"]


def test_what_has_become_another_length_is_not_the_rest(take) -> None:
    class Changing(Cutting):
        def do_GET(self) -> None:
            if self.headers["Range"]:
                self.body = self.body + b"more"
            Cutting.do_GET(self)

    with (
        serving([1000], do_GET=Changing.do_GET) as (url, _),
        pytest.raises(NetworkError, match="in the middle"),
    ):
        take(url)


def test_a_rest_of_something_else_is_refused_by_the_parts_hash(take) -> None:
    other = WHOLE[:-5000] + bytes(len(WHOLE) - len(WHOLE[:-5000]))

    class Swapping(Cutting):
        def do_GET(self) -> None:
            if self.headers["Range"]:
                self.body = other
            Cutting.do_GET(self)

    with (
        serving([1000], do_GET=Swapping.do_GET) as (url, asked),
        pytest.raises(PartError, match=r"the part noise 1\.0 is not what it should be"),
    ):
        take(url)
    assert asked == [None, "bytes=1000-"]
