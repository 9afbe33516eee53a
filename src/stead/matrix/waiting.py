"""Which job may begin, and which never will: the scheduler's bookkeeping, without threads."""

from __future__ import annotations

from stead.matrix.limits import ranks
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.matrix.running import Job
    from stead.values.suite import Status

PASSED: tuple[Status, ...] = ("passed", "flaky")


@dataclass(frozen=True, slots=True)
class Skip:
    """A job that will not run, and why."""

    job: Job
    reason: str


class Waiting:
    """Jobs that have not begun, with what they wait for.

    A job that could begin if a resource were free keeps those behind it from taking
    that resource: otherwise one that needs two could wait for ever. All resources
    are taken at once, so that no two jobs wait for each other.
    """

    def __init__(self, jobs: Sequence[Job], parallel: int) -> None:
        """Take jobs with unlike names; what they wait for and is not among them is past.

        Raises :class:`~stead.matrix.order.Circle` where jobs wait for each other.
        """
        before = {job.name: (*job.needs, *job.after) for job in jobs}
        known = before.keys()
        self._jobs = {job.name: job for job in jobs}
        self._behind: dict[str, list[Job]] = {}
        self._ahead: dict[str, set[str]] = {}
        for job in jobs:
            self._ahead[job.name] = {n for n in before[job.name] if n in known}
            for name in self._ahead[job.name]:
                self._behind.setdefault(name, []).append(job)
        self._ready = [job for job in jobs if not self._ahead[job.name]]
        self._ranks = ranks(jobs, parallel)
        self._parallel = parallel
        self._running: dict[str, Job] = {}
        self._waiting = dict(self._jobs)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def current(self) -> tuple[Job, ...]:
        """The jobs that run."""
        return tuple(self._running.values())

    def begin(self) -> list[Job]:
        """Give the jobs that begin now, and take them as running."""
        taken = {r for job in self._running.values() for r in job.resources}
        begun = []
        for job in sorted(self._ready, key=lambda job: self._ranks[job.name]):
            if len(self._running) >= self._parallel:
                break
            if not taken & set(job.resources):
                begun.append(job)
                self._running[job.name] = job
                del self._waiting[job.name]
            # Else whoever comes behind must not take them either.
            taken |= set(job.resources)
        self._ready = [job for job in self._ready if job.name in self._waiting]
        return begun

    def ended(self, name: str, status: Status) -> list[Skip]:
        """Take the end of a job; gives those that are skipped for it, in order."""
        self._running.pop(name, None)
        skips: list[Skip] = []
        ends: list[tuple[str, str, str]] = [(name, status, "")]
        while ends:
            done, how, reason = ends.pop(0)
            for job in self._behind.get(done, ()):
                self._ahead[job.name].discard(done)
                if job.name not in self._waiting:
                    continue
                if done in job.needs and how not in PASSED:
                    why = reason or f"{done}, which it needs, {_how(how)}"
                    del self._waiting[job.name]
                    self._ready = [one for one in self._ready if one is not job]
                    skips.append(Skip(job, why))
                    ends.append((job.name, "skipped", why))
                elif not self._ahead[job.name]:
                    self._ready.append(job)
        return skips

    def drop(self) -> list[Job]:
        """Give up all that has not begun."""
        left = list(self._waiting.values())
        self._waiting.clear()
        self._ready.clear()
        return left


def _how(status: str) -> str:
    return {
        "failed": "failed",
        "timeout": "took too long",
        "skipped": "was skipped",
        "interrupted": "was stopped",
    }[status]
