"""Solving by API: what would be chosen, by whom it may be asked, and that it ends with the asker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stead.server.api.errors import BadRequest
from stead.server.api.solving import Solving
from stead.server.specs.reading import read
from stead.testing.channel import Package, make_channel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOLVE = "/api/v1/specification/"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, here) -> Path:
    packages = [
        Package("tiny", "1.0", license="MIT"),
        Package("tiny", "2.0", license="MIT", depends=("base",)),
        Package("base", "0.5"),
        Package("wanting", depends=("missing >=2",)),
    ]
    return make_channel(tmp_path_factory.mktemp("channel") / "channel", packages, here.name)


@pytest.fixture(scope="module")
def channel(directory: Path) -> str:
    return f"file://{directory}"


@pytest.fixture(scope="module")
def shared(make_module_client):
    return make_module_client()


def rows(client) -> dict[str, int]:
    tables = ("namespace", "environment", "specification", "build", "channel", "package", "event")
    with client.services.database.read() as connection:
        return {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar() for t in tables}


def test_a_solve_gives_the_packages_and_keeps_nothing(shared, channel):
    before = rows(shared)
    # As the `conda-store` program asks, with its `/` behind the query.
    answer = shared.get(f"{SOLVE}?channels={channel}&conda=tiny/")
    assert answer.status_code == 200, answer.text
    found = {each["name"]: each for each in answer.json()["solve"]}
    assert {name: each["version"] for name, each in found.items()} == {"tiny": "2.0", "base": "0.5"}
    assert found["tiny"]["channel"] == channel
    assert found["tiny"]["channel_id"] is None
    assert found["tiny"]["size"] > 0
    assert len(found["tiny"]["sha256"]) == 64
    older = shared.get(SOLVE, params={"channel": channel, "conda": "tiny <2", "format": "lockfile"})
    assert [each["version"] for each in older.json()["solve"]] == ["1.0"]
    assert rows(shared) == before


def test_what_cannot_be_solved_is_said_in_plain_words(shared, channel):
    for asked, told in (
        ({"channel": channel, "conda": "wanting"}, "missing"),
        ({"channel": channel, "conda": "nothing-of-this-name"}, "nothing-of-this-name"),
        ({"channel": channel, "conda": "tiny >=>= 2"}, "tiny"),
        ({"channel": channel, "pip": "-r /etc/passwd"}, "names files"),
        ({"channel": "http://127.0.0.1:1/", "conda": "tiny"}, "127.0.0.1:1"),
    ):
        answer = shared.get(SOLVE, params=asked)
        assert answer.status_code == 400, answer.text
        assert answer.json()["status"] == "error"
        assert told in answer.json()["message"], answer.text
        assert str(shared.services.config.data) not in answer.text
    assert shared.get(SOLVE, params={"conda": "tiny", "format": "x"}).status_code == 422


def test_a_solve_is_for_those_who_may_and_keeps_to_the_settings(make_client, channel):
    client = make_client()
    assert client.get(SOLVE, params={"conda": "tiny"}, token="").status_code == 403
    client.submit()
    see = client.token(role_bindings={"team/*": ["viewer"]})
    assert client.get(SOLVE, params={"conda": "tiny"}, token=see).status_code == 403
    allowed = {"conda_allowed_channels": ["https://good.example/main"]}
    client.ask("PUT", "/api/v1/setting/team/", json=allowed)
    # Whoever may solve in one namespace solves by its settings.
    develop = client.token(role_bindings={"team/*": ["developer"]})
    asked = {"channel": channel, "conda": "tiny"}
    for token, more in ((develop, {}), (None, {"namespace": "team"})):
        refused = client.get(SOLVE, params=asked | more, token=token)
        assert (refused.status_code, "not allowed" in refused.text) == (400, True)
    other = client.get(SOLVE, params=asked | {"namespace": "default"}, token=develop)
    assert other.status_code == 403
    assert client.get(SOLVE, token=develop).json() == {"solve": []}
    # None of this has started anything.
    assert not os.path.exists(f"{client.services.config.data}/solves")


class Silent:
    """A web server for a channel that gives no answer until it is told to."""

    def __init__(self, directory: Path) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(directory))

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.asked.set()
                outer.go.wait()
                with contextlib.suppress(OSError):
                    super().do_GET()

            def do_HEAD(self) -> None:
                self.do_GET()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def silent(directory: Path) -> Iterator[Silent]:
    made = Silent(directory)
    yield made
    made.close()


def wanted(channel: str):
    return read(f"name: x\nchannels: ['{channel}']\ndependencies: [tiny]\n")


def children(directory: Path) -> list[str]:
    """Name the processes that solves have started below a directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(f"{directory}/steps/"):
                found.append(pid)
    return found


@pytest.mark.slow
def test_a_solve_ends_with_whoever_asked_for_it_and_only_so_many_wait(silent, channel, tmp_path):
    solving = Solving(str(tmp_path / "solves"), at_once=1, waiting=1)

    async def here() -> bool:
        return False

    async def gone() -> bool:
        return silent.asked.is_set()

    async def asked() -> None:
        first = asyncio.create_task(solving.packages(wanted(silent.url), 600, gone))
        second = asyncio.create_task(solving.packages(wanted(channel), 600, here))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(BadRequest) as many:
            await solving.packages(wanted(channel), 600, here)
        assert many.value.status == 429
        # The first never ends by itself: the second has its turn because nobody waits for it.
        assert [each["name"] for each in await second] != []
        with pytest.raises(BadRequest) as nobody:
            await first
        assert nobody.value.status == 499
        # One that takes too long is ended too.
        with pytest.raises(BadRequest, match="longer than"):
            await solving.packages(wanted(silent.url), 0.2, here)
        # And what runs while the server ends.
        silent.asked.clear()
        last = asyncio.create_task(solving.packages(wanted(silent.url), 600, here))
        await asyncio.to_thread(silent.asked.wait, 120)
        await asyncio.to_thread(solving.close)
        with pytest.raises(BadRequest) as ending:
            await last
        assert ending.value.status == 503

    asyncio.run(asked())
    assert children(tmp_path / "solves") == []
    assert os.listdir(tmp_path / "solves" / "steps") == []
