"""A store without workers, whose sources are worked on in this process; and words to look at it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stead.server.config import ServerConfig
from stead.server.database import builds, logs, namespaces, sources
from stead.server.services import Services, open_services
from stead.server.sources.running import running
from stead.testing.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stead.server.values import Build, Source

_numbers = itertools.count()

SPEC = "name: {name}\nchannels: [http://127.0.0.1:18090]\ndependencies: [{package}]\n"


def config_in(directory: Path, database: str = "") -> ServerConfig:
    names = ("watch", "git", "git_credentials")
    return ServerConfig(
        data=str(directory),
        database=database or f"sqlite:///{directory}/stead.sqlite",
        blobs=f"file://{directory}/blobs",
        origins=dict.fromkeys(names, "test"),
    )


@dataclass
class Place:
    """A store, and a directory for what its sources are of."""

    services: Services
    root: Path
    server: PostgresServer | None = None
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        return self.root / "files"

    def write(self, path: str, package: str = "tiny", name: str = "web") -> Path:
        return self.put(path, SPEC.format(name=name, package=package))

    def put(self, path: str, content: str) -> Path:
        place = self.files / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def running(self, lease: float = 30.0, **changes: object) -> contextlib.AbstractContextManager:
        config = replace(self.services.config, **changes)
        services = replace(self.services, config=config)
        return running(services, self.secrets, os.environ, lease=lease)

    def watching(self, path: Path | None = None, lease: float = 30.0):
        return self.running(lease, watch=(f"{path or self.files}=team",))

    def source(self) -> Source:
        with self.services.database.read() as connection:
            (found,) = sources.listed(connection)
        return found

    def known(self) -> dict[str, dict]:
        with self.services.database.read() as connection:
            (found,) = sources.listed(connection)
            return sources.files(connection, found.id)

    def file(self, path: str) -> dict:
        return self.known().get(path, {})

    def reason(self, path: str) -> str:
        return self.file(path).get("reason", "")

    def rows(self, statement: str) -> list[tuple]:
        with self.services.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def asked(self) -> list[tuple[str, str]]:
        """Give environment and wanted package of each build, oldest first."""
        found = self.rows(
            "SELECT e.name, s.spec FROM build b JOIN environment e ON e.id = b.environment_id "
            "JOIN specification s ON s.id = b.specification_id ORDER BY b.id"
        )
        import json

        return [(name, json.loads(spec)["dependencies"][0]) for name, spec in found]

    def build(self, build_id: int) -> Build:
        with self.services.database.read() as connection:
            return builds.get(connection, build_id)

    def log(self, build_id: int) -> str:
        with self.services.database.read() as connection:
            return logs.read(connection, build_id)[0]

    def complete(self, build_id: int) -> None:
        """Do what a worker does."""
        from stead.server.database import admission

        database = self.services.database
        with database.begin() as connection:
            now = database.now()
            admission.admit_within(connection, self.services.queue, now, slots=1000)
            attempt = builds.get(connection, build_id).attempt
            builds.begin(connection, build_id, attempt, now)
            assert builds.finish(connection, build_id, attempt, now) is not None

    def eventually(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not holds():
            assert time.monotonic() < end, (self.source(), self.asked())
            time.sleep(0.02)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sources")
    with open_services(config_in(directory), {}) as services, services.database.begin() as made:
        namespaces.create(made, "team", services.database.now())
    return directory


@pytest.fixture(scope="session")
def postgresql_store(postgresql: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database as a store's first start leaves it."""
    name = f"sources_{os.getpid()}"
    config = config_in(
        tmp_path_factory.mktemp("sources"), postgresql.create(name, "stead_template")
    )
    with open_services(config, {}):
        return name


@pytest.fixture
def store_url(postgresql: PostgresServer, postgresql_store: str) -> Iterator[str]:
    """The URL of such a database."""
    name = f"{postgresql_store}_{next(_numbers)}"
    yield postgresql.create(name, postgresql_store)
    postgresql.drop(name)


@pytest.fixture
def kind() -> str:
    """The kind of database: ``sqlite``, ``postgresql``, or ``own``, a PostgreSQL to be stopped."""
    return "sqlite"


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "files").mkdir()
    server, url = None, ""
    with contextlib.ExitStack() as stack:
        if kind == "sqlite":
            shutil.copytree(request.getfixturevalue("template"), tmp_path / "data")
        elif kind == "postgresql":
            url = request.getfixturevalue("store_url")
        else:
            # What was written stays when it is stopped at once.
            server = stack.enter_context(PostgresServer.make(synchronous_commit="on"))
            url = server.create("stead")
        services = stack.enter_context(open_services(config_in(tmp_path / "data", url), {}))
        with services.database.begin() as connection:
            namespaces.ensure(connection, "team", services.database.now())
        yield Place(services, tmp_path, server)


@dataclass
class Repo:
    """A git repository whose files are changed and committed."""

    path: Path

    def git(self, *words: str) -> str:
        env = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "ann",
            "GIT_AUTHOR_EMAIL": "ann@team.example",
            "GIT_COMMITTER_NAME": "ann",
            "GIT_COMMITTER_EMAIL": "ann@team.example",
        }
        done = subprocess.run(
            ["git", "-C", self.path, *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, **files: str | None) -> str:
        """Write files (``__`` for ``/``, ``_yml`` for the suffix) and commit; gives the commit."""
        for key, content in files.items():
            path = self.path / key.replace("__", "/").replace("_yml", ".yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.path.mkdir()
    made.git("init", "-q", "-b", "main")
    return made
