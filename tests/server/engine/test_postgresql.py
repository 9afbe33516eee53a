"""The same over PostgreSQL."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from stead.server.database import builds, parts
from stead.server.values import BuildStatus
from stead.values.parts import PackedPart

pytestmark = pytest.mark.needs("pg_ctlcluster")


def test_a_build_over_postgresql_leaves_no_workflow(store_of, tmp_path, postgresql_url):
    def workflows():
        with shared.database.read() as connection:
            statement = text("SELECT count(*) FROM dbos.workflow_status")
            return connection.execute(statement).scalar_one()

    with store_of(tmp_path, postgresql_url) as shared:
        worker = shared.worker(lease=2)
        done = shared.ended(made := shared.submit("tiny"))
        assert done.status is BuildStatus.COMPLETED, shared.log(made)
        shared.eventually(lambda: workflows() == 0)
        worker.terminate()
        assert worker.wait() == 0


def test_parts_are_claimed_while_a_build_that_has_them_is_published(
    store_of, tmp_path, postgresql_url
):
    def claim(connection, build_id):
        part = PackedPart("tiny", "0" * 64, 1)
        return parts.claim(connection, build_id, 1, [part], shared.database.now())

    def claim_too():
        with shared.database.begin() as connection:
            claimed.append(claim(connection, second))

    def waits():
        with shared.database.read() as connection:
            statement = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return connection.execute(statement).scalar_one() > 0

    claimed = []
    with store_of(tmp_path, postgresql_url) as shared:
        now = shared.database.now()
        shared.register(capacity=2)
        first, second = (shared.submit("tiny", force=str(n)) for n in range(2))
        with shared.database.begin() as connection:
            for made in (first, second):
                assert builds.begin(connection, made, 1, now) is not None
            (held,) = claim(connection, first).values()
        other = threading.Thread(target=claim_too)
        # Whoever writes that the part is there goes on with the build's row.
        with shared.database.begin() as connection:
            parts.arrived(connection, [(held.id, 1)])
            other.start()
            shared.eventually(waits)
            assert builds.finish(connection, first, 1, now) is not None
        other.join()
    assert [one.packed for one in claimed[0].values()] == [1]
