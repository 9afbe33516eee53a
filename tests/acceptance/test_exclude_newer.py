"""`--exclude-newer` for packages of an index that says when each file was uploaded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import tomllib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.testing.index import Wheel

FORM = "application/vnd.pypi.simple.v1+json"
UPLOADED = {
    "leaf": {"1.0": "2021-03-01T00:00:00Z", "2.0": "2024-03-01T00:00:00Z"},
    "branch": {"1.0": "2021-04-01T00:00:00Z", "2.0": "2024-04-01T00:00:00Z"},
}


def answers():
    """Pages and files by path, as an index of today's kind gives them."""
    found = {}
    for name, versions in UPLOADED.items():
        listed = []
        for version, time in versions.items():
            requires = ("leaf",) if name == "branch" else ()
            wheel = Wheel(name, version, requires=requires)
            content = wheel.content()
            found[f"/files/{wheel.filename}"] = ("application/octet-stream", content)
            listed.append(
                {
                    "filename": wheel.filename,
                    "url": f"/files/{wheel.filename}",
                    "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
                    "upload-time": time,
                    "size": len(content),
                }
            )
        page = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "versions": list(versions),
            "files": listed,
        }
        found[f"/simple/{name}/"] = (FORM, json.dumps(page).encode())
    return found


@contextlib.contextmanager
def serving():
    pages = answers()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format, *args):  # noqa: A002
            pass

        def do_GET(self):
            kind, content = pages.get(self.path, ("", b""))
            self.send_response(HTTPStatus.OK if kind else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def do_HEAD(self):
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def dated(machine):
    with serving() as url:
        machine.environ["UV_DEFAULT_INDEX"] = f"{url}/simple"
        yield machine


def versions(machine, root, *options):
    machine.ok("lock", *options, cwd=root)
    lock = tomllib.loads((root / "stead.lock").read_text(encoding="utf-8"))
    text = json.dumps(lock)
    return {n: v for n in UPLOADED for v in UPLOADED[n] if f"{n}-{v}-py3" in text}


def test_files_uploaded_later_do_not_count(dated, project):
    root = project({"stead.toml": "[packages.pypi]\nbranch = '*'\n"})
    old = ("--exclude-newer", "2022-06-01")
    assert versions(dated, root, *old) == {"branch": "1.0", "leaf": "1.0"}
    code = "import branch, leaf; print(branch.__version__, leaf.__version__)"
    assert dated.ok("run", "python", "-c", code, cwd=root) == "1.0 1.0\n"
    assert versions(dated, root) == {"branch": "1.0", "leaf": "1.0"}
    assert versions(dated, root, "--upgrade") == {"branch": "2.0", "leaf": "2.0"}
    assert versions(dated, root, *old) == {"branch": "1.0", "leaf": "1.0"}
    between = ("--exclude-newer", "2024-03-15T00:00:00Z")
    assert versions(dated, root, *between) == {"branch": "1.0", "leaf": "1.0"}  # the least change
    assert versions(dated, root, "--upgrade", *between) == {"branch": "1.0", "leaf": "2.0"}


def test_a_workspace_says_it_for_every_lock(dated, project):
    root = project(
        {"stead.toml": "[workspace]\nexclude-newer = 2022-06-01\n[packages.pypi]\nbranch = '*'\n"}
    )
    assert versions(dated, root) == {"branch": "1.0", "leaf": "1.0"}
    assert versions(dated, root, "--upgrade") == {"branch": "1.0", "leaf": "1.0"}


def test_a_date_before_every_file_is_named_and_nothing_is_written(dated, project):
    root = project({"stead.toml": "[packages.pypi]\nbranch = '*'\n"})
    message = dated.fails("lock", "--exclude-newer", "2019-01-01", cwd=root)
    assert "branch" in message
    assert "2019-01-01" in message
    assert not (root / "stead.lock").exists()
