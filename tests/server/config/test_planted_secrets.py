"""Secrets that a server was given by references: what it writes, says and answers has none of them."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.testing.channel import Package, make_channel
from stead.testing.databases import PostgresServer

DATABASE, ARTIFACTS, GIT = "planted-one-5e1f", "planted-two-7ac3", "planted-three-9b2d"
PLANTED = (DATABASE, ARTIFACTS, GIT)

CONFIG = """
database = "{database}"
database-password = "env:OF_DATABASE"
blobs = "s3://blobs/planted"
workers = 1

[blob-options]
endpoint = "{endpoint}"
region = "us-east-1"
access_key_id = "test"
secret_access_key = "env:OF_ARTIFACTS"

[git-credentials]
"{host}" = "env:OF_GIT"

[[git]]
url = "http://{host}/repo.git"
namespace = "default"
"""

GOOD = {"namespace": "default", "environment_name": "web", "name": "web"}


class Good(dict):
    def __missing__(self, name):
        return GOOD.get(name, "1")


@pytest.fixture
def forge():
    """A server of repositories that refuses whatever it is shown, and remembers that."""
    shown = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            shown.append(self.headers.get("Authorization"))
            self.send_response(403 if shown[-1] else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", shown
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def database():
    # In words that are written as they are given, so that they would be found in its files.
    with PostgresServer.make() as made:
        made.execute("CREATE ROLE ann SUPERUSER LOGIN")
        made.create("planted")
        yield made


class Asking:
    """Asks a server, and keeps all that it answers."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.answers = []

    def __call__(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                told = answer.read().decode()
        except urllib.error.HTTPError as error:
            told = f"{error.headers}{error.read().decode()}"
        self.answers.append(told)
        return told

    def data(self, method, path, body=None):
        return json.loads(self(method, path, body))["data"]

    def until(self, holds, *asked):
        deadline = time.monotonic() + 120
        while not holds(found := self.data(*asked)):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found


def command_lines(pid):
    """Give the arguments of a process and of all that it has started."""
    found, wanted = [], {str(pid)}
    while wanted:
        one = wanted.pop()
        try:
            with open(f"/proc/{one}/cmdline", "rb") as file:
                found.append(file.read().decode())
            for children in glob.glob(f"/proc/{one}/task/*/children"):
                with open(children) as file:
                    wanted |= set(file.read().split())
        except OSError:
            continue
    return found


def files_with(directory, secrets):
    """Name the files below a directory that have one of some texts in them."""
    found = []
    for top, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
                found += [path for secret in secrets if secret.encode() in content]
    return found


@pytest.mark.slow
@pytest.mark.needs("pg_ctlcluster")
@pytest.mark.needs("git")
def test_no_planted_secret_is_seen_anywhere(database, s3, forge, here, tmp_path):
    host, shown = forge
    url = f"postgresql://ann@/planted?host={database.directory}"
    file = tmp_path / "server.toml"
    file.write_text(CONFIG.format(database=url, endpoint=s3["endpoint"], host=host))
    channel = make_channel(tmp_path / "channel", [Package("tiny")], here.name)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEAD_")}
    given = {"OF_DATABASE": DATABASE, "OF_ARTIFACTS": ARTIFACTS, "OF_GIT": f"ann:{GIT}"}
    environ = kept | {"STEAD_HOME": str(tmp_path / "home")} | given
    serve = [sys.executable, "-m", "stead", "serve", "--config", str(file)]

    def run(*words):
        done = subprocess.run(
            [*serve, *words], env=environ, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    said = [run("--show-config")]
    assert 'database-password = "env:OF_DATABASE"' in said[0]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*serve, "--port", "0"], env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        for line in process.stdout:
            said.append(line)
            if line.startswith("admin token"):
                token = line.split()[-1]
            if line.startswith("serving on"):
                break
        ask = Asking(line.split()[-1], token)

        def submit(package):
            spec = f"name: web\nchannels: ['file://{channel}']\ndependencies: [{package}]\n"
            body = {"namespace": "default", "specification": spec}
            return ask.data("POST", "/api/v1/specification/", body)["build_id"]

        made = [submit("tiny"), submit("missing")]
        for build, status in zip(made, ("COMPLETED", "FAILED"), strict=True):
            ended = ask.until(
                lambda now: now["status"] not in ("QUEUED", "BUILDING"),
                *("GET", f"/api/v1/build/{build}/"),
            )
            assert ended["status"] == status, ended
        # The repository was asked for with the credential, and cannot be had.
        ask.until(lambda found: any(one["error"] for one in found), "GET", "/api/stead/v1/source/")
        assert any(shown)
        described = json.loads(ask("GET", "/openapi.json"))
        asked = 0
        for path, operations in described["paths"].items():
            if "get" in operations and not path.endswith("/follow/"):
                ask("GET", path.format_map(Good()))
                ask("GET", path.format_map(Good(dict.fromkeys(GOOD, "nothing"))))
                asked += 1
        assert asked > 25
        events = ask.data("GET", "/api/stead/v1/event/?limit=100")
        assert {"build.status", "environment.current"} <= {one["kind"] for one in events}
        said += command_lines(process.pid)
        assert len(said) > 4, "of the server, its worker, and what that has started"
    finally:
        process.terminate()
        said.append(process.stdout.read())
        assert process.wait(120) == 0
        process.stdout.close()
    said.append(run("--check", "--json"))
    # What was built from a wrong reference is told without what it refers to, too.
    environ["OF_GIT"] = ""
    said.append(run("--port", "0", "--data", "/dev/null/nowhere"))
    logged = (tmp_path / "log").read_text()
    assert all(json.loads(line)["action"] for line in logged.splitlines())
    assert token not in logged
    everything = "\n".join([*said, *ask.answers, logged])
    assert len(ask.answers) > 60
    assert [secret for secret in PLANTED if secret in everything] == []
    database.stop()
    assert files_with(tmp_path, PLANTED) == []
    assert files_with(database.data, PLANTED) == []
    database.start()
