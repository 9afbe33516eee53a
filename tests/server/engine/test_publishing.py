"""What a build leaves is that of the attempt that counts, in the database and beside it."""

from __future__ import annotations

import json

import pytest

from stead.server.blobs.store import open_blobs
from stead.server.database import (
    admission,
    builds,
    logs,
    namespaces,
    packages,
    specifications,
    workers,
)
from stead.server.engine import publishing
from stead.server.engine.limits import Limits
from stead.server.engine.retry import Retry
from stead.server.engine.workflow import Engine, look_who_is_wanted
from stead.server.specs.reading import read
from stead.server.values import BuildStatus

SPEC = "name: env\nchannels: []\ndependencies: [tiny]\n"


class Nowhere:
    def enqueue(self, connection, build):
        pass


@pytest.fixture
def blobs(tmp_path):
    return open_blobs(f"file://{tmp_path}/blobs")


@pytest.fixture
def attempts(database):
    """A build as two workers hold it: one was taken for dead, the other goes on."""
    with database.begin() as connection:
        namespaces.create(connection, "team", database.now())
    spec = read(SPEC)
    order = admission.Order("ann")
    made = admission.submit(database, Nowhere(), "team", "env", spec, order=order, slots=9)
    with database.begin() as connection:
        now = database.now()
        first = builds.begin(connection, made.build_id, 1, now)
        builds.recover(connection, made.build_id, 1, now)
        second = builds.begin(connection, made.build_id, 2, now)
        kept = specifications.get(connection, first.specification_id)
    return first, second, kept


def results(version):
    return {
        "solve": {"lock": f"version = {version}\n"},
        "link": {"store_key": f"key-{version}", "size": version, "packages": []},
        "activate": {
            "lockfile": f"metadata: {{version: {version}}}\n",
            "yaml": f"name: env\nversion: {version}\n",
        },
    }


def kept(database, blobs, build_id):
    """Give a build's files by kind, each of which is what the database says of it."""
    with database.read() as connection:
        found = packages.artifacts(connection, build_id)
    for one in found:
        assert blobs.head(one.key).size == one.size
        blobs.put(f"copy/{one.artifact_type}", blobs.get(one.key), sha256=one.sha256)
    return {one.artifact_type: blobs.get(one.key).decode() for one in found}


def kept_kinds(database, blobs, build_id):
    """Give the kinds of a build's files, each of which is there."""
    with database.read() as connection:
        return {
            one.artifact_type
            for one in packages.artifacts(connection, build_id)
            if blobs.head(one.key).size == one.size
        }


def test_an_attempt_that_was_taken_for_dead_publishes_nothing(database, blobs, attempts):
    first, second, spec = attempts
    assert not publishing.publish(database, blobs, first, spec, results(1))
    with database.read() as connection:
        assert builds.get(connection, first.id) == second
        assert not builds.is_current(connection, first.id)
    assert kept(database, blobs, first.id) == {}
    assert publishing.publish(database, blobs, second, spec, results(2))
    # Nor after the other has, and what that has put there stays as it is.
    assert not publishing.publish(database, blobs, first, spec, results(1))
    with database.read() as connection:
        done = builds.get(connection, first.id)
    assert (done.status, done.attempt, done.store_key) == (BuildStatus.COMPLETED, 2, "key-2")
    files = kept(database, blobs, first.id)
    assert files.keys() == {"LOCKFILE", "YAML", "STEAD_LOCK"}
    assert json.loads(files["LOCKFILE"])["metadata"]["version"] == 2
    assert files["YAML"] == "name: env\nversion: 2\n"
    assert files["STEAD_LOCK"] == "version = 2\n"


def test_its_log_is_not_kept_for_the_whole_one(database, blobs, attempts):
    first, second, spec = attempts
    with database.begin() as connection:
        logs.append(connection, first.id, 2, "all of it\n", database.now())
    assert publishing.publish(database, blobs, second, spec, results(2))
    assert publishing.keep_log(database, blobs, second, spec)
    with database.begin() as connection:
        logs.remove(connection, first.id)  # as if read before it was written
    assert not publishing.keep_log(database, blobs, first, spec)
    assert kept(database, blobs, first.id)["LOGS"] == "all of it\n"


def test_no_file_is_left_of_an_attempt_that_does_not_count(database, blobs, attempts):
    first, second, spec = attempts
    for left in (0, 4):
        assert not publishing.publish(database, blobs, first, spec, results(1))
        assert not publishing.keep_log(database, blobs, first, spec)
        assert len(list(blobs.keys())) == left
        assert publishing.publish(database, blobs, second, spec, results(2))
        assert publishing.keep_log(database, blobs, second, spec)
        assert kept_kinds(database, blobs, second.id) == {"LOCKFILE", "YAML", "STEAD_LOCK", "LOGS"}


def test_a_log_is_kept_whole_however_long_it_is(database, blobs, attempts):
    _, second, spec = attempts
    piece = "é" * (logs.MOST // 3) + "\n"
    with database.begin() as connection:
        for _ in range(5):
            logs.append(connection, second.id, 2, piece, database.now())
    assert publishing.publish(database, blobs, second, spec, results(2))
    assert publishing.keep_log(database, blobs, second, spec)
    assert kept(database, blobs, second.id)["LOGS"] == piece * 5


def test_the_workflow_of_an_attempt_that_is_over_begins_nothing(database, blobs, attempts):
    _, second, _ = attempts
    with database.begin() as connection:
        now = database.now()
        builds.retry(connection, second.id, 2, now, not_before=now, why="the network failed")
        assert admission.admit_within(connection, Nowhere(), now, slots=9) == (second.id,)
        before = builds.get(connection, second.id)
        me = workers.register(connection, "w", now, host="h", pid=1, capacity=1)
    engine = Engine(database, blobs, None, "", me.id, Limits(), Retry())
    assert engine._begin(second.workflow_id, second.id) is None
    with database.read() as connection:
        assert builds.get(connection, second.id) == before
    begun = engine._begin(before.workflow_id, second.id)[0]
    assert (begun.status, begun.attempt) == (BuildStatus.BUILDING, 3)
    # Taken once more it goes on, with the time that it has left.
    again = engine._begin(before.workflow_id, second.id)[0]
    assert again.deadline == begun.deadline


@pytest.mark.parametrize("why", ["canceled", "deleted", "given to another"])
def test_a_worker_sees_what_of_its_builds_is_not_wanted_any_more(database, blobs, attempts, why):
    _, second, _ = attempts
    engine = Engine(database, blobs, None, "", 1, Limits(), Retry())
    engine.running[second.id] = 2
    look_who_is_wanted(engine)
    assert engine.unwanted == set()
    with database.begin() as connection:
        now = database.now()
        if why == "canceled":
            builds.cancel(connection, second.id, now)
        elif why == "deleted":
            builds.delete(connection, second.id, now)
        else:
            builds.recover(connection, second.id, 2, now)
            assert builds.begin(connection, second.id, 3, now) is not None
    look_who_is_wanted(engine)
    assert engine.unwanted == {(second.id, 2)}


def test_done_again_it_changes_nothing(database, blobs, attempts):
    _, second, spec = attempts
    assert publishing.publish(database, blobs, second, spec, results(2))
    assert publishing.keep_log(database, blobs, second, spec)

    def state():
        with database.read() as connection:
            told = connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one()
            row = builds.get(connection, second.id)
            files = sorted((head.key, head.size) for head in blobs.keys())  # noqa: SIM118
            return told, row, packages.artifacts(connection, second.id), files

    before = state()
    # It still counts: a worker that goes on here has the rest to do.
    assert publishing.publish(database, blobs, second, spec, results(2))
    assert publishing.keep_log(database, blobs, second, spec)
    assert state() == before


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_what_was_canceled_or_deleted_meanwhile_is_not_published(database, blobs, attempts, end):
    _, second, spec = attempts
    with database.begin() as connection:
        getattr(builds, end)(connection, second.id, database.now())
        before = builds.find(connection, second.id)
    assert not publishing.publish(database, blobs, second, spec, results(2))
    assert list(blobs.keys()) == []
    with database.read() as connection:
        assert builds.find(connection, second.id) == before
    assert kept(database, blobs, second.id) == {}
