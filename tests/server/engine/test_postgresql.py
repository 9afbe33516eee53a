"""The same over PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.values import BuildStatus

pytestmark = pytest.mark.needs("pg_ctlcluster")


def test_a_build_over_postgresql_leaves_no_workflow(store_of, tmp_path, postgresql_url):
    def workflows():
        with shared.database.read() as connection:
            statement = text("SELECT count(*) FROM dbos.workflow_status")
            return connection.execute(statement).scalar_one()

    with store_of(tmp_path, postgresql_url) as shared:
        worker = shared.worker(lease=0.5)
        done = shared.ended(made := shared.submit("tiny"))
        assert done.status is BuildStatus.COMPLETED, shared.log(made)
        shared.eventually(lambda: workflows() == 0)
        worker.terminate()
        assert worker.wait() == 0
