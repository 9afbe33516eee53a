"""Runs jobs: each once, behind what it waits for, no more at once than is good for the machine."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

from stead.matrix.running import Stop, Turn
from stead.matrix.waiting import PASSED, Waiting
from stead.values.errors import SteadError
from stead.values.frozen import replace
from stead.values.suite import Event, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    from stead.matrix.limits import Limits
    from stead.matrix.running import Job
    from stead.values.suite import Status

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_PATIENCE = 1.5
"""Seconds that jobs get which run no command that could be told to end, when all is stopped."""
_BEAT = 0.5
"""Seconds after which the main thread looks up at the latest (signals do not wake it everywhere)."""


def run(
    jobs: Sequence[Job],
    limits: Limits,
    emit: Callable[[Event], None],
    stop: Stop | None = None,
    *,
    now: Callable[[], float] = time.time,
) -> dict[str, Result]:
    """Run jobs to their end; gives how each ended, in the order of ``jobs``.

    Events are given one at a time, from several threads; ``result`` of a job's last
    one, ``done``, is what is given back. A job whose ``needs`` did not pass is skipped; with
    ``limits.fail_fast``, or after a job that says so, no other begins once one failed.

    In the main thread, the signals that ask for an end stop everything: nothing more
    begins, what runs is told, those who began last first, and made to end; a second
    one ends it at once. ``stop`` says afterwards whether and by which signal.
    Raises :class:`~stead.matrix.order.Circle`, and what ``emit`` raised, when everything has ended.
    """
    stop = stop or Stop()
    scheduler = _Scheduler(jobs, limits, emit, stop, now)
    with _signals(stop):
        return scheduler.run()


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    from stead.pipeline.signals import handling

    with handling({_ENDING: lambda number, _: stop.ask(number)}):
        yield


class _Scheduler:
    def __init__(
        self,
        jobs: Sequence[Job],
        limits: Limits,
        emit: Callable[[Event], None],
        stop: Stop,
        now: Callable[[], float],
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._waiting = Waiting(jobs, limits.parallel)
        self._limits, self._emit, self._stop, self._now = limits, emit, stop, now
        self._results: dict[str, Result] = {}
        self._ends: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        """How jobs ended; None where the stop was asked for."""
        self._saying = threading.Lock()
        self._fault: BaseException | None = None
        self._mute = False
        """Whether nobody listens any more."""
        self._stopped = 0.0
        """When the stop was taken note of."""

    def run(self) -> dict[str, Result]:
        # Told last, after everybody who ends a command: it came first.
        with self._stop.telling(lambda _: self._ends.put(None)):
            for job in self._jobs.values():
                self._say(job, "queued")
            while True:
                if not self._stop.level:
                    for job in self._waiting.begin():
                        self._begin(job)
                if not self._waiting.running:
                    break
                self._next()
            if self._stop.level:
                self._drop("interrupted", "stopped before it began")
        if self._fault is not None:
            raise self._fault
        return {name: self._results[name] for name in self._jobs}

    def _next(self) -> None:
        """Wait for something to happen, and deal with it."""
        try:
            ended = self._ends.get(timeout=_BEAT if not self._stop.level else 0.05)
        except queue.Empty:
            ended = None
        if ended is not None and ended.job not in self._results:
            self._end(ended)
        if self._stop.level:
            self._stopped = self._stopped or time.monotonic()
            self._abandon()

    def _end(self, result: Result) -> None:
        job = self._jobs[result.job]
        self._done(job, result)
        lost: Status = "interrupted" if result.status == "interrupted" else "skipped"
        for skip in self._waiting.ended(job.name, result.status):
            self._done(skip.job, self._result(skip.job, lost, skip.reason))
        bad = result.status not in (*PASSED, "skipped") and not result.ignored
        if bad and (self._limits.fail_fast or job.fail_fast):
            self._drop("skipped", f"{job.name} failed before it")

    def _drop(self, status: Status, reason: str) -> None:
        for job in self._waiting.drop():
            self._done(job, self._result(job, status, reason))

    def _abandon(self) -> None:
        """Do without the jobs that do not hear that all is to end."""
        late = time.monotonic() - self._stopped > _PATIENCE
        if (late and not self._stop.ending) or self._stop.level > 2:
            for job in self._waiting.current:
                self._end(self._result(job, "interrupted", "had not ended when all was stopped"))

    # -- a job, in its own thread

    def _begin(self, job: Job) -> None:
        self._say(job, "started")
        threading.Thread(target=self._work, args=(job,), daemon=True, name=job.name).start()

    def _work(self, job: Job) -> None:
        begun = time.monotonic()
        attempt = 1
        while True:
            result = self._attempt(job, attempt)
            again = attempt <= job.retries and not self._stop.level
            if result.status not in ("failed", "timeout") or not again:
                break
            attempt += 1
            self._say(job, "retry", result.reason)
        if result.status == "passed" and attempt > 1:
            result = replace(result, status="flaky", reason=f"passed at attempt {attempt}")
        self._ends.put(
            replace(
                result,
                job=job.name,
                kind=job.kind,
                seconds=time.monotonic() - begun,
                attempts=max(result.attempts, attempt),
                environment=result.environment or job.environment,
                definition=result.definition or job.definition,
            )
        )

    def _attempt(self, job: Job, attempt: int) -> Result:
        def say(what: Literal["step", "line", "detail"], text: str) -> None:
            self._say(job, what, text)

        turn = Turn(job.name, say, self._stop, self._limits.share, attempt)
        try:
            return job.run(turn)
        except SteadError as exc:
            for line in str(exc).splitlines():
                turn.line(line)
            return self._result(job, "failed", exc.message)
        except BaseException as exc:  # noqa: BLE001 (a job's fault is its own; SystemExit ends what is stopped)
            if self._stop.level:
                return self._result(job, "interrupted", "stopped")
            import traceback

            for line in "".join(traceback.format_exception(exc)).splitlines():
                turn.line(line)
            return self._result(job, "failed", f"{type(exc).__name__}: {exc}")

    # -- what is told

    def _result(self, job: Job, status: Status, reason: str) -> Result:
        return Result(
            job=job.name,
            kind=job.kind,
            status=status,
            reason=reason,
            environment=job.environment,
            definition=job.definition,
        )

    def _done(self, job: Job, result: Result) -> None:
        self._results[job.name] = result
        self._say(job, "done", result=result)

    def _say(
        self,
        job: Job,
        what: Literal["queued", "started", "step", "line", "detail", "retry", "done"],
        text: str = "",
        result: Result | None = None,
    ) -> None:
        """Give an event. Who listens no longer (a closed pipe) ends the run."""
        with self._saying:
            if self._mute or (result is None and job.name in self._results):
                return
            try:
                self._emit(Event(job.name, what, self._now(), job.kind, text, result))
            except BaseException as exc:  # noqa: BLE001 (raised again when everything has ended)
                self._mute = True
                # That a terminal is gone is no news to who was told so by a signal.
                if not (self._stop.level and isinstance(exc, OSError)):
                    self._fault = exc
                if not self._stop.level:
                    self._stop.ask()
