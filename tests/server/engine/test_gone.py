"""A build whose worker died says so, at once: in its log, and where it stands."""

from __future__ import annotations

import pytest
from dbos import DBOSClient
from sqlalchemy import text

from stead.server.database import builds, workers
from stead.server.engine import reaper
from stead.server.engine.queue import SCHEMA, settings_of
from stead.server.values import BuildStatus


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
def filled(request, store_of, tmp_path):
    """A store in each kind of database, without a worker."""
    with store_of(tmp_path, request.getfixturevalue(f"{request.param}_url")) as made:
        yield made


@pytest.fixture
def client(filled):
    made = DBOSClient(**settings_of(filled.database), dbos_system_schema=SCHEMA)
    yield made
    made.destroy()


def begin(store, build_id, attempt):
    """Have a worker that is not there take the build's workflow and begin an attempt."""
    schema = f"{SCHEMA}." if store.database.dialect == "postgresql" else ""
    taken = f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = :executor"
    with store.database.begin() as connection:
        now = store.database.now()
        gone = workers.register(connection, "gone", now, host="h", pid=1, capacity=1)
        builds.begin(connection, build_id, attempt, now, worker_id=gone.id)
        connection.execute(text(taken), {"executor": str(gone.id)})


def die(store, client):
    reaper.bury(store.database, reaper.alive(store.database))
    return reaper.hand_on(store.database, client)


def test_a_build_tells_of_each_worker_that_died_with_it(filled, client):
    filled.register(1)
    made = filled.submit("tiny")
    begin(filled, made, 1)
    said = []
    for deaths in (1, 2):
        assert die(filled, client) == [made]
        said.append(
            f"the worker that made this is gone ({deaths} of 3); "
            f"another one goes on (attempt {deaths + 1})"
        )
        now = filled.get(made)
        assert (now.status, now.status_info) == (BuildStatus.QUEUED, said[-1])
        assert filled.log(made).splitlines() == said
        begin(filled, made, deaths + 1)
        # Somebody goes on with it: it waits for nobody any more.
        assert filled.get(made).status_info is None
    assert die(filled, client) == []
    assert filled.get(made).status is BuildStatus.FAILED
    assert filled.log(made).splitlines() == [*said, "3 workers died while they built it"]


def test_one_that_is_handed_back_says_nothing_of_deaths(filled, client):
    filled.register(1)
    made = filled.submit("tiny")
    begin(filled, made, 1)
    reaper.bury(filled.database, reaper.alive(filled.database))
    assert reaper.hand_on(filled.database, client, died=False) == [made]
    assert (filled.get(made).status_info, filled.log(made)) == (None, "")
