"""A worker: takes builds from the queue, runs their steps, and looks after the others.

Any number of them, on any machines, share one database and one artifact store. They
need no other way to each other: each tells that it is alive, and each buries those
that do not.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy.exc import SQLAlchemyError

from stead.server.blobs.store import open_blobs
from stead.server.database import admission, workers
from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.server.engine import queue as queues
from stead.server.engine import reaper
from stead.server.engine.children import Children, sweep
from stead.server.engine.limits import Limits
from stead.server.engine.queue import SCHEMA, VERSION, BuildQueue, settings_of
from stead.server.engine.retry import Retry
from stead.server.engine.steps.bodies import STEPS
from stead.server.engine.sweeping import keep_sweeping
from stead.server.engine.taking import Taker
from stead.server.engine.workflow import Engine, look_who_is_wanted, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.server.database.opening import Database
    from stead.server.values import Build, Worker

log = logging.getLogger(__name__)

SWEEPING = 10.0
"""Seconds that are waited for what is being removed; others go on with it."""

ENDING = 5.0
"""Seconds that builds have to end whose processes were killed; they may be publishing."""

TICK = 0.2
"""Seconds between two looks at who is wanted, and at what may be let through."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is told. Times are in seconds.

    ``database`` and ``blobs`` are URLs; ``home`` is where builds are made, ``scratch``
    where steps work (by default in ``home``, on its file system). ``capacity`` is how many
    builds it works on at once. A worker that is not heard of for two ``lease`` is dead.
    """

    database: str
    blobs: str
    home: str
    scratch: str = ""
    name: str = ""
    capacity: int = 2
    lease: float = 15.0
    limits: Limits = field(default_factory=Limits)
    retry: Retry = field(default_factory=Retry)
    blob_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scratch_directory(self) -> str:
        """Where steps work."""
        return self.scratch or os.path.join(self.home, "steps")


class DeadError(Exception):
    """The worker was taken for dead; what it was at is others' now."""


def run(
    config: WorkerConfig,
    *,
    stop: threading.Event | None = None,
    on_known: Callable[[Worker], None] = lambda _: None,
    on_ready: Callable[[Worker], None] = lambda _: None,
) -> None:
    """Work until ``stop`` is set, then hand back what is not done.

    Tables are made or brought up to date first. ``on_known`` is called as soon as the database
    knows of this worker, ``on_ready`` once builds are taken. One worker per process: DBOS has
    one runtime in each. Raises DeadError where this worker was taken for dead.
    """
    stop = stop or threading.Event()
    os.makedirs(config.home, exist_ok=True)
    with open_database(config.database) as database:
        upgrade(database)
        queues.migrate(database)
        _Worker(config, database).run(stop, on_known, on_ready)


class _Worker:
    def __init__(self, config: WorkerConfig, database: Database) -> None:
        self.config = config
        self.database = database
        self.host = socket.gethostname()
        self.queue = BuildQueue(database)
        self.client: DBOSClient = self.queue.client
        self.silence = reaper.Silence(config.lease)
        self.settings: dict[str, Any] = {}
        self.taker: Taker | None = None
        self.again = threading.Event()
        """Set when something ended, so that the next may begin."""

    def run(
        self,
        stop: threading.Event,
        on_known: Callable[[Worker], None],
        on_ready: Callable[[Worker], None],
    ) -> None:
        name = self.config.name or f"{self.host}-{os.getpid()}"
        with self.database.begin() as connection:
            me = workers.register(
                connection,
                name,
                self.database.now(),
                host=self.host,
                pid=os.getpid(),
                capacity=self.config.capacity,
            )
        on_known(me)
        scratch = self.config.scratch_directory
        os.makedirs(scratch, exist_ok=True)
        sweep(scratch)
        children = Children(scratch, f"worker-{me.id}")
        children.start()
        engine = Engine(
            database=self.database,
            blobs=open_blobs(self.config.blobs, self.config.blob_options),
            children=children,
            home=self.config.home,
            worker_id=me.id,
            limits=self.config.limits,
            retry=self.config.retry,
            ended=self.again.set,
            earlier=self._results_of,
        )
        ended = threading.Event()
        # By itself: the artifact store may take its time, and nobody waits for it.
        sweeping = threading.Thread(
            target=keep_sweeping,
            args=(self.database, engine.blobs, ended),
            name="sweeping",
            daemon=True,
        )
        try:
            self._launch(engine, me)
            sweeping.start()
            on_ready(me)
            self._loop(engine, me, stop)
        finally:
            ended.set()
            self._end(engine, me)
            if sweeping.is_alive():
                sweeping.join(SWEEPING)

    def _launch(self, engine: Engine, me: Worker) -> None:
        self.settings = settings_of(self.database)
        config: DBOSConfig = {
            "name": "stead",
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": str(me.id),
            "run_migrations": False,
            "enable_otlp": False,
            "log_level": "WARNING",
        }
        DBOS(config={**config, **self.settings})  # type: ignore[typeddict-item]
        register(engine)
        DBOS.listen_queues([])  # the taker takes
        DBOS.launch()
        self.taker = Taker(self.database, me.id, self.config.capacity)
        self.taker.start()

    def _loop(self, engine: Engine, me: Worker, stop: threading.Event) -> None:
        told = reaped = 0.0
        while not stop.is_set():
            clock = time.monotonic()
            try:
                if clock - told >= self.config.lease / 3:
                    self._tell(me)
                    told = clock
                look_who_is_wanted(engine)
                admission.admit(self.database, self.queue)
                if clock - reaped >= self.config.lease / 3:
                    self._reap(clock)
                    reaped = clock
            except SQLAlchemyError as exc:
                # The database is away; builds wait in their next write, and so does this.
                log.warning("the database does not answer: %s", exc)
                self.silence.broken()
            self.again.wait(TICK)
            self.again.clear()

    def _tell(self, me: Worker) -> None:
        with self.database.begin() as connection:
            if not workers.beat(connection, me.id, self.database.now()):
                raise DeadError

    def _reap(self, clock: float) -> None:
        dead = self.silence.look(reaper.alive(self.database), clock)
        for worker_id in reaper.bury(self.database, dead):
            log.warning("worker %s is dead", worker_id)
        reaper.hand_on(self.database, self.client)
        assert self.taker is not None
        self.taker.put_back()
        reaper.delete_ended(self.database, self.client, self.config.retry)

    def _results_of(self, build: Build) -> dict[str, Any]:
        """Give what the steps of a build's earlier workflows gave, those that succeeded."""
        found = {}
        workflows = self.client.list_workflows(
            workflow_id_prefix=f"build-{build.id}-", load_input=False, load_output=False
        )
        for workflow in workflows:
            if workflow.workflow_id == build.workflow_id:
                continue
            for step in self.client.list_workflow_steps(workflow.workflow_id):
                output = step["output"]
                name = step["function_name"]
                if name in STEPS and isinstance(output, dict) and "result" in output:
                    found[name] = output["result"]
        return found

    def _end(self, engine: Engine, me: Worker) -> None:
        """Stop what runs, hand back what is not done, and leave nothing."""
        failing = isinstance(sys.exc_info()[1], DeadError)
        if self.taker is not None:
            self.taker.stop(ENDING)
        with engine.guard:
            engine.unwanted.update(engine.running.items())
        engine.children.close()
        if self.taker is not None:
            self.taker.wait(ENDING)
        DBOS.destroy(destroy_registry=True)
        if not failing:
            try:
                self._hand_back(me)
            except SQLAlchemyError as exc:
                log.warning("what is not done waits until this is taken for dead: %s", exc)
        self.queue.close()
        if dbos_engine := self.settings.get("system_database_engine"):
            dbos_engine.dispose()  # DBOS leaves what it was given

    def _hand_back(self, me: Worker) -> None:
        with self.database.begin() as connection:
            workers.set_state(connection, me.id, workers.STOPPED)
        reaper.hand_on(self.database, self.client, died=False)
