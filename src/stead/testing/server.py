"""A web server on the loopback for a directory, with faults on demand."""

from __future__ import annotations

import base64
import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


@dataclass
class Served:
    """A running server. ``requests`` are ``METHOD /path`` lines, in order."""

    url: str
    """Without a slash at its end."""
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    """The ranges that were asked for, as their header says (``bytes=10-``)."""
    password: tuple[str, str] | None = None
    """When set, requests must bring this user and password."""
    fail: set[str] = field(default_factory=set)
    """Endings of paths that are answered with 503."""
    truncate: set[str] = field(default_factory=set)
    """Endings of paths whose connection breaks half-way."""
    whole: bool = False
    """Whether ranges are passed over, as Python's own ``http.server`` does."""
    closed: bool = False


@contextmanager
def serve(directory: str | Path) -> Iterator[Served]:
    """Serve a directory over http on 127.0.0.1, with ranges, until the block ends."""
    served = Served("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        page = False

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            if served.closed:  # a connection kept alive beyond the block
                self.close_connection = True
                return
            path = unquote(urlsplit(self.path).path)
            served.requests.append(f"{self.command} {path}")
            if served.password and self.headers.get("Authorization") != _basic(*served.password):
                self._plain(HTTPStatus.UNAUTHORIZED)
                return
            if any(path.endswith(end) for end in served.fail):
                self._plain(HTTPStatus.SERVICE_UNAVAILABLE)
                return
            if path.endswith("/"):  # package indexes are pages
                path += "index.html"
            try:
                with open(os.path.join(directory, path.lstrip("/")), "rb") as stream:
                    content = stream.read()
            except OSError:
                self._plain(HTTPStatus.NOT_FOUND)
                return
            self.page = path.endswith("index.html")
            self._content(content, body=body, cut=any(path.endswith(e) for e in served.truncate))

        def _plain(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", 'Basic realm="channel"')
            self.end_headers()

        def _content(self, content: bytes, *, body: bool, cut: bool) -> None:
            total = len(content)
            if "Range" in self.headers:
                served.ranges.append(self.headers["Range"])
            asked = _RANGE.match(self.headers.get("Range", ""))
            if asked and any(asked.groups()) and not served.whole:
                first, last = asked.groups()
                start = int(first) if first else max(0, total - int(last))
                end = min(int(last), total - 1) if first and last else total - 1
                content = content[start : end + 1]
                self.send_response(HTTPStatus.PARTIAL_CONTENT)
                self.send_header("Content-Range", f"bytes {start}-{end}/{total}")
            else:
                self.send_response(HTTPStatus.OK)
            if self.page:
                self.send_header("Content-Type", "text/html")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        served.closed = True
        server.shutdown()
        server.server_close()
        thread.join()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
