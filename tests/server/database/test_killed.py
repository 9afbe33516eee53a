"""Processes that ask for builds are killed: what they wrote is all there, or nothing of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from stead.server.database import counters
from stead.server.values import BuildStatus

ASKING = """
import sys
from sqlalchemy import text
from stead.server.database import admission
from stead.server.database.opening import open_database
from stead.server.values import Specification, SpecificationKind

url, first, pause = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "pause"

class Queue:
    def enqueue(self, connection, build):
        connection.execute(
            text("INSERT INTO enqueued (workflow_id, build_id, attempt) VALUES (:w, :b, :a)"),
            {"w": build.workflow_id, "b": build.id, "a": build.attempt},
        )
        if pause:
            print("enqueued", flush=True)
            sys.stdin.read()

database = open_database(url)
print("open", flush=True)
for number in range(first, first + 10_000):
    wanted = Specification(SpecificationKind.CONDA, "x", {}, "", f"digest-{number}")
    admission.submit(database, Queue(), "team", f"env{number % 3}", wanted,
                     order=admission.Order("ann"), slots=1_000_000)
"""


def asking(url, first, how):
    return subprocess.Popen(
        [sys.executable, "-c", ASKING, url, str(first), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def admitted(bench):
    return bench.rows(
        "SELECT id, attempt FROM build WHERE admitted_on IS NOT NULL ORDER BY id, attempt"
    )


def check(bench):
    assert bench.enqueued() == admitted(bench)
    assert bench.rows("SELECT count(*) FROM build WHERE asked = 0") == [(0,)]
    with bench.database.read() as connection:
        assert counters.stored(connection) == counters.recount(connection)


def test_killed_between_the_enqueue_and_the_end_neither_is_there(bench, database_url):
    process = asking(database_url, 0, "pause")
    assert process.stdout.readline() == "open\n"
    assert process.stdout.readline() == "enqueued\n"
    kill(process)
    assert bench.rows("SELECT count(*) FROM build") == [(0,)]
    check(bench)
    # And nobody waits for the dead one.
    assert not bench.submit().attached


@pytest.mark.slow
def test_killed_anywhere_row_and_enqueue_are_both_there_or_neither(bench, database_url):
    chance = random.Random()
    for turn in range(int(os.environ.get("STEAD_SOAK", "0")) // 4 or 1):
        both = [asking(database_url, (2 * turn + n) * 10_000, "run") for n in range(2)]
        for process in both:
            assert process.stdout.readline() == "open\n"
        time.sleep(chance.uniform(0.05, 0.4))
        for process in both:
            kill(process)
        check(bench)
    deadline = time.monotonic() + 60
    while bench.rows("SELECT count(*) FROM build") == [(0,)]:
        assert time.monotonic() < deadline
        bench.submit()
    assert {BuildStatus(row[0]) for row in bench.rows("SELECT DISTINCT status FROM build")} == {
        BuildStatus.QUEUED
    }
