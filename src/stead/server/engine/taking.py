"""Taking builds from DBOS's queue, by this worker's own capacity and as soon as they are there.

DBOS's own thread for a queue takes by what the queue's row says, which is one number for
all workers (the last one that started wrote it), and looks only now and then. So this
thread takes in its place, by the same functions of DBOS's: what is taken, by whom, and under
which token, is theirs. They are not public; the version that this was written for is
pinned.
"""

from __future__ import annotations

import logging
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

from dbos import DBOS
from dbos._core import execute_dequeued_workflow
from dbos._dbos import _get_dbos_instance
from dbos._utils import generate_uuid
from sqlalchemy.exc import SQLAlchemyError

from stead.server.engine.bell import hang
from stead.server.engine.queue import QUEUE, VERSION, held_by, take_back
from stead.server.engine.steady import connect_steadily

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.server.database.opening import Database

log = logging.getLogger(__name__)

POLLING = 0.1
"""Seconds between two looks at the queue where nothing is heard of it."""


class _Threads(futures.Executor):
    """A thread for each build, which nobody waits for at the end of the process.

    The builds of a worker that ends are others': where one waits for the database, or for who
    has it now, there is nothing left for it to do.
    """

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> futures.Future[Any]:
        """Begin at once."""
        future: futures.Future[Any] = futures.Future()

        def run() -> None:
            try:
                future.set_result(work(*given, **named))
            except BaseException as exc:  # noqa: BLE001 (who asks for the result gets it)
                future.set_exception(exc)

        threading.Thread(target=run, name="build", daemon=True).start()
        return future


class Taker:
    """Takes builds until :meth:`stop`. DBOS must be launched, listening to no queue."""

    def __init__(self, database: Database, worker_id: int, capacity: int) -> None:
        self._database = database
        self._executor = str(worker_id)
        self._capacity = capacity
        self._dbos = _get_dbos_instance()
        self._dbos._executor_field = _Threads()  # type: ignore[assignment]  # noqa: SLF001
        self._queue = DBOS.register_queue(QUEUE, on_conflict="always_update")
        # In this process alone: the row in the database has no bounds.
        self._queue._worker_concurrency = capacity  # noqa: SLF001
        self._running: dict[str, futures.Future[Any]] = {}
        self._taking = threading.Lock()
        self._stop = threading.Event()
        connect_steadily(self._dbos._sys_db.engine, self._stop)  # noqa: SLF001
        self._thread = threading.Thread(target=self._take, name="taker", daemon=True)

    def start(self) -> None:
        """Begin to take."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Take nothing more; what was taken goes on. Waits so long at most: the database may be away."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def wait(self, seconds: float) -> None:
        """Wait, so long at most, until what was taken has ended."""
        futures.wait(self._running.values(), seconds)

    def _take(self) -> None:
        bell = hang(self._database)
        try:
            while not self._stop.is_set():
                if bell.wait(POLLING):
                    try:
                        self._look()
                    except SQLAlchemyError as exc:
                        # What was taken and not begun is put back by `put_back`.
                        log.warning("builds could not be taken: %s", exc)
                    except Exception:
                        # Whatever it is: without this thread nothing is taken any more.
                        log.exception("builds could not be taken")
        finally:
            bell.close()

    def _look(self) -> None:
        """Take what there is room for."""
        with self._taking:
            load = self._load()
            if load >= self._capacity:
                return
            owner = generate_uuid()
            system = self._dbos._sys_db  # noqa: SLF001
            taken, _ = system.start_queued_workflows(
                self._queue, self._executor, VERSION, None, load, owner_xid=owner
            )
            for status in system.get_workflow_statuses(taken) if taken else ():
                handle: Any = execute_dequeued_workflow(self._dbos, status, owner)
                # None where somebody ended it in the meantime.
                if future := getattr(handle, "future", None):
                    self._running[status["workflow_uuid"]] = future

    def _load(self) -> int:
        self._running = {name: each for name, each in self._running.items() if not each.done()}
        return len(self._running)

    def put_back(self) -> None:
        """Put what this worker has by the database, and does not run, back into the queue.

        The database may have gone away just when builds were taken, or a stopped one may have
        left its workflow as it was. What is not wanted any more ends as soon as it is taken.
        While builds are being taken nothing is put back: that may wait for the database, and
        whoever calls this has to tell that the worker is alive.
        """
        if not self._taking.acquire(blocking=False):
            return
        try:
            self._load()
            with self._database.begin() as connection:
                for workflow_id in held_by(connection, self._executor):
                    if workflow_id not in self._running:
                        take_back(connection, workflow_id, self._executor, self._database.now())
        finally:
            self._taking.release()
