"""Rows about the server's database: pages among many environments against pages among few."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from measure import BenchError, Row
from server_fill import fill, settled

from stead.server.database import environments, logs, namespaces, specifications
from stead.server.database.admission import Order, submit_within
from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.server.values import Specification, SpecificationKind
from stead.testing.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from world import World

    from stead.server.database.opening import Database

FEW, MANY = (1_000, 10_000), (100_000, 1_000_000)
GROWTH = 2.0
ADDED = 10.0
LOG = 30_000
TIMES = 300
WARM = 10
UNSOUGHT = [f"{number}" for number in range(100, 1_000)]
"""Each is asked for once. Every one is in some hundreds of names."""


def rows(world: World) -> Iterator[Row]:
    """Time pages in SQLite and in PostgreSQL."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer.make())
        for kind in ("SQLite", "PostgreSQL"):
            opened = []
            for name, (held, built) in (("few", FEW), ("many", MANY)):
                path = world.base / f"server-{name}.sqlite"
                url = f"sqlite:///{path}" if kind == "SQLite" else server.create(name)
                database = stack.enter_context(open_database(url))
                upgrade(database)
                fill(database, held, built)
                opened.append(database)
            settled(server)
            yield from page_rows(kind, *opened, times=world.rounds(TIMES, 30))
            yield from log_rows(kind, opened[0])


def page_rows(kind: str, few: Database, many: Database, *, times: int) -> Iterator[Row]:
    """Compare the slowest of a hundred pages among many with that among few."""
    asked: dict[str, Callable[[Database, int], object]] = {
        "first page": lambda database, _: environments.page_json(database, size=100),
        "next page": lambda database, _: environments.page(
            database, size=100, after=("team-0000003", "env-train-0000040")
        ),
        "environment page": _environment,
    }
    base = 0.0
    for name, ask in asked.items():
        slow = slowest([lambda n, a=ask, d=d: a(d, n) for d in (few, many)], times)
        base = base or slow[1]
        what = f"{name} of {MANY[0]:,} environments, {kind}, p99"
        yield Row(what, round(slow[1], 2), f"of {FEW[0]:,}", round(slow[0], 2), GROWTH)
    for name, options in {
        "page 500": {"page": 500},
        "search for `env`": {"search": "env"},
        "search for `train-00`": {"search": "train-00"},
        "page 200 of a search for `train`": {"search": "train", "page": 200},
        "search for `team-0000003`": {"search": "team-0000003"},
    }.items():
        slow = slowest([lambda _, o=options: environments.page_json(many, size=100, **o)], times)
        added = round(max(slow[0] - base, 0.0), 2)
        yield Row(f"{name}, added, {kind}, p99", added, "goal", ADDED, ADDED, limit=True)
    many.names.prepare()
    texts = iter(UNSOUGHT)
    unsought: dict[str, Callable[[int], object] | None] = {
        "search for what nobody has sought": None,
        "the same, a build of a new environment before each": lambda n: _submit(
            many, f"new-{n + WARM}"
        ),
    }
    for name, before in unsought.items():
        fresh = slowest(
            [lambda _: environments.page_json(many, size=100, search=next(texts))], times, before
        )
        added = round(max(fresh[0] - base, 0.0), 2)
        yield Row(f"{name}, added, {kind}, p99", added, "goal", ADDED, ADDED, limit=True)


def _environment(database: Database, number: int) -> object:
    names = [each for each in database.names.namespaces() if each.count]
    held = names[number % len(names)]
    page = environments.page(database, namespace=held.name, size=1).items[0]
    with database.read() as connection:
        return environments.get(connection, held.name, page.name)


def _submit(database: Database, name: str) -> int:
    """Ask for a build of a new environment; gives the build's id."""
    with database.begin() as connection:
        now = database.now()
        home = namespaces.ensure(connection, "asked-for", now)
        environment = environments.ensure(connection, home, name, now)
        wanted = Specification(SpecificationKind.CONDA, name, {}, "", f"of {name}")
        kept = specifications.put(connection, wanted, now)
        return submit_within(
            connection, Nowhere(), environment, kept, order=Order("bench"), now=now, slots=1
        ).build_id


def log_rows(kind: str, database: Database) -> Iterator[Row]:
    """Time how long a thousand lines take to be appended, in chunks of a hundred, and to be read."""
    lines = "Linking a package of some length into the prefix of the build\n" * 100
    made = _submit(database, "logged")
    began = time.perf_counter()
    for _ in range(LOG // 100):
        with database.begin() as connection:
            logs.append(connection, made, 1, lines, database.now())
    appended = time.perf_counter() - began
    began, at, seen = time.perf_counter(), 0, 0
    with database.read() as connection:
        while (part := logs.read(connection, made, at))[0]:
            seen += part[0].count("\n")
            at = part[1]
    read = time.perf_counter() - began
    if seen != LOG:
        raise BenchError(f"{seen} lines of {LOG} were read")
    goal = 1000 / LOG * 1000
    for what, took in (("appended", appended), ("read", read)):
        each = round(took * 1000 / (LOG / 1000), 2)
        yield Row(
            f"1,000 lines of a build's log {what}, {kind}", each, "goal", goal, goal, limit=True
        )


class Nowhere:
    """A queue that nobody works on."""

    def enqueue(self, connection: object, build: object) -> None:
        """Only the log is of interest."""


def slowest(
    asked: list[Callable[[int], object]],
    times: int,
    before: Callable[[int], object] | None = None,
) -> list[float]:
    """Give each one's 99th percentile in milliseconds, asked by turns; ``before`` is not timed."""
    took: list[list[float]] = [[] for _ in asked]
    for number in range(-WARM, times):
        for one, ask in enumerate(asked):
            if before is not None:
                before(number)
            began = time.perf_counter()
            ask(number)
            if number >= 0:
                took[one].append((time.perf_counter() - began) * 1000)
    return [sorted(each)[int(len(each) * 0.99)] for each in took]
