"""Working on one source until it is told to stop: looking, taking what is there, waiting."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import watchfiles

from stead.server.sources.declared import GIT, INTERVAL
from stead.server.sources.files import Directory
from stead.server.sources.git import Credential, GitError, Repository
from stead.server.sources.taking import take

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.server.sources.taking import Held

_log = logging.getLogger("stead.server.sources")

QUIET = 0.3
"""Seconds without a change after which a directory is looked at: files are whole by then."""

LATEST = 3.0
"""Seconds after which it is looked at though it still changes."""

LOOK = 1.0
"""Seconds between two looks whether a directory that is not there has come."""

AGAIN = 60.0
"""Seconds after which a directory is looked at though nothing told of a change."""

LONGEST = 1800.0
"""The longest pause, in seconds, before a repository that cannot be had is asked for again."""


@dataclass(frozen=True, slots=True)
class Job:
    """A source that this server works on."""

    held: Held
    scratch: str
    """A directory for what is fetched."""
    credentials: Sequence[Credential] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    """Set where somebody asks for a look now, and to stop."""

    def end(self) -> None:
        """Tell it to stop."""
        self.stop.set()
        self.wake.set()

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody asks."""
        self.wake.wait(seconds)
        if not self.stop.is_set():
            self.wake.clear()


def work(job: Job) -> None:
    """Work on a source. Raises LostError where another server does, or the source is gone."""
    if job.held.source.kind == GIT:
        _follow(job)
    else:
        _watch(job)


def _watch(job: Job) -> None:
    path = str(job.held.source.location["path"])
    directory = Directory(path)
    told: str | None = ""
    while not job.stop.is_set():
        for _ in _moments(job, path):
            found = directory.look()
            reason = f"{path} is not there" if found is None else None
            if reason != told:
                _note(job, reason)
                told = reason
            if found is None:
                break
            take(job.held, found, origin=path)
        job.pause(LOOK if told else 0.0)


def _note(job: Job, reason: str | None) -> None:
    """Write down what keeps a source from being read, or that nothing does."""
    if reason:
        _log.warning("source.failed", extra={"source": job.held.source.id, "reason": reason})
    job.held.write({"error": reason})


def _moments(job: Job, path: str) -> Iterator[None]:
    """Give the moments at which a directory is to be looked at, until another takes its place."""
    yield
    identity = _identity(path)
    if identity is None:
        return
    # Of a single file the directory is watched: it may be replaced by another.
    single = os.path.isfile(path)
    name = os.path.basename(path)
    looked = -AGAIN  # what changed before the watch began is seen by a look after it
    changing: float | None = None  # since when it does
    try:
        for changes in watchfiles.watch(
            os.path.dirname(path) if single else path,
            watch_filter=(lambda _, place: os.path.basename(place) == name) if single else None,
            # It does not wait while one file changes again and again: that is done here.
            debounce=int(QUIET * 1000),
            step=int(QUIET * 1000 / 3),
            rust_timeout=int(QUIET * 1000),
            yield_on_timeout=True,
            stop_event=job.wake,
            raise_interrupt=False,
            recursive=not single,
            ignore_permission_denied=True,
        ):
            if not single and _identity(path) != identity:
                return
            now = time.monotonic()
            if changes and changing is None:
                changing = now
            if changing is None:
                due = now - looked >= AGAIN
            else:
                due = not changes or now - changing >= LATEST
            if due:
                looked, changing = now, None
                yield
    except RuntimeError:
        # A name that is no text changed, which the watching library cannot tell: look again.
        job.wake.wait(QUIET)
    except OSError as exc:
        # It went away just now, or the system watches no more directories.
        _log.warning("source.unwatched", extra={"source": job.held.source.id, "reason": str(exc)})
        job.wake.wait(10 * LOOK)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        now = os.stat(path)
    except OSError:
        return None
    return now.st_dev, now.st_ino


def _follow(job: Job) -> None:
    location = job.held.source.location
    url = str(location["url"])
    directory = os.path.join(job.scratch, str(job.held.source.id))
    repository = Repository(url, _ref(location), directory, job.stop, job.credentials, job.environ)
    interval = float(location.get("interval", INTERVAL))
    while not job.stop.is_set():
        state = job.held.write({})
        asked = state.get("asked", 0)
        try:
            commit = repository.fetch()
            found = None
            if commit != state.get("commit") or job.held.has_refused():
                within, pattern = str(location.get("directory", "")), str(location.get("glob", ""))
                found = repository.files(commit, within, pattern)
        except GitError as exc:
            if job.stop.is_set():
                return
            # What a killed git left may be what is wrong.
            repository.remove()
            failures = int(state.get("failures", 0)) + 1
            reason = f"{url}: {exc.message}"
            _log.warning("source.failed", extra={"source": job.held.source.id, "reason": reason})
            job.held.write({"error": reason, "failures": failures, "answered": asked})
            job.pause(_backoff(interval, failures))
            continue
        if found is not None:
            take(job.held, found, origin=f"{url}, commit {commit}")
        news = {"commit": commit, "error": None, "failures": 0, "answered": asked}
        if any(state.get(key) != value for key, value in news.items()) or found is not None:
            job.held.write(news)
        job.pause(interval)


def _ref(location: Mapping[str, object]) -> str:
    if branch := location.get("branch"):
        return f"refs/heads/{branch}"
    if tag := location.get("tag"):
        return f"refs/tags/{tag}"
    return "HEAD"


def _backoff(interval: float, failures: int) -> float:
    """Give the pause after so many failures in a row; no two servers ask at the same time."""
    longest = max(LONGEST, interval)
    pause = min(interval * 2 ** min(failures - 1, 20), longest)
    return float(pause * random.uniform(0.75, 1.25))  # noqa: S311 (nothing secret)
