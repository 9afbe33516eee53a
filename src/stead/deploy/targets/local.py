"""A directory on this machine: what runs on others, run here."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

from stead.deploy._process import converse
from stead.deploy.targets._machine import MachineTarget
from stead.values.errors import ContactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.deploy.connection import Answer
    from stead.deploy.targets import Node, Target


class Local:
    """The machine that this runs on."""

    address = ""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """``environ`` is the caller's; services get nothing of it."""
        self.sent = 0
        self._environ = environ

    def run(
        self, command: str, stdin: Iterable[bytes] = (), *, timeout: float | None = None
    ) -> Answer:
        self._count(len(command))
        argv = ["sh", "-c", command]
        try:
            return converse(argv, stdin, environ=self._environ, timeout=timeout, count=self._count)
        except TimeoutError as exc:
            raise ContactError(f"a command here did not end: {exc}") from exc
        except OSError as exc:
            raise ContactError(f"`sh` cannot be started: {exc.strerror}") from exc

    def interactive(self, command: str) -> int:
        return subprocess.run(
            ["sh", "-c", command], env=dict(self._environ), check=False
        ).returncode

    def reach(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((host, port), timeout)

    def listens(self, host: str, port: int, timeout: float) -> str:
        try:
            self.reach(host, port, timeout).close()
        except OSError as exc:
            return exc.strerror or str(exc)
        return ""

    def close(self) -> None:
        pass

    def _count(self, amount: int) -> None:
        self.sent += amount


def target(name: str, node: Node, environ: Mapping[str, str]) -> Target:
    """Make the target for a directory on this machine (``node.root``)."""
    return MachineTarget(name, Local(environ), node)
