"""How long a health check waits for what answers, or does not."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import pytest

from stead.deploy.health import wait_for
from stead.deploy.lease import Keeper
from stead.deploy.targets.local import Local
from stead.values.deployment import Health
from stead.values.errors import ContactError, DeployError, SteadError


@pytest.fixture
def dripping():
    """A server whose answer comes byte by byte, without an end."""
    over = threading.Event()

    def drip(ours: socket.socket) -> None:
        with ours, contextlib.suppress(OSError):
            ours.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.02):
                ours.sendall(b"a")

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        serving = threading.Thread(target=serve, args=(listener,), daemon=True)
        serving.start()
        yield listener.getsockname()[1]
        over.set()
        serving.join()


def test_an_answer_without_an_end_is_no_answer(dripping) -> None:
    check = Health(url=f"http://127.0.0.1:{dripping}/", timeout=0.6)
    with pytest.raises(DeployError, match=r"did not hold within 0\.6 s") as caught:
        wait_for(check, Local(dict(os.environ)), lambda _: "")
    assert "no whole answer within" in caught.value.details[0]


def test_who_can_renew_no_lease_is_told() -> None:
    asked = threading.Event()

    def renew() -> None:
        asked.set()
        raise OSError(24, "Too many open files")

    with Keeper(renew, 0.03) as keeper:
        assert asked.wait(90)
        until = time.monotonic() + 90
        while (said := lost(keeper)) is None and time.monotonic() < until:
            time.sleep(0.01)
    assert isinstance(said, ContactError)
    assert "Too many open files" in said.message


def lost(keeper: Keeper) -> SteadError | None:
    try:
        keeper.check()
    except SteadError as exc:
        return exc
    return None
