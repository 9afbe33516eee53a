"""The sources that a server works on: each is one server's alone, by a lease in the database.

A lease is written anew every few seconds. Who has watched one that does not change for two
lease periods takes it over: time is measured on the watcher's own clock. A lease whose
process was on this machine and is dead is taken at once. Everything is written in
transactions that look at the lease first, so who lost it writes nothing any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets as tokens
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from stead.server.database import namespaces, sources
from stead.server.engine.children import sweep
from stead.server.engine.nursery import remove
from stead.server.sources.declared import GIT, declared
from stead.server.sources.git import Credential
from stead.server.sources.taking import Held, LostError
from stead.server.sources.working import Job, work
from stead.server.values import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stead.server.services import Services
    from stead.server.values import Source

_log = logging.getLogger("stead.server.sources")

TICK = 0.5
"""Seconds between two looks at which sources there are."""

LEASE = 10.0
"""Seconds in which a lease is certainly written anew."""

_CREDENTIALS = "git_credentials."


@contextlib.contextmanager
def running(
    services: Services,
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    lease: float = LEASE,
) -> Iterator[None]:
    """Work on sources until the context is left. Raises ServerError for a wrong configuration."""
    wanted = declared(services.config)
    root = os.path.join(services.config.data, "sources")
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(_scratch(root))
        database = services.database
        with database.begin() as connection:
            mine = set()
            for one in wanted:
                home = namespaces.ensure(connection, one.namespace, database.now())
                mine.add(sources.put(connection, home.id, one.kind, one.location).id)
        credentials = tuple(
            Credential(name.removeprefix(_CREDENTIALS), text)
            for name, text in secrets.items()
            if name.startswith(_CREDENTIALS)
        )
        manager = _Manager(
            services,
            frozenset(mine),
            scratch=scratch,
            credentials=credentials,
            environ=environ,
            lease=lease,
        )
        stack.callback(manager.close)
        manager.start()
        yield


@contextlib.contextmanager
def _scratch(root: str) -> Iterator[str]:
    """Make a directory that is gone afterwards; those of servers that were killed go now."""
    os.makedirs(root, mode=0o700, exist_ok=True)
    sweep(root)
    directory = os.path.join(root, tokens.token_hex(8))
    os.mkdir(directory, 0o700)
    lock = os.open(os.path.join(directory, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        remove(directory)
        os.close(lock)


@dataclass(slots=True)
class _Running:
    job: Job
    thread: threading.Thread
    beaten: float = field(default_factory=time.monotonic)
    asked: int = 0


class _Manager:
    def __init__(
        self,
        services: Services,
        mine: frozenset[int],
        *,
        scratch: str,
        credentials: tuple[Credential, ...],
        environ: Mapping[str, str],
        lease: float,
    ) -> None:
        self._services = services
        self._mine = mine
        self._scratch = scratch
        self._credentials = credentials
        self._environ = environ
        self._lease = lease
        self._token = tokens.token_hex(8)
        self._beat = 0
        self._running: dict[int, _Running] = {}
        self._seen: dict[int, tuple[str, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sources")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop all, and let others have them at once."""
        self._stop.set()
        self._thread.join()
        for each in self._running.values():
            each.job.end()
        for source_id, each in self._running.items():
            each.thread.join()
            with contextlib.suppress(SQLAlchemyError, LostError):
                each.job.held.write({"lease": None})
            _log.info("source.left", extra={"source": source_id})

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except SQLAlchemyError as exc:
                # It does not answer; what was measured in the meantime counts no more.
                _log.warning("the database does not answer: %s", exc)
                self._seen.clear()
            self._stop.wait(TICK)

    def _look(self) -> None:
        database = self._services.database
        with database.read() as connection:
            found = {one.id: one for one in sources.listed(connection)}
        for source_id in [n for n, each in self._running.items() if not each.thread.is_alive()]:
            del self._running[source_id]
        for source_id, each in self._running.items():
            if source_id not in found:
                each.job.end()
            elif self._keep(each) and found[source_id].state.get("asked", 0) > each.asked:
                each.asked = found[source_id].state["asked"]
                each.job.wake.set()
        for source in found.values():
            if source.id not in self._running and self._is_ours(source):
                self._take(source)

    def _is_ours(self, source: Source) -> bool:
        """Say whether this server may work on a source.

        What another server's configuration names may be of that one's machine.
        """
        return source.id in self._mine or bool(source.state.get("called"))

    def _keep(self, each: _Running) -> bool:
        if time.monotonic() - each.beaten < self._lease / 3:
            return True
        self._beat += 1
        try:
            each.job.held.write({"lease": self._written()})
        except LostError:
            each.job.end()
            return False
        each.beaten = time.monotonic()
        return True

    def _written(self) -> dict[str, Any]:
        return {
            "token": self._token,
            "beat": self._beat,
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }

    def _take(self, source: Source) -> None:
        former = source.state.get("lease")
        if former and not self._is_over(source.id, former):
            return
        database = self._services.database
        with database.begin() as connection:
            if not sources.lease(connection, source.id, self._written(), former):
                return
            now = sources.held(connection, source.id, self._token)
            assert now is not None
            namespace = namespaces.name_of(connection, source.namespace_id)
        held = Held(database, self._services.queue, now, namespace, self._token)
        job = Job(held, self._scratch, self._credentials, self._environ)
        thread = threading.Thread(target=_work, args=(job,), name=f"source-{source.id}")
        self._running[source.id] = _Running(job, thread, asked=now.state.get("asked", 0))
        thread.start()
        _log.info("source.begun", extra={"source": source.id, "kind": source.kind})

    def _is_over(self, source_id: int, lease: Mapping[str, Any]) -> bool:
        """Say whether who has a lease is dead."""
        if lease.get("host") == socket.gethostname() and lease.get("token") != self._token:
            pid = int(lease.get("pid", 0))
            # A process of this one's own number was another's before.
            if pid == os.getpid() or not _is_alive(pid):
                return True
        told, clock = canonical(lease), time.monotonic()
        seen, since = self._seen.get(source_id, ("", clock))
        if seen != told:
            since = clock
        self._seen[source_id] = (told, since)
        return clock - since >= 2 * self._lease


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _work(job: Job) -> None:
    """Work on a source in a thread of its own, through outages of the database."""
    while not job.stop.is_set():
        try:
            work(job)
        except LostError:
            return
        except SQLAlchemyError as exc:
            _log.warning("the database does not answer: %s", exc)
        except Exception:  # noqa: BLE001 - told of below, and tried again
            # One source's fault must not end the others', and must not stay unseen.
            _log.exception("source.fault", extra={"source": job.held.source.id})
        job.stop.wait(TICK if job.held.source.kind == GIT else 2 * TICK)
