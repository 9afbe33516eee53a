"""A worker that is killed between any two steps of publishing: what is there, and what `--check` says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from stead.server.blobs.store import open_blobs
from stead.server.checking import check
from stead.server.checks import blobs as checked_blobs
from stead.server.checks.values import Checked
from stead.server.database import (
    admission,
    builds,
    environments,
    logs,
    namespaces,
    packages,
    specifications,
)
from stead.server.engine import publishing
from stead.server.engine import queue as engine_queue
from stead.server.engine.queue import BuildQueue
from stead.server.specs.reading import read
from stead.server.values import BuildStatus

# Publishes a build, and ends by SIGKILL at the moment that it is told: `before` or `after` the
# so-manieth file is put, or the so-manieth transaction that writes is committed.
PUBLISHING = """
import contextlib, json, os, signal, sys
from stead.server.blobs.store import BlobStore, open_blobs
from stead.server.database import builds, specifications
from stead.server.database.opening import Database, open_database
from stead.server.engine import publishing

url, blobs, build_id, results, moment = sys.argv[1:]
seen = {"put": 0, "commit": 0}

def reached(when, what):
    if f"{when} {what} {seen[what]}" == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def put(self, *given, former=BlobStore.put, **named):
    seen["put"] += 1
    reached("before", "put")
    done = former(self, *given, **named)
    reached("after", "put")
    return done

@contextlib.contextmanager
def begin(self, former=Database.begin):
    with former(self) as connection:
        yield connection
        seen["commit"] += 1
        reached("before", "commit")
    reached("after", "commit")

BlobStore.put, Database.begin = put, begin
with open_database(url) as database:
    store = open_blobs(blobs)
    with database.read() as connection:
        build = builds.get(connection, int(build_id))
        spec = specifications.get(connection, build.specification_id)
    assert publishing.publish(database, store, build, spec, json.loads(results))
    assert publishing.keep_log(database, store, build, spec)
print(json.dumps(seen))
"""

RESULTS = {
    "solve": {"lock": "version = 1\n"},
    "link": {"store_key": "abc-env", "size": 7, "packages": []},
    "activate": {"lockfile": "metadata: {}\n", "yaml": "name: env\n"},
}

MOMENTS = [*(f"after put {n}" for n in range(1, 5)), "before commit 1", "after commit 1"]
"""Before a file is put nothing is otherwise than after the one before it."""


@pytest.fixture
def begun(database):
    """A build that replaces another, as the worker has it that will publish it."""
    engine_queue.migrate(database)
    queue = BuildQueue(database)
    with database.begin() as connection:
        namespaces.create(connection, "team", database.now())
    for package in ("old", "new"):
        spec = read(f"name: env\nchannels: []\ndependencies: [{package}]\n")
        order = admission.Order("ann")
        made = admission.submit(database, queue, "team", "env", spec, order=order, slots=9)
        with database.begin() as connection:
            begun = builds.begin(connection, made.build_id, 1, database.now())
            logs.append(connection, made.build_id, 1, "said\n", database.now())
            if package == "old":
                builds.finish(connection, made.build_id, 1, database.now())
        if package == "old":
            queue.client.delete_workflow(begun.workflow_id)
    yield begun, queue
    queue.close()


def publish(url, blobs, build_id, moment):
    argv = [
        sys.executable,
        "-c",
        PUBLISHING,
        url,
        blobs,
        str(build_id),
        json.dumps(RESULTS),
        moment,
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def agree(database, queue, blobs):
    """Give what `stead serve --check` finds, all of which is mended: again it finds nothing."""
    found = check(Checked(database, queue, blobs, True)).found
    assert all(one.repaired for one in found), found
    assert check(Checked(database, queue, blobs, True)).found == ()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_build_is_published_whole_or_not_at_all(
    database, database_url, begun, tmp_path, monkeypatch, moment
):
    held, queue = begun
    blobs = open_blobs(url := f"file://{tmp_path}/blobs")
    done = publish(database_url, url, held.id, moment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with database.read() as connection:
        now = builds.get(connection, held.id)
        current = environments.get(connection, "team", "env").current_build_id
        files = packages.artifacts(connection, held.id)
        spec = specifications.get(connection, held.specification_id)
    # Completed, current, and with all that it says it has; or nothing of it.
    kinds = {one.artifact_type for one in files} - {"LOGS"}
    if now.status is BuildStatus.COMPLETED:
        assert (current, kinds) == (held.id, {"LOCKFILE", "YAML", "STEAD_LOCK"})
    else:
        assert (now, files, current) == (held, (), held.id - 1)
    for one in files:
        blobs.put("copy", blobs.get(one.key), sha256=one.sha256)
        blobs.delete("copy")
    # Nothing that is there is wrong, though the first build has no log beside the database's.
    assert agree(database, queue, blobs) == ()
    # Whoever goes on with it ends as if nothing had happened.
    with database.begin() as connection:
        if now.status is not BuildStatus.COMPLETED:
            builds.recover(connection, held.id, 1, database.now())
            now = builds.begin(connection, held.id, 2, database.now())
    assert publishing.publish(database, blobs, now, spec, RESULTS)
    assert publishing.keep_log(database, blobs, now, spec)
    queue.client.delete_workflow(now.workflow_id)
    with database.read() as connection:
        assert builds.is_current(connection, held.id)
        kept = packages.artifacts(connection, held.id)
    assert sorted(one.artifact_type for one in kept) == ["LOCKFILE", "LOGS", "STEAD_LOCK", "YAML"]
    # What the killed one left goes, once nobody could still count on it.
    monkeypatch.setattr(checked_blobs, "SETTLED", -1.0)
    agree(database, queue, blobs)
    assert {head.key for head in blobs.keys()} == {one.key for one in kept}  # noqa: SIM118
    assert counted(database) == 1


def counted(database):
    with database.read() as connection:
        query = "SELECT count(*) FROM event WHERE kind = 'environment.current' AND build_id = 2"
        return connection.exec_driver_sql(query).scalar_one()


def test_these_are_all_moments(database, database_url, begun, tmp_path):
    done = publish(database_url, f"file://{tmp_path}/blobs", begun[0].id, "never")
    assert json.loads(done.stdout) == {"put": 4, "commit": 2}, done.stderr
