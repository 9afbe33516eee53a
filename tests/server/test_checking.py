"""What does not agree is found, mended or named, and not found again."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys

import pytest
from sqlalchemy import text

from stead.server.blobs.store import open_blobs
from stead.server.checking import check
from stead.server.checks.values import Checked
from stead.server.database import admission, builds, environments, logs, namespaces, packages
from stead.server.database.opening import open_database
from stead.server.engine import publishing, queue
from stead.server.engine.queue import BuildQueue
from stead.server.specs.reading import read
from stead.server.values import BuildStatus, NewArtifact, later


class Store:
    """A store with two environments, ``team/web`` of two builds and ``team/jobs`` of one that waits."""

    def __init__(self, database, blobs):
        self.database = database
        self.blobs = blobs
        self.queue = BuildQueue(database)
        with database.begin() as connection:
            namespaces.create(connection, "team", database.now())
        self.first = self.submit("web", "tiny")
        self.complete(self.first)
        self.second = self.submit("web", "wide")
        self.complete(self.second)
        self.waiting = self.submit("jobs", "tiny")

    def submit(self, name, package):
        spec = read(f"name: {name}\nchannels: []\ndependencies: [{package}]\n")
        order = admission.Order(who="ann")
        made = admission.submit(
            self.database, self.queue, "team", name, spec, order=order, slots=100
        )
        return made.build_id

    def complete(self, build_id):
        database = self.database
        with database.begin() as connection:
            attempt = builds.get(connection, build_id).attempt
            builds.begin(connection, build_id, attempt, database.now())
            for line in ("one é\n", "two\n", "three\n"):
                logs.append(connection, build_id, attempt, line, database.now())
        content = b"name: web\n"
        key = self.key(build_id, "yaml", "yml")
        digest = self.blobs.put(key, content)
        made = NewArtifact(publishing.YAML, key, digest, len(content))
        with database.begin() as connection:
            builds.finish(connection, build_id, attempt, database.now(), artifacts=[made], size=10)
        self.queue.client.delete_workflow(f"build-{build_id}-{attempt}")
        self.keep_log(build_id)

    def keep_log(self, build_id):
        from stead.server.database import specifications

        with self.database.read() as connection:
            found = builds.get(connection, build_id)
            specification = specifications.get(connection, found.specification_id)
        publishing.keep_log(self.database, self.blobs, found, specification)

    def key(self, build_id, directory, suffix):
        from stead.server.database import specifications

        with self.database.read() as connection:
            found = builds.get(connection, build_id)
            specification = specifications.get(connection, found.specification_id)
        written = publishing.key_of(publishing.YAML, found, specification)
        return f"{directory}/{written.partition('/')[2].removesuffix('yml')}{suffix}"

    def execute(self, statement, **values):
        with self.database.begin() as connection:
            return connection.execute(text(statement), values)

    def get(self, build_id):
        with self.database.read() as connection:
            return builds.find(connection, build_id)

    def current(self, name="web"):
        with self.database.read() as connection:
            return environments.get(connection, "team", name).current_build_id

    def look(self, **options):
        checked = Checked(self.database, self.queue, self.blobs, **options)
        return [(f.kind, f.subject, f.repaired) for f in check(checked).found]

    def mended(self, **options):
        """Give what was found, all of which must be mended: nothing is found after it."""
        found = self.look(**options)
        assert found
        assert all(repaired for _, _, repaired in found), found
        assert self.look(**options) == []
        return [(kind, subject) for kind, subject, _ in found]

    def workflows(self):
        return {one.workflow_id for one in self.queue.client.list_workflows()}


@pytest.fixture(scope="module")
def sqlite_made(sqlite_template, tmp_path_factory):
    """A database that has the workflows' tables too, to be copied."""
    path = tmp_path_factory.mktemp("checked") / "template.sqlite"
    shutil.copy(sqlite_template, path)
    with open_database(f"sqlite:///{path}") as database:
        queue.migrate(database)
    return path


@pytest.fixture(scope="module")
def postgresql_made(postgresql):
    name = f"checked_{os.getpid()}"
    with open_database(postgresql.create(name, "stead_template")) as database:
        queue.migrate(database)
    yield name
    postgresql.drop(name)


_numbers = itertools.count(1)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
def url(request, tmp_path):
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_made"), tmp_path / "stead.sqlite")
        yield f"sqlite:///{tmp_path}/stead.sqlite"
        return
    server = request.getfixturevalue("postgresql")
    name = f"checked_{os.getpid()}_{next(_numbers)}"
    yield server.create(name, request.getfixturevalue("postgresql_made"))
    server.drop(name)


@pytest.fixture
def store(url, tmp_path):
    with open_database(url) as database:
        made = Store(database, open_blobs(f"file://{tmp_path}/blobs"))
        assert made.look(contents=True) == []
        yield made
        made.queue.close()


def test_counters_that_are_off_are_counted_anew(store):
    store.execute("UPDATE counter SET builds = builds + 7 WHERE status = 'COMPLETED'")
    store.execute("UPDATE counter SET environments = 9 WHERE status = ''")
    store.execute("UPDATE build_block SET builds = 1")
    found = store.mended()
    assert [kind for kind, _ in found] == ["counters"] * 3
    assert ("counters", "pages") in found


@pytest.mark.parametrize(
    "breaking",
    [
        "UPDATE environment SET current_build_id = 4711 WHERE id = :environment",
        "UPDATE environment SET current_build_id = :waiting WHERE id = :environment",
        "UPDATE build SET deleted_on = scheduled_on WHERE id = :second",
        "UPDATE build SET status = 'FAILED', ended_on = scheduled_on WHERE id = :second",
    ],
)
def test_a_link_to_what_is_no_completed_build_goes_to_the_newest_that_is(store, breaking):
    with store.database.begin() as connection:
        environment = environments.get(connection, "team", "web").id
    values = {"environment": environment, "waiting": store.waiting, "second": store.second}
    named = {name: value for name, value in values.items() if f":{name}" in breaking}
    store.execute(breaking, **named)
    assert ("links", "team/web") in store.mended()
    assert store.current() == (store.first if "build SET" in breaking else store.second)


def test_a_link_that_has_nothing_left_is_empty(store):
    store.execute("UPDATE build SET status = 'CANCELED' WHERE status = 'COMPLETED'")
    assert ("links", "team/web") in store.mended()
    assert store.current() is None


def test_a_completed_build_that_was_not_made_current_is(store):
    store.execute("UPDATE environment SET current_build_id = NULL, decided = 0")
    assert ("links", "team/web") in store.mended()
    assert store.current() == store.second


def test_what_was_gone_back_to_by_hand_stays(store):
    with store.database.begin() as connection:
        environment = environments.get(connection, "team", "web")
        environments.set_current(connection, environment.id, store.first, store.database.now())
    assert store.look() == []
    assert store.current() == store.first


@pytest.mark.parametrize("status", ["QUEUED", "BUILDING"])
def test_a_build_without_a_workflow_is_handed_out_again(store, status):
    before = store.get(store.waiting)
    if status == "BUILDING":
        with store.database.begin() as connection:
            builds.begin(connection, before.id, before.attempt, store.database.now())
    store.queue.client.delete_workflow(before.workflow_id)
    assert store.mended() == [("workflows", f"build {before.id}")]
    after = store.get(before.id)
    assert (after.status, after.attempt, after.deaths) == (BuildStatus.QUEUED, 2, 0)
    assert store.workflows() == {before.workflow_id}


def test_a_build_whose_workflow_has_ended_is_handed_out_again(store):
    prefix = "dbos." if store.database.dialect == "postgresql" else ""
    store.execute(f"UPDATE {prefix}workflow_status SET status = 'SUCCESS'")
    assert store.mended() == [("workflows", f"build {store.waiting}")]
    (workflow,) = store.queue.client.list_workflows()
    assert workflow.status == "ENQUEUED"


def test_a_workflow_of_no_build_is_removed(store):
    with store.database.begin() as connection:
        from dataclasses import replace

        stray = replace(store.get(store.waiting), id=4711, workflow_id="build-4711-1")
        store.queue.enqueue(connection, stray)
    assert store.mended() == [("workflows", "build-4711-1")]
    assert "build-4711-1" not in store.workflows()


def test_what_was_left_of_something_deleted_goes(store):
    store.execute("UPDATE namespace SET deleted_on = created_on WHERE name = 'team'")
    assert {("deleted", "team/web"), ("deleted", "team/jobs")} <= set(store.mended())
    assert store.get(store.waiting).status is BuildStatus.CANCELED
    store.execute("UPDATE build SET deleted_on = NULL WHERE id = :id", id=store.first)
    assert ("deleted", f"build {store.first}") in store.mended()


def test_names_that_rows_repeat_are_right(store):
    with store.database.begin() as connection:
        other = namespaces.create(connection, "other", store.database.now()).id
    store.execute("UPDATE environment SET namespace = 'tame' WHERE name = 'web'")
    store.execute(
        "UPDATE build SET namespace_id = :id WHERE id = :build", id=other, build=store.first
    )
    found = store.mended()
    assert ("names", "team/web") in found
    assert ("names", f"build {store.first}") in found
    with store.database.read() as connection:
        assert environments.find(connection, "team", "web") is not None


def test_events_that_are_missing_are_told_again(store):
    store.execute(
        "DELETE FROM event WHERE build_id = :id AND kind = 'build.status'", id=store.second
    )
    store.execute("DELETE FROM event WHERE build_id = :id", id=store.second)
    found = store.mended()
    assert ("events", f"build {store.second}") in found
    assert ("events", "team/web") in found


def test_a_log_with_a_gap_follows_on(store):
    store.execute("DELETE FROM log_chunk WHERE build_id = :id AND seq = 2", id=store.first)
    assert store.mended() == [("logs", f"build {store.first}")]
    with store.database.read() as connection:
        assert logs.read(connection, store.first) == ("one é\nthree\n", 13)


def test_a_missing_log_comes_from_the_database_and_a_file_from_its_like(store):
    log, yaml = store.key(store.first, "logs", "log"), store.key(store.second, "yaml", "yml")
    before = store.blobs.get(log), store.blobs.get(yaml)
    store.blobs.delete(log)
    store.blobs.delete(yaml)
    assert sorted(store.mended()) == [("blobs", log), ("blobs", yaml)]
    assert (store.blobs.get(log), store.blobs.get(yaml)) == before
    # A changed one is found when it is read.
    store.blobs.put(yaml, b"name: WEB\n")
    assert store.look() == []
    assert store.mended(contents=True) == [("blobs", yaml)]


def test_what_is_nowhere_else_is_named(store):
    for build in (store.first, store.second):
        store.blobs.delete(store.key(build, "yaml", "yml"))
    keys = sorted(store.key(build, "yaml", "yml") for build in (store.first, store.second))
    assert sorted(store.look()) == [("blobs", key, False) for key in keys]
    assert len(store.look()) == 2
    # Of what was deleted nothing is missed.
    for build in (store.first, store.second):
        with store.database.begin() as connection:
            builds.delete(connection, build, store.database.now())
    assert store.look() == []


def test_a_missing_part_is_named(store):
    store.execute("INSERT INTO part (sha256, size, packed) VALUES ('aa11', 5, 3)")
    (part,) = store.execute("SELECT id FROM part").one()
    key = f"parts/aa/aa11-{part}.tar.gz"
    assert store.look() == [("blobs", key, False)]
    store.blobs.put(key, b"abc")
    assert store.look() == []


def test_files_that_nothing_counts_on_go_if_they_are_ours(store):
    key = store.key(store.first, "lockfile", "yml")
    store.blobs.put(key, b"{}")
    # It may be about to be written down.
    assert store.look() == []
    ended = store.get(store.first).ended_on
    store.execute(
        "UPDATE build SET ended_on = :at WHERE id = :id", at=later(ended, -7200), id=store.first
    )
    assert store.mended() == [("blobs", key)]
    with store.database.read() as connection:
        assert packages.artifacts(connection, store.first)
    for other in ("lockfile/deadbeef-1-4711-env.yml", "theirs/file", "parts/aa/aa11-9.tar.gz"):
        store.blobs.put(other, b"{}")
        assert store.look() == [("blobs", other, False)]
        store.blobs.delete(other)


def test_numbers_of_events_go_on(store):
    dialect = store.database.dialect
    if dialect == "sqlite":
        store.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'event'")
    else:
        store.execute("SELECT setval('event_id_seq', 1)")
    assert ("events", "events") in store.mended()


def test_names_that_searches_do_not_find_are_found_again(sqlite_made, tmp_path):
    shutil.copy(sqlite_made, tmp_path / "stead.sqlite")
    with open_database(f"sqlite:///{tmp_path}/stead.sqlite") as database:
        store = Store(database, open_blobs(f"file://{tmp_path}/blobs"))
        add = "INSERT INTO environment_search(rowid, path) VALUES (4711, 'team/ghost')"
        store.execute(add)
        web = "SELECT id FROM environment WHERE name = 'web'"
        store.execute(
            "INSERT INTO environment_search(environment_search, rowid, path) "
            f"VALUES ('delete', ({web}), 'team/web')"
        )
        assert sorted(store.mended()) == [("search", "environment 4711"), ("search", "team/web")]
        found = environments.page(database, search="web").items
        assert [one.name for one in found] == ["web"]
        store.queue.close()


def test_it_is_said_where_there_is_no_store_and_where_it_is_older(tmp_path):
    from stead.server.checking import opened
    from stead.server.config import load
    from stead.server.database.migrations import upgrade
    from stead.server.values import ServerError

    config = load(home=str(tmp_path), environ={}, flags={})
    with pytest.raises(ServerError, match="no store here"), opened(config, {}):
        pass
    (tmp_path / "server").mkdir()
    with open_database(config.database) as database:
        upgrade(database, "0001")
    with pytest.raises(ServerError, match="of version 0001"), opened(config, {}):
        pass


def test_the_command_tells_mends_and_says_by_its_end_whether_all_is_well(sqlite_made, tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "stead.sqlite"
    shutil.copy(sqlite_made, path)
    with open_database(f"sqlite:///{path}") as database:
        store = Store(database, open_blobs(f"file://{tmp_path}/data/blobs"))
        store.execute("UPDATE counter SET builds = builds + 7 WHERE status = 'COMPLETED'")
        part = "INSERT INTO part (sha256, size, packed) VALUES ('aa11', 5, 3)"

        def asked(*words):
            argv = [sys.executable, "-m", "stead", "serve", "--check", *words]
            env = os.environ | {"STEAD_HOME": str(tmp_path / "home")}
            argv += ["--data", str(tmp_path / "data")]
            done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
            assert not done.stderr, done.stderr
            return done.returncode, done.stdout

        code, said = asked("--json")
        found = json.loads(said)
        assert (code, found["sound"], list(found)) == (0, True, ["sound", "checked", "found"])
        assert [(one["kind"], one["repaired"]) for one in found["found"]] == [("counters", True)]
        store.execute(part)
        code, said = asked()
        assert (code, said.splitlines()[1:]) == (1, ["not everything could be mended"])
        assert said.startswith("wrong   blobs: parts/aa/aa11-1.tar.gz: ")
        store.queue.close()
