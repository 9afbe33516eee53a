"""An index on the loopback that takes uploads, as package indexes do.

    with accept(tmp_path / "index", password=("__token__", "secret")) as index:
        publish(index.url)

What arrives lies in the directory as :func:`stead.testing.index.make_index` lays it out.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from stead.testing.index import make_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Accepting:
    """A running server. ``forms`` are the fields of what was uploaded, without the content."""

    url: str
    """Where to upload."""
    password: tuple[str, str] | None = None
    answer: tuple[int, str] | None = None
    """When set, every upload is answered with this status and text."""
    forms: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def accept(
    directory: str | Path, *, password: tuple[str, str] | None = None
) -> Iterator[Accepting]:
    """Take uploads into an index in ``directory`` until the block ends."""
    root = make_index(directory, [])
    accepting = Accepting("", password)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = self._taken(body)
            content = text.encode()
            self.send_response(status)
            if status in (HTTPStatus.FOUND, HTTPStatus.PERMANENT_REDIRECT):
                self.send_header("Location", text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _taken(self, body: bytes) -> tuple[int, str]:
            if accepting.answer:
                return accepting.answer
            if accepting.password:
                wanted = base64.b64encode(":".join(accepting.password).encode()).decode()
                if self.headers.get("Authorization") != f"Basic {wanted}":
                    return HTTPStatus.FORBIDDEN, f"{self.headers.get('Authorization')} is no login"
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            fields: dict[str, list[str]] = {}
            name, content = "", b""
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
                said = part.get_payload(decode=True)
                assert isinstance(said, bytes)
                if part.get_filename():
                    name, content = str(part.get_filename()), said
                else:
                    key = str(part.get_param("name", header="content-disposition"))
                    fields.setdefault(key, []).append(said.decode())
            if fields.get(":action") != ["file_upload"] or not name:
                return HTTPStatus.BAD_REQUEST, "this is no upload"
            if fields["sha256_digest"] != [hashlib.sha256(content).hexdigest()]:
                return HTTPStatus.BAD_REQUEST, "the digest is not that of the content"
            if (root / "files" / name).exists():
                return HTTPStatus.BAD_REQUEST, f"File already exists: {name}"
            (root / "files" / name).write_bytes(content)
            make_index(root, [])
            accepting.forms.append(fields)
            return HTTPStatus.OK, "taken"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    accepting.url = f"http://127.0.0.1:{server.server_address[1]}/legacy/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield accepting
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
