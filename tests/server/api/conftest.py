"""The application in this process, on a database that was made once; and words to ask it with."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
import pytest

from stead.server.api.app import close, make_app
from stead.server.blobs.store import open_blobs
from stead.server.config import ServerConfig
from stead.server.database import builds
from stead.server.database.opening import open_database
from stead.server.engine.queue import BuildQueue
from stead.server.services import Services, first_token, open_services
from stead.server.values import NewArtifact, NewPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fastapi import FastAPI

CHANNEL = "http://127.0.0.1:18090"
TINY = f"name: tiny\nchannels:\n  - {CHANNEL}\ndependencies:\n  - tiny\n"
FILES = {"LOCKFILE": b'{"version": 1}', "YAML": b"name: tiny\n", "STEAD_LOCK": b"version = 1\n"}


@dataclass
class Client:
    """Asks the application as somebody; without a token as nobody."""

    services: Services
    runner: asyncio.Runner
    http: httpx.AsyncClient
    admin: str
    app: FastAPI

    def ask(
        self, method: str, path: str, *, token: str | None = None, **options: object
    ) -> httpx.Response:
        """Ask as the administrator, or with another token; ``""`` is none."""
        token = self.admin if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return self.runner.run(self.http.request(method, path, headers=headers, **options))

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.ask("GET", path, **options)

    def token(self, **wanted: object) -> str:
        answer = self.ask("POST", "/api/v1/token/", json=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["token"]

    def submit(self, text: str = TINY, namespace: str = "team", **options: object) -> int:
        body = {"namespace": namespace, "specification": text} | options
        answer = self.ask("POST", "/api/v1/specification/", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["build_id"]

    def complete(self, build_id: int, files: Mapping[str, bytes] = FILES) -> None:
        """Do what a worker does at a build's begin and end."""
        for kind, content in files.items():
            self.services.blobs.put(f"{kind.lower()}/{build_id}", content)
        database = self.services.database
        with database.begin() as connection:
            now = database.now()
            admit(connection, self.services, now)
            attempt = builds.get(connection, build_id).attempt
            assert builds.begin(connection, build_id, attempt, now) is not None
            builds.finish(
                connection,
                build_id,
                attempt,
                now,
                size=13799,
                packages=[NewPackage(CHANNEL, "tiny", "1.0", "0", license="MIT", summary="tiny")],
                artifacts=[NewArtifact(kind, f"{kind.lower()}/{build_id}") for kind in files],
            )


def admit(connection, services: Services, now: str) -> None:
    from stead.server.database import admission

    admission.admit_within(connection, services.queue, now, slots=1000)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data directory as a server has it after its first start, and its administrator's token."""
    directory = tmp_path_factory.mktemp("server")
    config = _config(directory)
    with open_services(config, {}) as services:
        token = first_token(services)
    assert token is not None
    return directory, token


def _config(directory: Path) -> ServerConfig:
    return ServerConfig(
        data=str(directory),
        database=f"sqlite:///{directory}/stead.sqlite",
        blobs=f"file://{directory}/blobs",
    )


@contextmanager
def _making(template: tuple[Path, str], directory: Path) -> Iterator[Callable[..., Client]]:
    shutil.copytree(template[0], directory)
    database = open_database(_config(directory).database)
    queue = BuildQueue(database)
    blobs = open_blobs(_config(directory).blobs)
    with asyncio.Runner() as runner:
        clients = []

        def make(**changes: object) -> Client:
            services = Services(replace(_config(directory), **changes), database, queue, blobs)
            app = make_app(services)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            http = httpx.AsyncClient(transport=transport, base_url="http://stead.example")
            clients.append(Client(services, runner, http, template[1], app))
            return clients[-1]

        yield make
        for each in clients:
            runner.run(each.http.aclose())
            close(each.app)
    queue.close()
    database.close()


@pytest.fixture
def make_client(template: tuple[Path, str], tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Make a client of an application; its arguments change the configuration."""
    with _making(template, tmp_path / "server") as make:
        yield make


@pytest.fixture(scope="module")
def make_module_client(
    template: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Client]]:
    """The same for tests that leave nothing behind."""
    with _making(template, tmp_path_factory.mktemp("shared") / "server") as make:
        yield make


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
