"""What passes is tried again, with what was done already; what does not pass is not."""

from __future__ import annotations

from stead.server.database import logs
from stead.server.engine.journal import FULL, Journal
from stead.server.values import BuildStatus
from stead.testing.server import serve


def steps(store, build_id):
    return [one[3:] for one in store.log(build_id).splitlines() if one.startswith("── ")]


def test_a_step_that_succeeded_is_not_done_again_when_a_later_one_is_tried_again(
    running, tiny_channel
):
    with serve(tiny_channel) as server:
        # The packages are refused, and not the index; no other test here has brought this one.
        server.fail |= {".conda", ".tar.bz2"}
        made = running.submit("lonely", channel=server.url)
        running.eventually(lambda: "again in" in running.log(made))
        server.fail.clear()
        done = running.ended(made)
    assert done.status is BuildStatus.COMPLETED, running.log(made)
    assert 1 <= done.retries <= 2
    assert done.attempt == done.retries + 1
    after = ["link", "activate", "verify", "publish"]
    assert steps(running, made) == ["solve", *["fetch"] * done.attempt, *after]
    # It waits for nothing any more.
    assert (done.status_info, done.reason) == (None, None)


def test_an_artifact_store_that_fails_is_asked_again(store):
    files = store.root / "blobs"
    files.mkdir()
    store.worker()
    files.rmdir()
    files.write_text("no directory")
    failed = store.ended(store.submit("tiny"))
    assert failed.status is BuildStatus.FAILED
    assert (failed.attempt, failed.retries) == (3, 2), failed
    # What was built is there: only what failed is done again.
    assert steps(store, failed.id).count("link") == 1
    assert steps(store, failed.id).count("publish") == 3
    files.unlink()
    files.mkdir()
    done = store.ended(store.submit("tiny", force="again"))
    assert done.status is BuildStatus.COMPLETED, store.log(done.id)


def test_what_wants_credentials_is_not_tried_again(running, tiny_channel):
    with serve(tiny_channel) as server:
        server.password = ("ann", "secret")
        failed = running.ended(running.submit("tiny", channel=server.url))
    assert failed.status is BuildStatus.FAILED
    assert "refused the credentials" in failed.reason
    assert (failed.attempt, failed.retries) == (1, 0)


def test_lines_are_written_down_many_at_once(running):
    lines = 20_000
    made = running.ended(running.submit("tiny", force="lines"))
    before = running.log(made.id)
    journal = Journal(running.database, made.id, made.attempt)
    for number in range(lines):
        journal.line(f"line {number}")
    journal.flush()
    written = "".join(f"line {number}\n" for number in range(lines))
    with running.database.read() as connection:
        query = "SELECT count(*) FROM log_chunk WHERE build_id = ? AND text LIKE 'line%'"
        chunks = connection.exec_driver_sql(query, (made.id,)).scalar_one()
        (size,) = connection.exec_driver_sql(
            "SELECT max(length(text)) FROM log_chunk WHERE build_id = ?", (made.id,)
        ).one()
    assert chunks < lines / 100
    assert size < 2 * FULL
    # All of them, in their order.
    found = before
    while len(found) < len(before + written):
        with running.database.read() as connection:
            more, _ = logs.read(connection, made.id, len(found.encode()))
        assert more
        found += more
    assert found == before + written
