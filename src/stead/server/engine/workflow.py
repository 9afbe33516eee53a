"""The durable workflow ``build``: which steps there are, and what their ends mean for the build.

    solve → fetch → link → activate → verify → publish → artifacts

Each step's result is written down by DBOS before the next begins, and is not asked for
again, whoever goes on with the build. A step that fails has a failure for its result, so
that it fails the same when it is read again. A step that is stopped has none, and so has one
during which the database went away for good: the workflow leaves as if it had been stopped,
and its worker puts it back into the queue.

What decides is the build's row: a workflow that is run for a build which has been ended,
or given to another attempt, does nothing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbos import DBOS
from sqlalchemy.exc import SQLAlchemyError

from stead.server.blobs.protocol import BlobError, MissingBlobError
from stead.server.database import builds, environments, settings, specifications
from stead.server.engine import keeping, publishing
from stead.server.engine.children import Stopped
from stead.server.engine.journal import Journal
from stead.server.engine.queue import WORKFLOW
from stead.server.engine.reasons import Failure, Kind, failure_of
from stead.server.engine.steady import is_away, steadily
from stead.server.engine.steps.bodies import STEPS
from stead.server.specs import policy
from stead.server.specs.reading import FILES, LOCK, text_of
from stead.server.values import BuildStatus, instant, later
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.server.engine.children import Child, Children
    from stead.server.engine.limits import Limits
    from stead.server.engine.retry import Retry
    from stead.server.values import Build, Specification

    _Held = tuple[Build, Specification, str, bool]

log = logging.getLogger(__name__)


class FailedError(Exception):
    """A step failed; never leaves the workflow."""

    def __init__(self, step: str, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.step = step
        self.failure = failure


@dataclass(slots=True)
class Engine:
    """What the workflow of one worker works with."""

    database: Database
    blobs: Blobs
    children: Children
    home: str
    """Where builds are made."""
    worker_id: int
    limits: Limits
    retry: Retry
    ended: Callable[[], None] = lambda: None
    """Called when a build has ended, so that the next is let through."""
    earlier: Callable[[Build], dict[str, Any]] = lambda _: {}
    """Gives the results of the steps of a build's earlier workflows."""
    running: dict[int, int] = field(default_factory=dict)
    """Builds that are worked on here, with their attempts."""
    unwanted: set[tuple[int, int]] = field(default_factory=set)
    """Builds and attempts that are running and not wanted any more."""
    guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, build_id: int) -> str:
        """Run a build's workflow, or go on with it; says how it ended."""
        workflow_id = DBOS.workflow_id
        assert workflow_id is not None
        held = steadily(lambda: self._begin(workflow_id, build_id))
        if held is None:
            return "not wanted"
        build, specification, environment, guarded = held
        journal = Journal(self.database, build.id, build.attempt)
        with self.guard:
            self.running[build.id] = build.attempt
        try:
            how = _Run(self, build, specification, environment, journal, guarded).run()
            log.info("built", extra={"build": build.id, "outcome": how})
            return how
        finally:
            with self.guard:
                self.running.pop(build.id, None)
                self.unwanted.discard((build.id, build.attempt))
            self.ended()

    def _begin(self, workflow_id: str, build_id: int) -> _Held | None:
        now = self.database.now()
        with self.database.begin() as connection:
            found = builds.find(connection, build_id)
            if found is None or found.workflow_id != workflow_id:
                return None
            # Ended between the publishing and what comes after it.
            if not publishing.counts(found, found):
                begun = builds.begin(
                    connection,
                    build_id,
                    found.attempt,
                    now,
                    worker_id=self.worker_id,
                    deadline=found.deadline or later(now, self.limits.build),
                )
                if begun is None:
                    return None
                found = begun
            specification = specifications.get(connection, found.specification_id)
            of = environments.by_id(connection, found.environment_id)
            layers = settings.layers(connection, namespace_id=of.namespace_id, environment_id=of.id)
        told = {"build": found.id, "environment": f"{of.namespace}/{of.name}"}
        log.info("building", extra=told | {"attempt": found.attempt})
        guarded = not policy.policy_of(policy.merged(layers)).allow_private_addresses
        return found, specification, of.name, guarded


@dataclass(slots=True)
class _Run:
    engine: Engine
    build: Build
    specification: Specification
    environment: str
    journal: Journal
    guarded: bool
    """Whether no private address may be reached."""
    results: dict[str, Any] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    child: Child | None = None

    def run(self) -> str:
        try:
            self._steps()
        except FailedError as exc:
            return self._failed(exc)
        finally:
            self._close_child()
            self.journal.flush()
        return "completed"

    def _close_child(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None

    def _steps(self) -> None:
        self.carried = _step("carried", self._take_carried)
        for step in STEPS:
            self.results[step] = self.carried.get(step) or self._checked(
                step, _step(step, functools.partial(self._body, step))
            )
        self._checked("publish", _step("publish", self._publish))
        self._checked("artifacts", _step("artifacts", self._artifacts))

    def _take_carried(self) -> dict[str, Any]:
        """Give what earlier attempts, which failed for a while, have done already."""
        if not self.build.retries:
            return {}
        return steadily(lambda: self.engine.earlier(self.build))

    def _checked(self, step: str, given: dict[str, Any]) -> Any:
        if "failure" in given:
            raise FailedError(step, Failure.of_json(given["failure"]))
        return given["result"]

    def _body(self, step: str) -> dict[str, Any]:
        """Take a body's result or its failure from the child, which goes on with the next."""
        self._stop_unless_wanted()
        if self.child is None:
            try:
                self.child = self._begin_child()
            except BlobError as exc:
                return {"failure": Failure(Kind.NETWORK, exc.message, str(exc)).to_json()}
            for body in STEPS[STEPS.index(step) :]:
                if body not in self.carried:
                    self.child.ask(body)
        return self._result(self.child)

    def _result(self, child: Child) -> dict[str, Any]:
        ended = child.result(self._seconds())
        if ended.failure is not None:
            return {"failure": ended.failure.to_json()}
        return {"result": ended.result}

    def _begin_child(self) -> Child:
        engine = self.engine
        lock = self.results.get("solve", {}).get("lock", "")
        arguments = {
            "file": FILES[self.specification.kind],
            "text": text_of(self.specification),
            "name": self.environment,
            "home": engine.home,
            "lock": lock,
            "preferred": "" if lock else self._preferred(),
            "guarded": self.guarded,
        }
        return engine.children.begin(
            arguments,
            name=f"build-{self.build.id}-{self.build.attempt}",
            on_output=self.journal.write,
            wanted=self._wanted,
            memory=engine.limits.memory,
        )

    def _preferred(self) -> str:
        """Give the lock whose versions are kept where they may be; empty for none.

        It is the one that the specification came with, else that of the environment's current
        build, where that was asked for in other words: a change of one package is no update
        of the others. The same asked for anew is one.
        """
        given = self.specification.spec.get(LOCK)
        if given:
            return str(given)
        engine = self.engine
        key = steadily(lambda: publishing.former_lock(engine.database, self.build))
        try:
            return engine.blobs.get(key).decode() if key else ""
        except MissingBlobError:
            return ""

    def _publish(self) -> dict[str, Any]:
        self.journal.line("── publish")
        self.journal.flush()
        engine = self.engine
        try:
            kept = keeping.keep(
                engine.database,
                engine.blobs,
                self.build,
                self.results["verify"].get("closure"),
                pack=self._pack,
                directory=f"{engine.children.root}/build-{self.build.id}-{self.build.attempt}-parts",
            )
            counts = steadily(
                lambda: publishing.publish(
                    engine.database,
                    engine.blobs,
                    self.build,
                    self.specification,
                    self.results,
                    kept=kept,
                )
            )
        except FailedError as exc:
            return {"failure": exc.failure.to_json()}
        except StoreError as exc:
            return {"failure": failure_of(exc).to_json()}
        except BlobError as exc:
            # Whatever it is now, it was there before.
            return {"failure": Failure(Kind.NETWORK, exc.message, str(exc)).to_json()}
        if not counts:
            raise Stopped
        return {"result": True}

    def _pack(self, names: Sequence[str], directory: str) -> dict[str, Any]:
        """Pack parts in a child; gives what the build consists of."""
        self._stop_unless_wanted()
        self.child = self.child or self._begin_child()
        self.child.ask("pack", parts=list(names), directory=directory)
        found: dict[str, Any] = self._checked("publish", self._result(self.child))
        return found

    def _artifacts(self) -> dict[str, Any]:
        self.journal.line("completed")
        self.journal.flush()
        try:
            self._keep_log()
        except BlobError as exc:
            # The log stands in the database too.
            return {"result": f"the log was not kept beside the other files: {exc.message}"}
        return {"result": True}

    def _failed(self, exc: FailedError) -> str:
        engine, build, failure = self.engine, self.build, exc.failure
        wait = engine.retry.wait(build.retries) if failure.kind.passes else None
        why = f"{exc.step}: {failure.reason}"
        again = wait is not None
        self.journal.line(
            f"{why}; again in {wait:.0f} s ({build.retries + 1} of {engine.retry.times})"
            if again
            else f"failed: {why}"
        )
        self.journal.flush()
        steadily(lambda: self._end(failure, wait))
        if wait is not None:
            return "again"
        with contextlib.suppress(BlobError):  # the log stands in the database too
            self._keep_log()
        return "failed"

    def _end(self, failure: Failure, wait: float | None) -> None:
        database, build = self.engine.database, self.build
        with database.begin() as connection:
            now = database.now()
            if wait is None:
                builds.fail(
                    connection,
                    build.id,
                    build.attempt,
                    now,
                    reason=failure.reason,
                    status_info=failure.info,
                )
                return
            number = f"{build.retries + 1} of {self.engine.retry.times}"
            builds.retry(
                connection,
                build.id,
                build.attempt,
                now,
                not_before=later(now, wait),
                why=f"waits to be tried again ({number}): {failure.reason}",
            )

    def _keep_log(self) -> None:
        engine = self.engine
        steadily(
            lambda: publishing.keep_log(
                engine.database, engine.blobs, self.build, self.specification
            )
        )

    def _seconds(self) -> float:
        """Say how long a step may take that begins now."""
        left = self.engine.limits.step
        if self.build.deadline:
            until = instant(self.build.deadline) - instant(self.engine.database.now())
            left = min(left, until.total_seconds())
        return max(left, 0.0)

    def _wanted(self) -> bool:
        return (self.build.id, self.build.attempt) not in self.engine.unwanted

    def _stop_unless_wanted(self) -> None:
        if not self._wanted():
            raise Stopped


def _step(name: str, body: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Give what a step gave, or gives now and is written down."""

    def run() -> dict[str, Any]:
        with stopped_by_outages():
            return body()

    return DBOS.run_step({"name": name}, run)


@contextlib.contextmanager
def stopped_by_outages() -> Iterator[None]:
    """Raise Stopped where the database does not answer: DBOS writes down any other error.

    What is not written down is done again; what is says that the build cannot be made.
    """
    try:
        yield
    except SQLAlchemyError as exc:
        if not is_away(exc):
            raise
        log.warning("a build waits to be taken again: %s", exc)
        raise Stopped from exc


def register(engine: Engine) -> None:
    """Tell DBOS of the workflow; before it is launched, once in a process."""

    def build(build_id: int, attempt: int) -> str:  # noqa: ARG001 (the row has the newest)
        with stopped_by_outages():
            return engine.run(build_id)

    DBOS.workflow(name=WORKFLOW)(build)


def look_who_is_wanted(engine: Engine) -> None:
    """Note which builds that run here were canceled, deleted, or given to others."""
    with engine.guard:
        running = dict(engine.running)
    if not running:
        return
    with engine.database.read() as connection:
        for build_id, attempt in running.items():
            now = builds.find(connection, build_id)
            wanted = now is not None and now.attempt == attempt and _goes_on(now)
            if not wanted:
                engine.unwanted.add((build_id, attempt))


def _goes_on(now: Build) -> bool:
    """Say whether a build's worker has anything left to do."""
    return now.deleted_on is None and now.status in (
        BuildStatus.BUILDING,
        BuildStatus.COMPLETED,
        BuildStatus.FAILED,
        BuildStatus.QUEUED,
    )
