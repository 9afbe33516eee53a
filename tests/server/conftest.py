"""What tests of the server share: both databases, one PostgreSQL for all workers of a run.

``database`` is an empty database with all tables, once in SQLite and once in
PostgreSQL; ``database_url`` only its URL. Each test has one of its own, copied from
one that was made once.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.testing.databases import PostgresServer
from stead.testing.object_stores import azure_container, s3_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.server.database.opening import Database

TEMPLATE = "stead_template"

_numbers = itertools.count(1)


def _migrated(url: str) -> None:
    with open_database(url) as opened:
        upgrade(opened)


@contextmanager
def _locked(directory: Path) -> Iterator[dict]:
    """Hold what the workers of this run know together, and write it back."""
    with (directory / "postgres.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = json.loads(file.read() or '{"directory": null, "users": []}')
        yield known
        file.seek(0)
        file.truncate()
        file.write(json.dumps(known))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL that all workers of this run share; the last that needs it ends it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with _locked(shared) as known:
        if known["directory"] is None:
            server = PostgresServer.make()
            known["directory"] = server.directory
            _migrated(server.create(TEMPLATE))
        server = PostgresServer(known["directory"])
        known["users"].append(os.getpid())
    yield server
    with _locked(shared) as known:
        known["users"].remove(os.getpid())
        if not known["users"]:
            server.remove()
            known["directory"] = None


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> Iterator[str]:
    """The URL of a database with all tables, in PostgreSQL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield postgresql.create(name, TEMPLATE)
    postgresql.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "template.sqlite"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a database with all tables, in SQLite."""
    path = tmp_path / "stead.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with all tables, in each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with all tables, in each kind."""
    with open_database(database_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A bucket ``blobs`` in S3: what an artifact store needs to speak to it."""
    with s3_bucket("blobs") as options:
        yield options


@pytest.fixture(scope="module")
def azure() -> Iterator[dict[str, str]]:
    """The same in Azure's storage, a container ``blobs``."""
    with azure_container("blobs") as options:
        yield options
