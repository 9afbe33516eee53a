"""A way to a machine: commands run there, bytes sent there, its ports asked.

Two kinds: this machine itself (``targets/local.py``) and OpenSSH (``targets/ssh.py``). What is
run is always a POSIX shell's program; what is secret goes over standard input alone.
"""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from typing import Protocol
else:
    Protocol = object


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command on the machine gave."""

    code: int
    out: bytes
    err: str


class Connection(Protocol):
    """Errors: :class:`~stead.values.errors.ContactError` where there is no contact (any more)."""

    address: str
    """For people; empty for this machine."""
    sent: int
    """Bytes given to commands so far, with the commands themselves."""

    def run(
        self, command: str, stdin: Iterable[bytes] = (), *, timeout: float | None = None
    ) -> Answer:
        """Run a command of ``sh`` on the machine, to its end.

        ``stdin`` is sent as it comes. A command that ends before it has read all of it ends the
        sending. ``timeout`` is in seconds; beyond it the command is left and ContactError raised.
        """

    def interactive(self, command: str) -> int:
        """Run a command with this program's own input and output; gives its exit code."""

    def reach(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port as seen from the machine. Raises OSError where nobody answers."""

    def listens(self, host: str, port: int, timeout: float) -> str:
        """Say what is wrong with a port as seen from the machine; empty where one listens."""

    def close(self) -> None:
        """End it; may be called twice."""
