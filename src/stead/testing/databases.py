"""A PostgreSQL whose databases several processes share, on a socket only.

    with PostgresServer.make() as server:
        url = server.create("app")

Nobody is asked for a password: who may enter the directory may enter the databases.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Self

from stead.testing.postgres import Server

USER = "stead"

OPTIONS = {
    "listen_addresses": "",
    "max_connections": "300",
    # What is tested is the crash of programs, not of machines.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10s",
    "shared_buffers": "128MB",
}


class PostgresServer:
    """A server in ``directory``; several processes may hold one and create databases in it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        words = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        self._programs = Server(
            directory, words if os.geteuid() == 0 else (), USER, "", address="", port=5432
        )

    @classmethod
    def make(cls, **options: str) -> Self:
        """Make and start a server in a new directory; raises where it cannot be started."""
        directory = tempfile.mkdtemp(prefix="stead-pg-")
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        server = cls(directory)
        server._run("initdb", "-D", server.data, "-U", USER, "-A", "trust", "--no-sync",
                    "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        with open(os.path.join(server.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            wanted = {**OPTIONS, "unix_socket_directories": directory, **options}
            file.writelines(f"{name} = '{value}'\n" for name, value in wanted.items())
        server.start()
        return server

    @property
    def data(self) -> str:
        """The data directory."""
        return os.path.join(self.directory, "data")

    def url(self, name: str) -> str:
        """Give a database's URL."""
        return f"postgresql://{USER}@/{name}?host={self.directory}"

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database, a copy of another, and give its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database; those who are connected to it are not any more."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement by itself."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = os.path.join(self.directory, "log")
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-s", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``smart``, ``fast`` or ``immediate`` (as a crash would)."""
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-s", "stop")

    def remove(self) -> None:
        """Stop it and remove its directory."""
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _run(self, program: str, *arguments: str) -> None:
        self._programs.do(program, *arguments)
