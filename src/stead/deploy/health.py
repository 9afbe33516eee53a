"""Health checks: asked from here, through the connection, until they hold or their time is over.

The machine needs no program for it: a port is reached as seen from the machine itself, over the
connection's forwarding, and HTTP is spoken here.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from stead.values.errors import ContactError, DeployError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from stead.deploy.connection import Connection
    from stead.values.deployment import Health

_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_ONE_ANSWER = 10.0
"""Seconds that one request may take."""


def described(check: Health) -> str:
    """Name a check for people."""
    return check.url or (f"port {check.port}" if check.port else " ".join(check.command))


def wait_for(
    check: Health,
    connection: Connection,
    command: Callable[[float], str],
    still: Callable[[], None] = lambda: None,
) -> None:
    """Ask until the check holds. ``command`` runs the check's command for so many
    seconds at most, and says what is wrong.

    ``still`` is called between tries, and may raise. Raises DeployError when the time is over,
    with what was answered last.
    """
    until = time.monotonic() + check.timeout
    pause = _PAUSE
    while True:
        still()
        left = max(0.5, until - time.monotonic())
        wrong = command(left) if check.command else asked(check, connection, min(_ONE_ANSWER, left))
        if not wrong:
            return
        if time.monotonic() + pause > until:
            raise DeployError(
                f"the check {described(check)} did not hold within {check.timeout:g} s",
                details=(f"last: {wrong}",),
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def asked(check: Health, connection: Connection, timeout: float) -> str:
    """Ask a port or an address once; gives what is wrong."""
    try:
        if check.url:
            return _url(check, connection, timeout)
        host, port = _address(check.port)
        return connection.listens(host, port, timeout)
    except ContactError:
        raise
    except OSError as exc:
        return exc.strerror or str(exc) or type(exc).__name__


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        return host.strip("[]") or "127.0.0.1", int(port)
    except ValueError as exc:
        raise DeployError(f"{text!r} is no port", remedy="write PORT or HOST:PORT") from exc


def _url(check: Health, connection: Connection, timeout: float) -> str:
    import http.client
    import threading
    import urllib.parse

    parts = urllib.parse.urlsplit(check.url)
    secure = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DeployError(f"{check.url!r} is no address that can be asked")
    try:
        port = parts.port or (443 if secure else 80)
    except ValueError as exc:
        raise DeployError(f"{check.url!r} has no such port") from exc
    reached = connection.reach(parts.hostname, port, timeout)
    if secure:
        import ssl

        reached = ssl.create_default_context().wrap_socket(reached, server_hostname=parts.hostname)
    asking = http.client.HTTPConnection(parts.hostname, port, timeout=timeout)
    asking.sock = reached
    # A socket's own time begins anew with each byte that comes.
    over = threading.Event()
    late = threading.Timer(timeout, _cut_off, (reached, over))
    late.start()
    too_late = f"no whole answer within {timeout:.3g} s"
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        asking.request("GET", path, headers={"Connection": "close"})
        status = asking.getresponse().status
        if over.is_set():
            return too_late
    except (http.client.HTTPException, ConnectionError) as exc:
        if over.is_set():
            return too_late
        # A connection that carries others' says only that this one is over.
        why = connection.listens(parts.hostname, port, timeout)
        return why or str(exc) or type(exc).__name__
    finally:
        late.cancel()
        asking.close()
    right = status == check.status if check.status else status < 400
    return "" if right else f"status {status}"


def _cut_off(connection: socket.socket, over: threading.Event) -> None:
    over.set()  # first: who reads sees the end at once, and it looks like that of an answer
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
