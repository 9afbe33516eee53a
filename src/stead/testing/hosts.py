"""Real hosts for tests: a bare Debian each, with its own processes, network and sshd.

They are namespaces over one root that mmdebstrap makes once (no Python, no zstd, no curl is in
it), with a small memory disk each. All of a host ends with one process, however the test ends.
Needs root, and mmdebstrap, ssh, ip, tc.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Self

from stead.testing.roots import USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.testing.lab import Lab

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """A machine that runs; a context. ``address`` is what `ssh` in :attr:`Lab.environ` knows."""

    def __init__(self, lab: Lab, name: str, *, init: str = "none", size: str = "1g") -> None:
        self.name = name
        self.address = name
        self.home = f"/home/{USER}"
        self._lab = lab
        self._link = ""
        self._place = tempfile.mkdtemp(prefix=f"host-{name}-", dir=lab.place)
        boot = os.path.join(os.path.dirname(__file__), "_host_boot.sh")
        apart = [
            "--fork",
            "--kill-child",
            "--pid",
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--cgroup",
        ]
        self._log = open(os.path.join(lab.place, f"{name}.log"), "w")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig",
                "KILL",
                "unshare",
                *apart,
                "sh",
                boot,
                lab.base,
                self._place,
                name,
                init,
                size,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self.first = self._first_process()
            self._network()
            self._let_in()
            self._listening()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all that runs there; nothing of it stays."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._log.close()
        self._lab.forget(self)
        if self._link:
            # It goes with the machine's network, a moment later.
            subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        shutil.rmtree(self._place, ignore_errors=True)

    def run(self, *words: str, user: str = "root", check: bool = True) -> str:
        """Run a command there, without the network; gives what it printed."""
        as_user = (
            []
            if user == "root"
            else ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
        )
        done = subprocess.run(
            [*self._enter(), *as_user, *words],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home},
        )
        if check and done.returncode:
            raise RuntimeError(f"{words} on {self.name}: {done.returncode}: {done.stderr}")
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Let a file there hold a text."""
        subprocess.run(
            [
                *self._enter(),
                "sh",
                "-c",
                'mkdir -p "${1%/*}"; cat >"$1"; chmod "$2" "$1"',
                "sh",
                path,
                f"{mode:o}",
            ],
            input=text,
            text=True,
            check=True,
        )

    def connect(self, port: int, timeout: float = 5.0) -> socket.socket:
        """Connect to a port of the machine's own loopback."""
        return self.inside(lambda: socket.create_connection(("127.0.0.1", port), timeout))

    def get(self, port: int) -> str:
        """Ask a web server there; gives what it says, empty where none answers."""
        try:
            with self.connect(port) as asked:
                asked.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b""
                while block := asked.recv(65536):
                    said += block
        except OSError:
            return ""
        return said.partition(b"\r\n\r\n")[2].decode()

    def inside(self, work: Callable[[], socket.socket]) -> socket.socket:
        """Do something in the machine's network."""
        found: list[socket.socket | OSError] = []

        def there() -> None:
            with open(f"/proc/{self.first}/ns/net") as space:
                if _libc.setns(space.fileno(), _CLONE_NEWNET):
                    found.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                found.append(work())
            except OSError as exc:
                found.append(exc)

        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        if isinstance(found[0], OSError):
            raise found[0]
        return found[0]

    def processes(self, having: str) -> list[int]:
        """Number the machine's processes (as seen from here) whose command line has a text."""
        mine = os.readlink(f"/proc/{self.first}/ns/pid")
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{number}/ns/pid") != mine:
                    continue
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    if having in file.read().replace(b"\0", b" ").decode("utf-8", "replace"):
                        found.append(int(number))
        return found

    def kill(self, having: str) -> int:
        """Kill what runs there with a text in its command line; gives how many."""
        killed = 0
        for number in self.processes(having):
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
                killed += 1
        return killed

    def cut(self) -> None:
        """Take the network cable out."""
        _ip("link", "set", self._link, "down")

    def heal(self) -> None:
        """Put it in again."""
        _ip("link", "set", self._link, "up")

    @contextlib.contextmanager
    def limited(self, rate: str) -> Iterator[None]:
        """Let no more than that go to it (``8mbit``)."""
        subprocess.run(
            [
                "tc",
                "qdisc",
                "add",
                "dev",
                self._link,
                "root",
                "tbf",
                "rate",
                rate,
                "burst",
                "32kb",
                "latency",
                "200ms",
            ],
            check=True,
            capture_output=True,
        )
        try:
            yield
        finally:
            subprocess.run(
                ["tc", "qdisc", "del", "dev", self._link, "root"], check=True, capture_output=True
            )

    @contextlib.contextmanager
    def full(self, leave: int = 0) -> Iterator[None]:
        """Let its disk be full but for so many bytes."""
        self.run("sh", "-c", "cat /dev/zero >/home/filler 2>/dev/null", check=False)
        if leave:
            size = int(self.run("stat", "-c", "%s", "/home/filler"))
            self.run("truncate", "-s", str(max(0, size - leave)), "/home/filler")
        try:
            yield
        finally:
            self.run("rm", "-f", "/home/filler")

    def network(self) -> list[str]:
        """Give words before a command of this machine's that let it run in the host's network."""
        return ["nsenter", f"--target={self.first}", "--net", "--"]

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self.first}", "--all", "--"]

    def _first_process(self) -> int:
        children = f"/proc/{self._process.pid}/task/{self._process.pid}/children"
        found = ""
        for _ in range(6000):
            with contextlib.suppress(OSError):
                with open(children) as file:
                    found = file.read().split(" ")[0].strip()
                if found:
                    return int(found)
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start: {self._said()}")

    def _network(self) -> None:
        # A link's name can be taken once on the machine: it gives the network its number.
        for number in range(1, 250):
            self._link = f"stead{number}"
            done = subprocess.run(
                [
                    "ip",
                    "link",
                    "add",
                    self._link,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    "eth0",
                    "netns",
                    str(self.first),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                break
            if "File exists" not in done.stderr:
                raise RuntimeError(done.stderr)
        self.ip = f"10.213.{number}.2"
        _ip("addr", "add", f"10.213.{number}.1/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        inside = [*self.network(), "ip"]
        for words in (
            ["addr", "add", f"{self.ip}/30", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
        ):
            subprocess.run([*inside, *words], check=True, capture_output=True)

    def _let_in(self) -> None:
        # Its root is its own when its first process is what it becomes.
        for _ in range(6000):
            with contextlib.suppress(OSError), open(f"/proc/{self.first}/cmdline", "rb") as file:
                if b"_host_boot" not in file.read():
                    break
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} did not start: {self._said()}")
            time.sleep(0.02)
        with open(os.path.join(self._lab.place, "key.pub")) as file:
            key = file.read()
        for home in ("/root", self.home):
            self.write(f"{home}/.ssh/authorized_keys", key, 0o600)
            self.run("chmod", "700", f"{home}/.ssh")
        self.run("chown", "-R", f"{USER}:{USER}", f"{self.home}/.ssh")
        public = self.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        self._lab.know(self, public)

    def _listening(self) -> None:
        for _ in range(2400):
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.ip, 22), 1.0) as asked,
            ):
                if asked.recv(4) == b"SSH-":
                    return
            time.sleep(0.05)
        raise RuntimeError(f"no sshd on {self.name}: {self._said()}")

    def _said(self) -> str:
        with open(self._log.name) as file:
            return file.read()[-2000:]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


__all__ = ["Host"]
