"""A queue that is a table, as real as the engine's and easier to look into; and things to build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stead.server.database import admission, builds, namespaces, settings
from stead.server.values import Specification, SpecificationKind, canonical, sha256_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.values import Build, Submission

SLOTS = 1_000_000


class TableQueue:
    """Writes what is enqueued into a table of its own; the same work twice is an error."""

    def enqueue(self, connection: Connection, build: Build) -> None:
        connection.execute(
            text("INSERT INTO enqueued (workflow_id, build_id, attempt) VALUES (:w, :b, :a)"),
            {"w": build.workflow_id, "b": build.id, "a": build.attempt},
        )


@dataclass
class Bench:
    """A database with a namespace ``team``, and short words for what tests do with it."""

    database: Database
    queue: TableQueue

    def specification(self, name: str = "tiny") -> Specification:
        spec = {"name": name, "channels": [], "dependencies": [name]}
        return Specification(
            SpecificationKind.CONDA, name, spec, canonical(spec), sha256_of(canonical(spec))
        )

    def namespace(self, name: str, **quotas: int) -> int:
        with self.database.begin() as connection:
            made = namespaces.create(connection, name, self.database.now()).id
            if quotas:
                settings.put(connection, quotas, namespace_id=made)
        return made

    def submit(
        self,
        package: str = "tiny",
        *,
        namespace: str = "team",
        environment: str = "env",
        slots: int | None = SLOTS,
        **order: object,
    ) -> Submission:
        return admission.submit(
            self.database,
            self.queue,
            namespace,
            environment,
            self.specification(package),
            order=admission.Order(**{"who": "ann", **order}),
            slots=slots,
        )

    def admit(self, slots: int = SLOTS) -> tuple[int, ...]:
        return admission.admit(self.database, self.queue, slots=slots)

    def get(self, build_id: int) -> Build:
        with self.database.read() as connection:
            found = builds.find(connection, build_id)
        assert found is not None
        return found

    def step(self, name: str, build_id: int, *arguments: object, **options: object) -> Build | None:
        """Take one of the steps of :mod:`stead.server.database.builds`, in a transaction."""
        with self.database.begin() as connection:
            return getattr(builds, name)(
                connection, build_id, *arguments, self.database.now(), **options
            )

    def complete(self, build_id: int, **options: object) -> Build | None:
        attempt = self.get(build_id).attempt
        self.step("begin", build_id, attempt)
        return self.step("finish", build_id, attempt, **options)

    def rows(self, statement: str) -> list[tuple]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def enqueued(self) -> list[tuple]:
        return self.rows("SELECT build_id, attempt FROM enqueued ORDER BY build_id, attempt")


@pytest.fixture
def bench(database: Database) -> Bench:
    """A database of each kind in which builds can be asked for."""
    with database.begin() as connection:
        connection.execute(
            text("CREATE TABLE enqueued (workflow_id TEXT PRIMARY KEY, build_id INT, attempt INT)")
        )
    made = Bench(database, TableQueue())
    made.namespace("team")
    return made
