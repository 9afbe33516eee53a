"""A server's life: the port, the database, the workers, requests, and an orderly end."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from stead.server import ending
from stead.server.api.app import close, make_app
from stead.server.api.errors import AWAY
from stead.server.services import first_token, open_services
from stead.server.sources import running as sources
from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.server.config import ServerConfig
    from stead.server.services import Services

_log = logging.getLogger("stead.server")

GRACE = 10
"""Seconds that requests have to end when the server does."""


def serve(
    config: ServerConfig,
    secrets: Mapping[str, str],
    told: Callable[[str, str | None], None],
    workers: Callable[[Services], contextlib.AbstractContextManager[Any]],
    environ: Mapping[str, str],
) -> None:
    """Answer requests until a signal asks for the end.

    ``told`` is called once the server answers, with its address and, where it was made
    now, the administrator's token. ``workers`` starts the worker processes and ends them
    when its context is left. ``environ`` is for git, which sources are fetched with. Raises
    SteadError for a port or a database that is not to be had.
    """
    # The port first: a second server must not touch the database of the first.
    with _listening(config) as listening, open_services(config, secrets) as services:
        host, port = listening.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        app = make_app(services)
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            ),
            lambda: _tell(services, address, told),
            lambda: close(app),
        )
        with sources.running(services, secrets, environ), workers(services), _prepared(services):
            _log.info("started", extra={"address": address})
            server.run(sockets=[listening])
        _log.info("stopped")


def _tell(services: Services, address: str, told: Callable[[str, str | None], None]) -> None:
    # Not before it answers: a start that fails must not use up the token that is told once.
    if first_token(services, lambda secret: told(address, secret)) is None:
        told(address, None)


@contextlib.contextmanager
def _prepared(services: Services) -> Iterator[None]:
    """Read meanwhile what the first search would have to read."""

    def read() -> None:
        # Who searches while the database is away is told so then.
        with contextlib.suppress(*AWAY):
            services.database.names.prepare()

    reading = threading.Thread(target=read, name="names")
    reading.start()
    try:
        yield
    finally:
        reading.join()


class _Server(uvicorn.Server):
    """Tells when it answers, and ends by a signal without handing it on: that is an orderly end."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What would go on for as long as somebody listens ends first.
        self._ending()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        former = {n: signal.signal(n, self.handle_exit) for n in ending.signals()}
        try:
            yield
        finally:
            for number, handler in former.items():
                # A terminal's end may be told twice, by the shell and by the system: what is left to do is done.
                hung_up = number == getattr(signal, "SIGHUP", None)
                signal.signal(number, signal.SIG_IGN if hung_up else handler)


@contextlib.contextmanager
def _listening(config: ServerConfig) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((config.host, config.port))
        except OSError as exc:
            raise ServerError(
                f"cannot listen on {config.host} port {config.port}: {exc.strerror}",
                remedy="give another one with --port (0 takes any that is free), or end "
                "the program that has it",
            ) from exc
        yield listening
