"""A place for test hosts: the key that they let in, and a client that knows them.

As a program it makes hosts that stay when it has ended, as the commands of a target do:

    python -m stead.testing.lab PLACE up NAME
    python -m stead.testing.lab PLACE down NAME

They end with the process that made the place, if not before.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from stead.testing.hosts import Host
from stead.testing.roots import USER, base_root

if TYPE_CHECKING:
    from collections.abc import Sequence


class Lab:
    """Hosts, and the configuration by which `ssh` finds them. A context.

    A ``place`` that is a lab already is taken as it is.
    """

    def __init__(self, place: str, base: str) -> None:
        self.place = place
        self.base = base
        self.hosts: list[Host] = []
        self.config = os.path.join(place, "config")
        self.path = os.path.join(place, "bin")
        self._known = os.path.join(place, "hosts")
        if os.path.isdir(self._known):
            return
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(place, "key")]
        subprocess.run(key, check=True)
        with open(os.path.join(place, "owner"), "w") as file:
            file.write(str(os.getpid()))
        os.makedirs(self.path, exist_ok=True)
        os.makedirs(self._known)
        self._configure()
        _client(self.path, self.config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.close()
        for name in os.listdir(self._known):
            if name.endswith(".holder"):
                self.down(name.removesuffix(".holder"))

    def environ(self, path: str) -> dict[str, str]:
        """Give an environment whose `ssh` knows the hosts; ``path`` is the caller's PATH."""
        return {"PATH": f"{self.path}:{path}", "HOME": self.place, "USER": "tester"}

    def environ_with(self, place: str, more: str, path: str) -> dict[str, str]:
        """Give an environment whose `ssh` has ``more`` configuration, which comes first."""
        config = os.path.join(place, "ssh_config")
        with open(self.config) as old, open(config, "w") as new:
            new.write(f"{more}\n{old.read()}")
        _client(place, config)
        return {**self.environ(path), "PATH": f"{place}:{path}"}

    def host(self, name: str, *, init: str = "none", size: str = "1g") -> Host:
        made = Host(self, name, init=init, size=size)
        self.hosts.append(made)
        return made

    def up(self, name: str) -> None:
        """Make a host that is held by a process of its own."""
        words = [sys.executable, "-m", __spec__.name, self.place, "hold", name]
        with open(self._file(name, "log"), "w") as log:
            held = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert held.stdout is not None
        with held.stdout as said:
            if said.readline() != b"up\n":
                with open(self._file(name, "log")) as file:
                    raise RuntimeError(f"{name} was not made: {file.read()[-2000:]}")

    def hold(self, name: str) -> None:
        """Be the process that holds a host: until it is told to end, or the lab is gone."""
        with open(os.path.join(self.place, "owner")) as file:
            owner = os.pidfd_open(int(file.read()))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            with self.host(name), open(self._file(name, "holder"), "w") as file:
                file.write(str(os.getpid()))
                file.flush()
                os.write(1, b"up\n")
                os.close(1)
                select.select([owner], [], [])
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._file(name, "holder"))

    def down(self, name: str) -> None:
        """End a host that :meth:`up` made, and see that it has ended."""
        holder = os.pidfd_open(self.holder(name))
        signal.pidfd_send_signal(holder, signal.SIGTERM)
        if not select.select([holder], [], [], 120)[0]:
            raise RuntimeError(f"{name} does not end")

    def holder(self, name: str) -> int:
        """Give the number of the process that holds a host: all of it ends with that one."""
        with open(self._file(name, "holder")) as file:
            return int(file.read())

    def know(self, host: Host, public: str) -> None:
        """Let the client find a host, and know it by its key."""
        known = self._file(host.name, "known")
        with open(known, "w") as file:
            file.write(f"{host.ip} {' '.join(public.split()[:2])}\n")
        with open(self._file(host.name, "conf"), "w") as file:
            file.write(f"Host {host.name}\n  HostName {host.ip}\n  UserKnownHostsFile {known}\n")
        self._configure()

    def forget(self, host: Host) -> None:
        """Let the client know no more of a host."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file(host.name, "conf"))
        self._configure()

    def _file(self, name: str, kind: str) -> str:
        return os.path.join(self._known, f"{name}.{kind}")

    def _configure(self) -> None:
        parts = []
        for name in sorted(os.listdir(self._known)):
            if name.endswith(".conf"):
                with open(os.path.join(self._known, name)) as file:
                    parts.append(file.read())
        parts.append(
            f"Host *\n  User {USER}\n  IdentityFile {self.place}/key\n  IdentitiesOnly yes\n"
            "  StrictHostKeyChecking yes\n"
        )
        # In one step: a client may read it meanwhile.
        with open(f"{self.config}.new", "w") as file:
            file.writelines(parts)
        os.replace(f"{self.config}.new", self.config)


def _client(place: str, config: str) -> None:
    """Make the program `ssh`: it reads this configuration, and not that of the account's home."""
    client = os.path.join(place, "ssh")
    with open(client, "w") as file:
        file.write(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    os.chmod(client, 0o700)


def main(words: Sequence[str]) -> None:
    place, action, name = words
    lab = Lab(place, base_root())
    {"up": lab.up, "hold": lab.hold, "down": lab.down}[action](name)


if __name__ == "__main__":
    main(sys.argv[1:])

__all__ = ["Lab"]
