"""`stead serve` as a process: its start, its port, its token, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from stead.server.database.migrations import upgrade, version
from stead.server.database.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVE = (sys.executable, "-m", "stead", "serve", "--workers", "0")


def environ(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEAD_")}
    return kept | {"STEAD_HOME": str(home)}


class Running:
    """A server that was started, and what it said until it answered."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        for line in process.stdout:
            self.said.append(line.strip())
            if line.startswith("serving on "):
                break
        else:
            raise AssertionError(process.stderr.read())
        self.url = self.said[-1].removeprefix("serving on ")

    @property
    def token(self) -> str:
        (line,) = [line for line in self.said if line.startswith("admin token")]
        return line.rpartition(" ")[2]

    def get(self, path: str, token: str = "") -> dict:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.load(answer)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, list[dict]]:
        """Ask it to end; gives its code and what it logged."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=90)
        return self.process.returncode, [json.loads(line) for line in err.splitlines()]


@contextmanager
def serving(home: Path, *words: str, before: tuple[str, ...] = ()) -> Iterator[Running]:
    with subprocess.Popen(
        [*before, *SERVE, *(words or ("--port", "0"))],
        env=environ(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def test_a_server_starts_answers_and_ends(tmp_path):
    with serving(tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        token = server.token
        assert server.get("/health/ready") == {"status": "ok"}
        assert server.get("/api/v1/permission/", token)["data"]["authenticated"] is True
        port = server.url.rpartition(":")[2]
        second = subprocess.run(
            [*SERVE, "--port", port, "--data", str(tmp_path / "other")],
            env=environ(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f"cannot listen on 127.0.0.1 port {port}" in second.stderr
        assert second.stdout == ""
        assert not (tmp_path / "other").exists()
        follow = urllib.request.Request(f"{server.url}/api/stead/v1/event/follow/")
        follow.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(follow, timeout=120) as followed:
            code, logged = server.end()
            # Whoever follows does not hold the end up, and is told of it.
            assert "the server ends" in followed.read().decode()
    assert code == 0
    assert [line["action"] for line in logged] == ["started", *["request"] * 3, "stopped"]
    assert logged[1]["path"] == "/health/ready"
    assert token not in json.dumps(logged)
    assert (tmp_path / "server").stat().st_mode & 0o077 == 0
    # A second start keeps what was, and tells no token again.
    with serving(tmp_path) as server:
        assert [line for line in server.said if "token" in line] == []
        assert server.get("/api/v1/permission/", token)["data"]["authenticated"] is True
        code, _ = server.end(signal.SIGINT)
    assert code == 0


def test_a_server_and_its_workers_end_with_their_terminal_unless_they_are_to_outlast_it(tmp_path):
    with serving(tmp_path, "--port", "0", "--workers", "1") as server:
        while not server.get("/api/stead/v1/health/", server.token)["data"]["workers"]:
            time.sleep(0.05)
        os.killpg(server.process.pid, signal.SIGHUP)
        code, logged = server.end(signal.SIGCONT)
    assert (code, logged[-1]["action"]) == (0, "stopped")
    assert [line for line in logged if "exception" in line] == []
    # The worker took its leave, so that nobody waits for it.
    path = tmp_path / "server" / "stead.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert set(database.execute("SELECT state FROM worker")) == {("stopped",)}
    with serving(tmp_path, before=("nohup",)) as server:
        server.process.send_signal(signal.SIGHUP)
        assert server.get("/health/ready") == {"status": "ok"}
        assert server.end()[0] == 0


def test_a_terminals_end_that_is_told_again_and_again_is_one_end(tmp_path):
    with serving(tmp_path, "--port", "0", "--workers", "1") as server:
        while not server.get("/api/stead/v1/health/", server.token)["data"]["workers"]:
            time.sleep(0.05)
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        code, logged = server.end(signal.SIGCONT)
    assert (code, logged[-1]["action"]) == (0, "stopped")


def test_a_first_start_that_fails_does_not_use_up_the_token(tmp_path):
    failed = subprocess.run(
        [*SERVE, "--port", "0", "--watch", "/nowhere"],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert failed.returncode != 0
    assert failed.stdout == ""
    # The database was made already: the next start tells the token nevertheless.
    assert (tmp_path / "server" / "stead.sqlite").exists()
    with serving(tmp_path) as server:
        told = server.get("/api/v1/permission/", server.token)["data"]
        assert told["entity_roles"]["*/*"] == ["admin"]
        server.end()


def test_whoever_runs_the_server_may_make_another_token_with_all_rights(tmp_path):
    with serving(tmp_path) as server:
        first = server.token
        server.end()
    made = subprocess.run(
        [*SERVE, "--admin-token"],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    second = made.stdout.removesuffix("\n")
    assert second.startswith("stead_")
    assert second != first
    with serving(tmp_path) as server:
        for token in (first, second):
            told = server.get("/api/v1/permission/", token)["data"]
            assert told["entity_roles"]["*/*"] == ["admin"]
        server.end()


@pytest.mark.parametrize("other", [(), ("--check",), ("--show-config",)])
def test_another_token_is_made_only_in_a_store_that_is_there(tmp_path, other):
    done = subprocess.run(
        [*SERVE, "--admin-token", *other],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stdout) == ((2 if other else 1), "")
    assert ("not allowed with" if other else "there is no store here") in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_token_is_no_reason_to_bring_the_database_up_to_date(tmp_path):
    path = tmp_path / "server" / "stead.sqlite"
    path.parent.mkdir()
    with open_database(f"sqlite:///{path}") as database:
        upgrade(database, "0001")
    done = subprocess.run(
        [*SERVE, "--admin-token"],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database is of version 0001" in done.stderr
    with open_database(f"sqlite:///{path}") as database:
        assert version(database) == "0001"


def test_only_this_machine_is_answered(tmp_path):
    with serving(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_config_is_shown_with_where_each_value_is_from(tmp_path):
    done = subprocess.run(
        [*SERVE, "--show-config"],
        env=environ(tmp_path) | {"STEAD_SERVER_CORS": "https://lab.example"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'cors = ["https://lab.example"]  # STEAD_SERVER_CORS' in done.stdout
    assert "workers = 0  # --workers" in done.stdout
    assert not (tmp_path / "server").exists()


def test_without_the_servers_libraries_it_says_what_to_install(tmp_path):
    block = "import sys; sys.modules['uvicorn'] = None; from stead.cli.main import main; "
    done = subprocess.run(
        [sys.executable, "-c", block + "raise SystemExit(main(['serve']))"],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{sys.executable} -m pip install 'stead[server]'" in done.stderr
    assert "Traceback" not in done.stderr
