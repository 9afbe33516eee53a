"""Any order of steps: what must hold after each, whatever came before.

A model that knows nothing of attempts and rows says what must be: which build was asked
for last among those completed is current, who was handed out anew is not heard any more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from stead.server.database import admission, builds, counters, environments, events, logs
from stead.server.database.build_rows import COLUMNS, build_of
from stead.server.database.tables import log_chunk
from stead.server.values import BuildStatus, later

SLOTS = 3
PACKAGES = st.sampled_from("abc")


@dataclass
class Known:
    """What the model knows of a build."""

    status: str = "QUEUED"
    asked: int = 0
    admitted: bool = False
    attempt: int = 0
    deaths: int = 0
    size: int = 0
    deleted: bool = False
    log: str = ""
    package: str = ""

    @property
    def live(self) -> bool:
        return self.status in ("QUEUED", "BUILDING")


@dataclass
class Model:
    builds: dict[int, Known] = field(default_factory=dict)
    current: int | None = None
    decided: int = 0
    asked: int = 0
    seconds: int = 0


class Steps(RuleBasedStateMachine):
    bench = None

    attempts = Bundle("attempts")

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.connection = self.bench.database.engine.connect().execution_options(stead_writes=True)
        self.transaction = self.connection.begin()
        self.environment = None

    def teardown(self):
        try:
            for build_id, known in self.model.builds.items():
                assert logs.read(self.connection, build_id)[0] == known.log
        finally:
            # All of it within one transaction: the next example begins with an empty database.
            self.transaction.rollback()
            self.connection.close()

    @property
    def now(self):
        self.model.seconds += 1
        began = datetime(2026, 1, 1, tzinfo=UTC)
        return (
            (began + timedelta(seconds=self.model.seconds))
            .isoformat(timespec="microseconds")
            .removesuffix("+00:00")
        )

    def note(self, build_id):
        """Tell which attempts a worker may still think are its own."""
        known = self.model.builds[build_id]
        return multiple(*[(build_id, attempt) for attempt in range(1, known.attempt + 1)])

    def handed_out(self, ids):
        for build_id in ids:
            known = self.model.builds[build_id]
            known.admitted, known.attempt = True, known.attempt + 1
        return multiple(*[(i, self.model.builds[i].attempt) for i in ids])

    def newly_admitted(self):
        rows = self.connection.execute(text("SELECT build_id, attempt FROM enqueued"))
        found = {tuple(row) for row in rows}
        return sorted(
            build_id
            for build_id, known in self.model.builds.items()
            if (build_id, known.attempt + 1) in found and not known.admitted
        )

    @rule(target=attempts, package=PACKAGES, slots=st.sampled_from([SLOTS, SLOTS, 0]))
    def submit(self, package, slots):
        from stead.server.database import namespaces, specifications

        home = namespaces.get(self.connection, "team")
        environment = environments.ensure(self.connection, home, "env", self.now)
        self.environment = environment.id
        wanted = specifications.put(self.connection, self.bench.specification(package), self.now)
        made = admission.submit_within(
            self.connection, self.bench.queue, environment, wanted,
            order=admission.Order("ann"), now=self.now, slots=slots,
        )  # fmt: skip
        alike = [
            i for i, k in self.model.builds.items()
            if k.package == package and (k.live or (k.status == "COMPLETED" and not k.deleted))
        ]  # fmt: skip
        assert made.attached == bool(alike)
        assert made.build_id in alike if alike else made.build_id not in self.model.builds
        known = self.model.builds.setdefault(made.build_id, Known(package=package))
        assert made.id > self.model.asked
        known.asked = self.model.asked = made.id
        assert made.completed == (known.status == "COMPLETED")
        if made.completed:
            self.model.current, self.model.decided = made.build_id, made.id
        return self.handed_out(self.newly_admitted())

    @rule(target=attempts)
    def admit(self):
        ids = admission.admit_within(self.connection, self.bench.queue, self.now, slots=SLOTS)
        assert sorted(ids) == self.newly_admitted()
        return self.handed_out(ids)

    def meant(self, handed, standing):
        """Give an attempt that may be any; or where it should stand, one that is at work."""
        at_work = [(i, k.attempt) for i, k in self.model.builds.items() if k.status == "BUILDING"]
        if not (standing and at_work):
            return handed
        # By its place: PostgreSQL takes no number back, so numbers differ when a step is repeated.
        return at_work[list(self.model.builds).index(handed[0]) % len(at_work)]

    def stands(self, build_id, attempt):
        known = self.model.builds[build_id]
        return known.live and known.admitted and known.attempt == attempt

    @rule(handed=attempts)
    def begin(self, handed):
        done = builds.begin(self.connection, *handed, self.now)
        assert (done is not None) == self.stands(*handed)
        if done:
            self.model.builds[handed[0]].status = "BUILDING"

    @rule()
    def begin_all(self):
        """Take all that is handed out, so that steps of builds that are worked on are not rare."""
        for build_id, known in self.model.builds.items():
            if known.live and known.admitted:
                self.begin((build_id, known.attempt))

    @rule(handed=attempts, size=st.integers(1, 9), standing=st.booleans())
    def finish(self, handed, standing, size):
        handed = self.meant(handed, standing)
        known = self.model.builds[handed[0]]
        wanted = self.stands(*handed) and known.status == "BUILDING"
        done = builds.finish(self.connection, *handed, self.now, size=size)
        assert (done is not None) == wanted
        if wanted:
            known.status, known.size = "COMPLETED", size
            if known.asked > self.model.decided:
                self.model.current, self.model.decided = handed[0], known.asked
        assert builds.is_current(self.connection, handed[0]) == (self.model.current == handed[0])

    @rule(handed=attempts, standing=st.booleans())
    def fail(self, handed, standing):
        handed = self.meant(handed, standing)
        wanted = self.stands(*handed)
        done = builds.fail(self.connection, *handed, self.now, reason="no such package")
        assert (done is not None) == wanted
        if wanted:
            self.model.builds[handed[0]].status = "FAILED"

    @rule(handed=attempts, standing=st.booleans())
    def retry(self, handed, standing):
        handed = self.meant(handed, standing)
        wanted = self.stands(*handed)
        done = builds.retry(
            self.connection, *handed, self.now, not_before=self.now, why="the network failed"
        )
        assert (done is not None) == wanted
        if wanted:
            known = self.model.builds[handed[0]]
            known.status, known.admitted = "QUEUED", False

    @rule(target=attempts, handed=attempts, died=st.booleans(), standing=st.booleans())
    def recover(self, handed, standing, died):
        handed = self.meant(handed, standing)
        known = self.model.builds[handed[0]]
        wanted = self.stands(*handed)
        done = builds.recover(self.connection, *handed, self.now, died=died)
        assert (done is not None) == wanted
        if not wanted:
            return multiple()
        known.deaths += died
        if known.deaths >= builds.DEATHS:
            known.status = "FAILED"
            return multiple()
        known.status, known.attempt = "QUEUED", known.attempt + 1
        return multiple((handed[0], known.attempt))

    @rule(handed=attempts, standing=st.booleans())
    def cancel(self, handed, standing):
        handed = self.meant(handed, standing)
        known = self.model.builds[handed[0]]
        before = builds.cancel(self.connection, handed[0], self.now)
        assert (before is not None) == known.live
        if known.live:
            found = builds.find(self.connection, handed[0])
            assert (found.cancel_asked is not None) == (known.status == "BUILDING")
            known.status = "CANCELED"

    @rule(handed=attempts, standing=st.booleans())
    def delete(self, handed, standing):
        handed = self.meant(handed, standing)
        known = self.model.builds[handed[0]]
        before = builds.delete(self.connection, handed[0], self.now)
        assert (before is not None) != known.deleted
        known.deleted = True
        if known.live:
            known.status = "CANCELED"
        if self.model.current == handed[0]:
            self.model.current = None

    @rule(handed=attempts)
    def decide(self, handed):
        known = self.model.builds[handed[0]]
        if known.status == "COMPLETED" and not known.deleted:
            environments.set_current(self.connection, self.environment, handed[0], self.now)
            self.model.current, self.model.decided = handed[0], self.model.asked
        else:
            with pytest.raises(Exception, match=f"build id={handed[0]}"):
                environments.set_current(self.connection, self.environment, handed[0], self.now)

    @rule(handed=attempts, standing=st.booleans())
    def tell(self, handed, standing):
        handed = self.meant(handed, standing)
        known = self.model.builds[handed[0]]
        line = f"attempt {handed[1]} of {handed[0]} – ok\n"
        made = logs.append(self.connection, *handed, line, self.now)
        assert (made is not None) == (known.attempt == handed[1])
        if made:
            known.log += line

    @rule(really=st.integers(0, 5))
    def drop(self, really):
        if self.environment is not None and not really:
            environments.delete(self.connection, self.environment, self.now)
            for known in self.model.builds.values():
                known.status = "CANCELED" if known.live else known.status
                known.deleted = True
            self.model.current, self.model.decided = None, 0
            self.environment = None

    @invariant()
    def rows_are_what_the_model_knows(self):
        # In two questions: asked one by one, these took most of this test's time.
        rows = map(build_of, self.connection.execute(select(*COLUMNS)))
        every = {row.id: row for row in rows}
        assert every.keys() == self.model.builds.keys()
        written: dict[int, str] = {}
        chunks = select(log_chunk.c.build_id, log_chunk.c.text).order_by(log_chunk.c.seq)
        for build_id, lines in self.connection.execute(chunks):
            written[build_id] = written.get(build_id, "") + lines
        for build_id, known in self.model.builds.items():
            found = every[build_id]
            assert found.status == BuildStatus(known.status)
            assert (found.deleted_on is not None) == known.deleted
            assert (found.attempt, found.size) == (known.attempt, known.size)
            assert (found.ended_on is None) == known.live
            assert written.get(build_id, "") == known.log
        if self.environment is not None:
            found = environments.by_id(self.connection, self.environment)
            assert found.current_build_id == self.model.current

    @invariant()
    def no_more_are_handed_out_than_there_are_places(self):
        out = [k for k in self.model.builds.values() if k.live and k.admitted]
        assert len(out) <= SLOTS

    @invariant()
    def counters_equal_a_recount(self):
        assert counters.stored(self.connection) == counters.recount(self.connection)
        assert counters.blocks(self.connection) == counters.recount_blocks(self.connection)

    @invariant()
    def the_last_event_of_each_build_tells_its_status(self):
        told = {
            e.build_id: e.data["status"]
            for e in events.after(self.connection, 0)
            if e.kind == "build.status"
        }
        assert told == {i: known.status for i, known in self.model.builds.items()}


def test_any_order_of_steps(bench):
    Steps.bench = bench
    examples = int(os.environ.get("STEAD_SOAK", "0")) or 12
    run_state_machine_as_test(
        Steps,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_was_asked_for_earlier_does_not_become_current_when_it_ends_later(bench):
    old, new = bench.submit("old").build_id, bench.submit("new").build_id
    bench.step("begin", old, 1)
    bench.complete(new)
    assert bench.step("finish", old, 1).status is BuildStatus.COMPLETED
    assert bench.rows("SELECT current_build_id FROM environment") == [(new,)]


def test_what_was_asked_for_before_a_rollback_does_not_undo_it(bench):
    first, second = bench.submit("first").build_id, bench.submit("second").build_id
    bench.complete(first)
    with bench.database.begin() as connection:
        environments.set_current(connection, 1, first, bench.database.now())
    bench.complete(second)
    assert bench.rows("SELECT current_build_id FROM environment") == [(first,)]
    third = bench.submit("third").build_id
    bench.complete(third)
    assert bench.rows("SELECT current_build_id FROM environment") == [(third,)]


def test_a_build_that_kills_its_workers_is_not_handed_out_any_more(bench):
    made = bench.submit().build_id
    for attempt in (1, 2):
        bench.step("begin", made, attempt)
        assert bench.step("recover", made, attempt).attempt == attempt + 1
    bench.step("begin", made, 3)
    ended = bench.step("recover", made, 3)
    assert ended.status is BuildStatus.FAILED
    assert ended.reason == "3 workers died while they built it"


def test_a_worker_that_hands_its_build_back_did_not_die(bench):
    made = bench.submit().build_id
    for attempt in range(1, 6):
        bench.step("begin", made, attempt)
        assert bench.step("recover", made, attempt, died=False).is_admitted
    soon = later(bench.database.now(), -1)
    assert bench.step("retry", made, 6, not_before=soon, why="x").retries == 1
    assert bench.admit() == (made,)
    assert bench.get(made).attempt == 7


@pytest.mark.parametrize("status", ["waiting", "admitted", "building", "completed", "failed"])
def test_cancel_and_delete_work_in_every_status(bench, status):
    made = bench.submit(slots=0 if status == "waiting" else 9).build_id
    if status == "building":
        bench.step("begin", made, 1)
    elif status == "completed":
        bench.complete(made)
    elif status == "failed":
        bench.step("fail", made, 1, reason="no")
    ended = status in ("completed", "failed")
    before = bench.get(made)
    assert bench.step("cancel", made) == (None if ended else before)
    after = bench.get(made)
    assert after.status == (before.status if ended else BuildStatus.CANCELED)
    # Only of what is worked on there is something to be ended.
    assert (after.cancel_asked is not None) == (status == "building")
    # Nothing of a late end is taken.
    assert bench.step("finish", made, 1) is None
    assert bench.step("delete", made) == after
    assert bench.step("delete", made) is None
    assert bench.admit() == ()


def test_a_worker_that_was_taken_for_dead_writes_no_more_lines(bench):
    made = bench.submit().build_id
    bench.step("begin", made, 1)
    bench.step("recover", made, 1)
    with bench.database.begin() as connection:
        assert logs.append(connection, made, 1, "late\n", bench.database.now()) is None
        assert logs.append(connection, made, 2, "anew\n", bench.database.now()) == 1
