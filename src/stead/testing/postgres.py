"""A PostgreSQL server for tests: Debian's, in a directory of its own, gone with its context."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def server(
    user: str, password: str, *, port: int, address: str = "127.0.0.1", within: Sequence[str] = ()
) -> Iterator[Server]:
    """Let a server with a superuser, known by a password, listen at an address.

    ``within`` are words before its commands, which may enter a network.
    """
    # A socket's path is short.
    base = tempfile.mkdtemp(prefix="pg-", dir="/tmp")
    try:
        with open(os.path.join(base, "password"), "w") as file:
            file.write(password)
        words = list(within)
        if os.geteuid() == 0:  # as whom it refuses to run
            for path in (base, os.path.join(base, "password")):
                shutil.chown(path, "postgres", "postgres")
            words += ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        made = Server(base, tuple(words), user, password, address, port)
        made.do(
            "initdb", "-D", f"{base}/data", "-U", user, "-A", "scram-sha-256", "--pwfile",
            f"{base}/password", "-E", "UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)


@dataclass(frozen=True)
class Server:
    """A server, and who may ask it anything."""

    base: str
    words: tuple[str, ...]
    user: str
    password: str
    address: str
    port: int

    def start(self) -> None:
        settings = f"-p {self.port} -c listen_addresses={self.address} -k {self.base} -c fsync=off"
        self._control("-l", os.path.join(self.base, "log"), "-o", settings, "start")

    def stop(self) -> None:
        if os.path.exists(os.path.join(self.base, "data", "postmaster.pid")):
            self._control("-m", "immediate", "stop")

    def ask(self, query: str, database: str = "postgres") -> str:
        """Run a statement as the superuser; gives rows as lines, columns with ``|``."""
        where = ["-h", self.base, "-p", str(self.port), "-U", self.user, "-d", database]
        return self.do("psql", *where, "-XAtqc", query)

    def do(self, program: str, *words: str) -> str:
        """Run one of PostgreSQL's programs as who the server is. Raises RuntimeError."""
        found = glob.glob(f"/usr/lib/postgresql/*/bin/{program}")
        path = max(found, key=lambda one: int(one.split(os.sep)[-3]))
        with open(os.path.join(self.base, "said"), "w+") as said:
            # Into a file: the server keeps what it was started with.
            done = subprocess.run(
                [*self.words, path, *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.base,
                env={"PATH": os.environ["PATH"], "PGPASSWORD": self.password},
                check=False,
            )
            said.seek(0)
            text = said.read()
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {text}")
        return text.strip()

    def _control(self, *words: str) -> None:
        self.do("pg_ctl", "-D", os.path.join(self.base, "data"), "-w", *words)


__all__ = ["Server", "server"]
