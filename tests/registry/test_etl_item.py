"""The shipped ETL with real databases: whole, repeated, killed, and twice at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

DAYS = 8_000
TELL = """
import sys
from etl import connect
with connect(sys.argv[1]).transaction() as cursor:
    cursor.execute(sys.argv[2])
    print(cursor.fetchone()[0])
"""

# Waits until a part is loaded, says how much, and keeps the load from going on until its input ends.
HOLD = """
import sys
import time
from etl import InputError, connect
database = connect(sys.argv[1])
while True:
    try:
        with database.transaction() as cursor:
            some = "SELECT position FROM etl_progress WHERE position > 0"
            cursor.execute(some + database.lock)
            if found := cursor.fetchone():
                print(found[0], flush=True)
                sys.stdin.read()
                break
    except InputError:
        pass  # the table is not there yet
    time.sleep(0.002)
"""


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server that answers in its own directory only; give an address of a database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    # A socket's path is short, and the server refuses to run as root.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    as_user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(home, "postgres")
    options = f"-F -c listen_addresses= -c unix_socket_directories={home}"
    control = [str(programs / "pg_ctl"), "-D", str(home / "data"), "-w"]

    def do(*command: str) -> None:
        subprocess.run(
            command,
            check=True, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **as_user,
        )  # fmt: skip

    do(
        str(programs / "initdb"), "-D", str(home / "data"),
        "-U", "test", "-A", "trust", "--no-sync",
    )  # fmt: skip
    do(*control, "-o", options, "-l", str(home / "log"), "start")
    yield f"postgresql://test@/postgres?host={home}"
    do(*control, "-m", "immediate", "stop")
    shutil.rmtree(home)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
def database(request, tmp_path, installed):
    """An address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/days.sqlite"
    server = request.getfixturevalue("server")
    name = f"days{time.monotonic_ns()}"
    made = installed("etl").run(
        "python",
        "-c",
        "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2])",
        server,
        f"CREATE DATABASE {name}",
    )
    assert made.returncode == 0, made.stderr
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    path = tmp_path_factory.mktemp("days") / "days.csv"
    first = dt.date(1900, 1, 1)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("date,precipitation,temp_max,temp_min,wind,weather\n")
        for day in range(DAYS):
            date = first + dt.timedelta(days=day)
            stream.write(f"{date},{day % 7},20,10,{day % 11},sun\n")
    return path


def ask(etl, database, query):
    told = etl.run("python", "-c", TELL, database, query)
    return int(told.stdout) if told.returncode == 0 else None


def start(etl, days, database):
    return subprocess.Popen(
        [etl.bin / "etl", "run", days, "--batch", "10"],
        env=etl.environment(DATABASE_URL=database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.needs("pg_ctlcluster")
def test_its_own_tests_hold_with_both_databases(installed, server):
    tested = installed("etl").run(
        "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST_DATABASE_URL=server
    )
    assert tested.returncode == 0, tested.stdout
    assert "skipped" not in tested.stdout


def test_a_load_that_was_killed_goes_on_and_loses_nothing(installed, days, database):
    etl = installed("etl")
    with subprocess.Popen(
        [etl.bin / "python", "-c", HOLD, database],
        env=etl.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holding:
        loading = start(etl, days, database)
        try:
            held = int(holding.stdout.readline())
        finally:
            loading.send_signal(signal.SIGKILL)
            loading.communicate()
            holding.stdin.close()
    assert 0 < held < DAYS
    assert ask(etl, database, "SELECT count(*) FROM weather") == held
    assert ask(etl, database, "SELECT position FROM etl_progress") == held

    again = etl.run("etl", "run", days, DATABASE_URL=database)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {
        "read": DAYS, "rejected": 0, "resumed": held, "changed": DAYS - held,
    }  # fmt: skip
    assert ask(etl, database, "SELECT count(*) FROM weather") == DAYS
    repeated = etl.run("etl", "run", days, "--batch", "5000", DATABASE_URL=database)
    assert json.loads(repeated.stdout)["changed"] == 0


def test_two_loads_of_one_file_at_once_share_the_work(installed, days, database):
    etl = installed("etl")
    both = [start(etl, days, database) for _ in range(2)]
    ended = [(*one.communicate(timeout=300), one.returncode) for one in both]
    assert [(err, code) for _, err, code in ended] == [("", 0)] * 2
    assert sum(json.loads(out)["changed"] for out, _, _ in ended) == DAYS
    assert ask(etl, database, "SELECT count(*) FROM weather") == DAYS
