"""Machines over OpenSSH's client, with the user's own configuration.

One connection carries all commands: it is made once, in a private directory, and its end is this
program's end, however that comes (it lives by a pipe of ours). A command then costs milliseconds.
Where the client cannot do that (Windows), each command connects anew.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Self

from stead.deploy._process import converse
from stead.deploy.targets._machine import MachineTarget
from stead.deploy.targets._openssh import (
    command_line,
    configuration_line,
    explained,
    forwarding_line,
    limits,
    shares,
)
from stead.values.errors import ContactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.deploy.connection import Answer
    from stead.deploy.targets import Node, Target

_READY = b"stead-ready"
_RELAY = """\
if command -v nc >/dev/null 2>&1; then exec nc -w 10 "$1" "$2"; fi
if command -v bash >/dev/null 2>&1; then
    exec bash -c 'exec 3<>"/dev/tcp/$1/$2" 4<&0 || exit 1
        cat <&3 & cat <&4 >&3 & wait -n; kill $(jobs -p)' bash "$1" "$2" 2>/dev/null
fi
echo "forwarding is prohibited: a check needs nc or bash there, or is a command" >&2
exit 1
"""
"""Joins its input and output to a port, where `sshd` forwards none."""
_PROBE = """\
if command -v bash >/dev/null 2>&1; then exec bash -c ': 3<>"/dev/tcp/$1/$2"' bash "$1" "$2"; fi
if command -v nc >/dev/null 2>&1; then exec nc -z -w 10 "$1" "$2"; fi
echo "forwarding is prohibited: a check needs nc or bash there, or is a command" >&2
exit 1
"""
"""Ends well where a port takes a connection."""
_TAKEN = (b"master session id", b"open confirm")
"""Of these the client says one when the machine has reached a port: where it shares a connection, and
where it has its own."""
_NO_CONTACT = 255
"""What the client ends with when it is itself what failed."""


class OpenSSH:
    """One machine, connected to when it is first needed."""

    def __init__(
        self,
        address: str,
        environ: Mapping[str, str],
        *,
        patience: float,
        share: bool = True,
    ) -> None:
        """``address`` is what one would write after ``ssh``; ``environ`` is the caller's."""
        self.address = address
        self.sent = 0
        self._environ = environ
        self._patience = patience
        self._share = share
        self.place = ""
        """The private directory of the connection that is shared; empty where there is none."""
        self._master: subprocess.Popen[bytes] | None = None
        self._relays = False
        self._limited: bool | None = None
        self._connecting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, command: str, stdin: Iterable[bytes] = (), *, timeout: float | None = None
    ) -> Answer:
        line = self._line(command)
        self._count(len(command))
        try:
            answer = converse(
                line, stdin, environ=self._environ, timeout=timeout, count=self._count
            )
        except TimeoutError as exc:
            raise self._lost() from exc
        if answer.code == _NO_CONTACT and not self._ended_there():
            raise self._lost() if self._share else explained(self.address, answer.err)
        return answer

    def interactive(self, command: str) -> int:
        line = self._line(command)
        code = subprocess.run(line, env=dict(self._environ), check=False).returncode
        if code == _NO_CONTACT and not self._ended_there():
            raise self._lost()
        return code

    def reach(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect through the client's forwarding; what is refused there is at its end at once."""
        return self._forwarded(host, port, timeout, subprocess.DEVNULL)[0]

    def listens(self, host: str, port: int, timeout: float) -> str:
        if self._relays:
            return self._probed(host, port, timeout)
        self._connected()
        known = self._told()
        ours, process = self._forwarded(host, port, timeout, subprocess.PIPE)
        said: list[bytes] = []
        settled = threading.Event()

        def hear() -> None:
            assert process.stderr is not None
            with process.stderr as heard:
                for line in heard:
                    said.append(line)
                    if any(word in line for word in _TAKEN):
                        break
            settled.set()

        threading.Thread(target=hear, daemon=True).start()
        with ours:
            answered = settled.wait(timeout)
            if process.poll() is None:
                process.kill()
        if not answered:
            return f"no answer within {timeout:g} s"
        if any(word in line for line in said for word in _TAKEN):
            return ""
        texts = [line.decode("utf-8", "replace").strip() for line in said]
        plain = [text for text in texts if text and not text.startswith("debug")]
        why = self._told()[len(known) :].strip().rpartition("\n")[2] or next(
            (text for text in plain if "open failed" in text), "".join(plain[-1:])
        )
        if "prohibited" in why:
            # Its sshd forwards nothing: a program there has to reach the port.
            self._relays = True
            return self._probed(host, port, timeout)
        return why.rpartition(": ")[2].strip() or "Connection refused"

    def _probed(self, host: str, port: int, timeout: float) -> str:
        words = ["sh", "-c", _PROBE, "sh", host, str(port)]
        line = self._line(" ".join(shlex.quote(word) for word in words))
        try:
            answer = converse(line, (), environ=self._environ, timeout=timeout)
        except TimeoutError as exc:
            return str(exc)
        if answer.code == _NO_CONTACT and not self._ended_there():
            raise self._lost()
        lines = [one for one in answer.err.splitlines() if one.strip()]
        why = lines[-1].rpartition(": ")[2] if lines else "Connection refused"
        return why if answer.code else ""

    def _told(self) -> str:
        """Give what the shared connection was told of ports that could not be reached."""
        with (
            contextlib.suppress(OSError),
            open(os.path.join(self.place, "said"), encoding="utf-8", errors="replace") as file,
        ):
            return "".join(line for line in file if "open failed" in line)
        return ""

    def _forwarded(
        self, host: str, port: int, timeout: float, said: int
    ) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        control = self._connected()
        ours, theirs = socket.socketpair()
        with theirs:
            if self._relays:
                words = ["sh", "-c", _RELAY, "sh", host, str(port)]
                line = self._line(" ".join(shlex.quote(word) for word in words))
            else:
                line = forwarding_line(
                    self.address,
                    host,
                    port,
                    patience=self._patience,
                    control=control,
                    level="ERROR" if said == subprocess.DEVNULL else "DEBUG2",
                    limited=self._limits(),
                )
            process = subprocess.Popen(
                line,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=said,
                env=dict(self._environ),
                start_new_session=True,
            )
        threading.Thread(target=process.wait, daemon=True).start()
        ours.settimeout(timeout)
        return ours, process

    def close(self) -> None:
        master, self._master = self._master, None
        if master is not None:
            assert master.stdin is not None
            with contextlib.suppress(OSError):
                master.stdin.close()
            # Told so, it need not wait to hear that its command has ended.
            master.terminate()
            try:
                master.wait(2.0)
            except subprocess.TimeoutExpired:
                master.kill()
                master.wait()
            if master.stdout is not None:
                master.stdout.close()
        if self.place:
            shutil.rmtree(self.place, ignore_errors=True)
            self.place = ""

    def _line(self, command: str) -> list[str]:
        control = self._connected()
        return command_line(
            self.address,
            command,
            patience=self._patience,
            control=control,
            limited=self._limits(),
        )

    def _limits(self) -> bool:
        """Say whether it is for us to limit how long connecting takes; asked of the client once."""
        if self._limited is None:
            # A client that is too old to say, or is not there, gets our limit.
            said = b""
            with contextlib.suppress(OSError, TimeoutError):
                said = converse(
                    configuration_line(self.address), (), environ=self._environ, timeout=10
                ).out
            self._limited = not limits(said.decode("utf-8", "replace"))
        return self._limited

    def _connected(self) -> str:
        """Let there be a connection to share; gives its socket's path, empty where none is shared."""
        if not self._share:
            return ""
        with self._connecting:
            if self._master is None:
                self._connect()
            elif self._master.poll() is not None:
                raise self._lost()
        return os.path.join(self.place, "c")

    def _connect(self) -> None:
        # A socket's path is short, and what lies in it is nobody else's.
        base = "/tmp" if os.path.isdir("/tmp") else None  # noqa: S108 (a private directory in it)
        self.place = tempfile.mkdtemp(prefix="stead-", dir=base)
        control = os.path.join(self.place, "c")
        # It lasts as long as its command, and that as long as our end of its input.
        remote = f"echo {_READY.decode()}; exec cat >/dev/null"
        line = command_line(
            self.address,
            remote,
            patience=self._patience,
            control=control,
            first=True,
            limited=self._limits(),
        )
        with open(os.path.join(self.place, "said"), "wb") as said:
            try:
                master = subprocess.Popen(
                    line,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    env=dict(self._environ),
                    start_new_session=True,
                )
            except FileNotFoundError as exc:
                raise ContactError(
                    "there is no `ssh` here", remedy="install OpenSSH's client"
                ) from exc
        assert master.stdout is not None
        for line_heard in master.stdout:
            if line_heard.strip() == _READY:
                self._master = master
                return
        with master.stdout:
            code = master.wait()
        assert master.stdin is not None
        with contextlib.suppress(OSError):
            master.stdin.close()
        with open(
            os.path.join(self.place, "said"), encoding="utf-8", errors="replace"
        ) as said_file:
            said_text = said_file.read()
        self.close()
        if code != _NO_CONTACT:
            raise ContactError(
                f"{self.address} lets us in, and runs no commands",
                details=said_text.splitlines()[-3:],
                remedy="the user there needs a login shell",
            )
        raise explained(self.address, said_text)

    def _ended_there(self) -> bool:
        """Say whether it was the command that ended so (a signal did it), and not the contact."""
        if not self._share or self._master is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._master.wait(0.5)
        return self._master.poll() is None

    def _lost(self) -> ContactError:
        return ContactError(
            f"contact with {self.address} was lost",
            remedy="deploy again when it can be reached: what was sent is not sent again",
        )

    def _count(self, amount: int) -> None:
        self.sent += amount


def target(
    name: str, address: str, node: Node, environ: Mapping[str, str], *, system: str
) -> Target:
    """Make the target for a machine. ``system`` is this one's ``sys.platform``."""
    connection = OpenSSH(address, environ, patience=node.patience, share=shares(system))
    return MachineTarget(name, connection, node)
