"""What a page costs does not grow with how much there is: counted in rows and steps, not in time."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from stead.server.database import builds, environments
from stead.server.database.opening import open_database
from stead.server.values import BuildStatus

FILL = Path(__file__).parents[3] / "bench" / "server_fill.py"
FEW = (1_000, 10_000)
# The full numbers take minutes to be made.
MANY = (100_000, 1_000_000) if os.environ.get("STEAD_SOAK") else (5_000, 50_000)
NAMESPACES = 4
AFTER = ("team-0000003", "env-train-0000042")


class Counting:
    """Reads as a database's reader does, and counts the rows or steps that this took."""

    def __init__(self, reader, dialect):
        self._reader = reader
        self.dialect = dialect
        self.work = 0
        self.asked = 0

    def rows(self, statement, values):
        self.asked += 1
        if self.dialect == "sqlite":
            (connection,) = self._reader._free or [self._reader._open()]
            self._reader._free[:] = [connection]

            def step():
                self.work += 1

            connection.set_progress_handler(step, 1)
            try:
                return self._reader.rows(statement, values)
            finally:
                connection.set_progress_handler(None, 0)
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        ((plan,),) = self._reader.rows(explained, values)
        self.work += seen(plan[0]["Plan"])
        return self._reader.rows(statement, values)

    def close(self):
        self._reader.close()


def seen(plan: dict) -> int:
    """Count the rows that the leaves of a plan looked at."""
    if below := plan.get("Plans"):
        return sum(map(seen, below))
    passed = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return passed * plan["Actual Loops"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, tmp_path_factory):
    """Two databases, with few rows and with many."""
    spec = importlib.util.spec_from_file_location("server_fill", FILL)
    filling = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(filling)
    opened = []
    names = [f"scale_{os.getpid()}_{name}" for name in ("few", "many")]
    server = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        urls = [server.create(name, "stead_template") for name in names]
    else:
        template = request.getfixturevalue("sqlite_template")
        directory = tmp_path_factory.mktemp("scale")
        urls = []
        for name in names:
            (directory / name).write_bytes(template.read_bytes())
            urls.append(f"sqlite:///{directory}/{name}")
    for url, rows in zip(urls, (FEW, MANY), strict=True):
        database = open_database(url)
        filling.fill(database, *rows, namespaces=NAMESPACES)
        counting = Counting(database.reader, database.dialect)
        database.reader = database.names._reader = counting
        opened.append(database)
    yield opened
    for name, database in zip(names, opened, strict=True):
        database.close()
        if server is not None:
            server.drop(name)


def works(filled, ask) -> list[int]:
    """Count what it takes to ask in each database, once names are known."""
    found = []
    for database in filled:
        database.names.prepare()
        ask(database)
        before, asked = database.reader.work, database.reader.asked
        ask(database)
        found.append(database.reader.work - before)
        assert 0 < database.reader.asked - asked <= 5
    return found


CHEAP = {
    "first page": environments.page_json,
    "following page": lambda d: environments.page_json(d, after=AFTER),
    "namespace": lambda d: environments.page_json(d, namespace="team-0000004"),
    "one environment": lambda d: environments.page(d, namespace="team-0000004", size=1),
    "broad search": lambda d: environments.page_json(d, search="env"),
    "search": lambda d: environments.page_json(d, search="Train"),
    "page of a search": lambda d: environments.page_json(d, search="train", page=2),
    "search over the slash": lambda d: environments.page_json(d, search="004/env"),
    "followed search": lambda d: environments.page_json(d, search="train", after=AFTER),
    "builds": builds.page,
    "newest builds": lambda d: builds.page(d, descending=True),
    "builds begun first": lambda d: builds.page(d, order="started_on"),
    "builds ended last": lambda d: builds.page(d, order="ended_on", descending=True),
    "those of a namespace": lambda d: builds.page(
        d, order="ended_on", descending=True, namespace="team-0000004"
    ),
    "those that are completed": lambda d: builds.page(
        d, order="started_on", status=BuildStatus.COMPLETED
    ),
    "builds of an environment": lambda d: builds.page(d, environment_id=7, size=5),
    "builds of a namespace": lambda d: builds.page(d, namespace="team-0000004"),
}


@pytest.mark.slow
@pytest.mark.needs("pg_ctlcluster")
def test_a_page_of_many_costs_no_more_than_twice_one_of_few(filled):
    for name, ask in CHEAP.items():
        few, many = works(filled, ask)
        assert many <= 2 * few + 50, (name, few, many)


@pytest.mark.slow
@pytest.mark.needs("pg_ctlcluster")
def test_a_page_in_the_middle_is_found_in_the_index_alone(filled):
    """A page far within is walked to along an index, no further than half of a namespace."""
    step = 12 if filled[0].dialect == "sqlite" else 1
    middle = MANY[0] // 200
    (first, _), (_, far) = (
        works(filled, lambda d, p=p: environments.page_json(d, page=p)) for p in (1, middle)
    )
    assert far <= 2 * first + step * (MANY[0] // NAMESPACES)
    (first, _), (_, far) = (
        works(filled, lambda d, p=p: builds.page(d, page=p)) for p in (1, MANY[1] // 200)
    )
    # A block of builds at most, and how many the others have.
    assert far <= 2 * first + step * 2 * (1024 + MANY[1] // 1024)
