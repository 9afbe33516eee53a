"""Many builds of many namespaces, made by real workers: who is served when, and how many at once.

A few builds are made here, and five times as many as ``STEAD_SOAK`` says by `nox -s soak`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from sqlalchemy import text

from stead.server.database import namespaces, settings
from stead.server.specs.reading import read
from stead.server.values import BuildStatus

TOTAL = int(os.environ.get("STEAD_SOAK") or 0) * 5 or 60
NAMESPACES = 20
WORKERS, CAPACITY = 2, 2
GREEDY = "team00"
"""Asks for more than a third of all builds, and first."""


def rows(database, statement):
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def moves(database):
    """Give where builds came to stand, in the order in which that was committed."""
    query = "SELECT build_id, namespace_id, data FROM event WHERE kind = 'build.status' ORDER BY id"
    for build_id, namespace_id, data in rows(database, query):
        told = json.loads(data)
        yield build_id, namespace_id, told["status"], told["attempt"]


def at_once(database):
    """Give how many builds a namespace had at most let through and not ended; and all of them."""
    held: dict[int, set[int]] = {}
    most = Counter()
    for build_id, namespace_id, status, attempt in moves(database):
        own = held.setdefault(namespace_id, set())
        if status in ("QUEUED", "BUILDING") and attempt > 0:
            own.add(build_id)
        else:
            own.discard(build_id)
        most[namespace_id] = max(most[namespace_id], len(own))
        most[0] = max(most[0], sum(map(len, held.values())))
    return most


def overlapping(database):
    """Give how many builds a namespace had at most being built, by the instants in their rows."""
    instants = []
    for namespace_id, began, ended in rows(
        database, "SELECT namespace_id, started_on, ended_on FROM build"
    ):
        instants += [(began, 1, namespace_id), (ended, -1, namespace_id)]
    now, most = Counter(), Counter()
    for _, change, namespace_id in sorted(instants):
        now[namespace_id] += change
        most[namespace_id] = max(most[namespace_id], now[namespace_id])
    return most


@pytest.mark.slow
def test_each_namespace_progresses_within_its_quota_and_the_urgent_come_first(
    store_of, tmp_path, database_url
):
    chance = random.Random(7)
    with store_of(tmp_path, database_url) as store:
        quotas = {}
        with store.database.begin() as connection:
            for number in range(NAMESPACES):
                name = f"team{number:02}"
                made = namespaces.create(connection, name, store.database.now())
                if number % 3 == 0:
                    quotas[made.id] = 2 if name == GREEDY else 1
                    value = {"quota_concurrent": quotas[made.id]}
                    settings.put(connection, value, namespace_id=made.id)
                if name == GREEDY:
                    greedy = made.id
        own = (NAMESPACES - 1) * (TOTAL * 2 // 3 // (NAMESPACES - 1))
        asking = [0] * (TOTAL - own) + [1 + n % (NAMESPACES - 1) for n in range(own)]
        # Nobody is there yet, so all wait from the beginning.
        priorities = {}
        for number, of in enumerate(asking):
            spec = (
                f"name: env{number % 7}\nchannels:\n  - {store.channel}\ndependencies:\n  - tiny\n"
            )
            priority = chance.choice([0, 0, 5])
            made = store.ask(read(spec), f"team{of:02}", force=str(number), priority=priority)
            priorities[made] = priority
        for _ in range(WORKERS):
            store.worker(capacity=CAPACITY)
        deadline = time.monotonic() + 10 * TOTAL
        query = "SELECT status, count(*) FROM build GROUP BY 1"
        while dict(rows(store.database, query)).get("COMPLETED", 0) < TOTAL:
            assert time.monotonic() < deadline, rows(store.database, query)
            time.sleep(0.2)

        admitted = [
            (build_id, of)
            for build_id, of, status, attempt in moves(store.database)
            if status == "QUEUED" and attempt == 1
        ]
        assert len(admitted) == len(set(admitted)) == TOTAL
        # Each was served once before anybody was served twice.
        assert len({of for _, of in admitted[:NAMESPACES]}) == NAMESPACES
        # And nobody waited until the one that asked for most had all it asked for.
        last = {of: place for place, (_, of) in enumerate(admitted)}
        assert max(last, key=last.__getitem__) == greedy
        for of in last:
            line = [(-priorities[build_id], build_id) for build_id, its in admitted if its == of]
            assert line == sorted(line), of
        for most in (at_once(store.database), overlapping(store.database)):
            for of, quota in quotas.items():
                assert 1 <= most[of] <= quota
        assert at_once(store.database)[0] <= WORKERS * CAPACITY
        assert {store.get(made).status for made in store.submitted} == {BuildStatus.COMPLETED}


ADMITTING = """
import sys
from stead.server.database import admission, builds
from stead.server.database.opening import open_database
from stead.server.engine.queue import BuildQueue
from stead.server.values import QuotaError, Specification, SpecificationKind

url, own, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = open_database(url)
queue = BuildQueue(database)
print("open", flush=True)
sys.stdin.readline()
taken = refused = 0
for number in range(count):
    wanted = Specification(SpecificationKind.CONDA, "x", {}, "", f"{own}-{number}")
    try:
        admission.submit(database, queue, "team", f"env{number % 3}", wanted,
                         order=admission.Order("ann"), slots=1000)
        taken += 1
    except QuotaError:
        refused += 1
    for build_id in admission.admit(database, queue, slots=1000):
        with database.begin() as connection:
            now = database.now()
            builds.begin(connection, build_id, 1, now)
        with database.begin() as connection:
            assert builds.finish(connection, build_id, 1, database.now()) is not None
print(taken, refused, flush=True)
queue.close()
database.close()
"""


def test_several_that_let_through_at_once_let_through_no_more_than_the_quotas(
    store_of, tmp_path, database_url
):
    processes, each, builds, concurrent = 4, 20, 50, 3
    with store_of(tmp_path, database_url) as store:
        with store.database.begin() as connection:
            home = namespaces.get(connection, "team")
            quotas = {"quota_builds": builds, "quota_concurrent": concurrent}
            settings.put(connection, quotas, namespace_id=home.id)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", ADMITTING, database_url, str(number), str(each)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        for process in started:
            assert process.stdout.readline() == "open\n"
        for process in started:
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate()[0].split() for process in started]
        assert [process.returncode for process in started] == [0] * processes
        taken, refused = (sum(int(one[n]) for one in said) for n in range(2))
        assert (taken, refused) == (builds, processes * each - builds)
        assert rows(store.database, "SELECT count(*) FROM build") == [(builds,)]
        assert at_once(store.database)[home.id] == concurrent
