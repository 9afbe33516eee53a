"""`stead worker`: takes builds of a store server and makes them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from stead.cli.serve import OPTIONS, configuration, finding, flags_of, missing, secrets_of
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    import threading
    from collections.abc import Iterator

    from stead.cli.app import App
    from stead.server.engine.worker import WorkerConfig
    from stead.server.values import Worker

HELP = "Build what a store server is asked for, on this machine."

_FLAGS = ("data", "database", "blobs", "capacity", "publish", "log")


def configure(parser: argparse.ArgumentParser) -> None:
    import argparse

    for name in _FLAGS:
        metavar, told = OPTIONS[name]
        parser.add_argument(f"--{name}", metavar=metavar, help=told)
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file with values (default: $STEAD_SERVER_CONFIG)"
    )
    parser.add_argument("--name", metavar="NAME", help="what it is called (default: host and pid)")
    parser.add_argument(
        "--only-publish", action="store_true", help="keep the directory of --publish, build nothing"
    )
    # For `stead serve`, whose workers end when their standard input does, and tell their number.
    parser.add_argument("--with-input", action="store_true", help=argparse.SUPPRESS)


def execute(args: argparse.Namespace, app: App) -> int:
    config = configuration(args, app, flags_of(args, _FLAGS))
    try:
        from stead.server.api import journal
        from stead.server.engine.worker import DeadError, WorkerConfig, run
        from stead.server.services import blob_options, database_url
    except ModuleNotFoundError as exc:
        raise missing(exc) from exc
    journal.begin(config.log, sys.stderr)
    secrets = secrets_of(config, app)
    worker = WorkerConfig(
        database=database_url(config, secrets),
        blobs=config.blobs,
        blob_options=blob_options(config, secrets),
        home=os.path.join(config.data, "builds"),
        name=args.name or "",
        capacity=config.capacity,
    )
    if args.only_publish and not config.publish:
        raise UsageError("--only-publish needs --publish DIR")
    import logging

    log = logging.getLogger("stead.server.worker")

    def known(me: Worker) -> None:
        if args.with_input:
            app.out(str(me.id))
            sys.stdout.flush()

    with _asked_to_stop(with_input=args.with_input) as stop, contextlib.ExitStack() as stack:
        if config.publish and not args.with_input:
            stack.enter_context(_keeping(config.publish, worker, stop, app))
            log.info("keeping", extra={"directory": config.publish})
        if args.only_publish:
            stop.wait()
            return 0
        try:
            run(
                worker,
                stop=stop,
                on_known=known,
                on_ready=lambda me: log.info("working", extra={"worker": me.id, "pid": me.pid}),
            )
        except DeadError:
            log.error("taken for dead")  # noqa: TRY400 - how it came here says nothing
            return 1
    return 0


@contextlib.contextmanager
def _keeping(
    directory: str, worker: WorkerConfig, stop: threading.Event, app: App
) -> Iterator[None]:
    """Keep a directory current; the database must be there, and is brought up to date."""
    from stead.server.blobs.store import open_blobs
    from stead.server.database.migrations import upgrade
    from stead.server.database.opening import open_database
    from stead.server.directories_running import keeping

    blobs = open_blobs(worker.blobs, worker.blob_options)
    with open_database(worker.database, connections=2) as database:
        upgrade(database)
        with keeping(directory, database, blobs, stop, finding(app, worker.home)):
            yield


@contextlib.contextmanager
def _asked_to_stop(*, with_input: bool) -> Iterator[threading.Event]:
    """Give what is set by a signal that asks for the end, and by the end of the input if that counts."""
    import signal
    import threading

    from stead.server import ending

    stop = threading.Event()
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in ending.signals()}
    if with_input:

        def wait() -> None:
            while os.read(0, 1024):
                pass
            stop.set()

        threading.Thread(target=wait, daemon=True).start()
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
