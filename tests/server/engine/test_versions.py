"""Workers of different code share builds: what they must agree on is pinned, not their code."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.engine.queue import VERSION
from stead.server.values import BuildStatus

# DBOS takes the workflow's source for the application's version where none is said.
OTHERS = """
from dbos import DBOS
from stead.server.engine import worker

def register(engine):
    def build(build_id: int, attempt: int) -> str:
        \"\"\"The same, in other words.\"\"\"
        return engine.run(build_id)

    DBOS.workflow(name="build")(build)

worker.register = register
"""


@pytest.mark.slow
def test_a_build_that_one_worker_began_goes_on_with_one_of_other_code(
    store, waiting, tmp_path, monkeypatch
):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "of_others.py").write_text(OTHERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    first = store.worker()
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    store.worker(before="import of_others")
    first.terminate()
    assert first.wait() == 0
    waiting.go.set()
    done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    assert done.attempt == 2
    # Neither has told of a version of its own.
    with store.database.read() as connection:
        told = connection.execute(text("SELECT version_name FROM application_versions"))
        assert told.scalars().all() == [VERSION]
