"""Engines for containers that work beside others, even within a container: podman, and docker.

What they keep goes with them. Both need root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@dataclass(frozen=True)
class Installed:
    """An engine that works here."""

    name: str
    directory: str
    """Where its program is; put it in front of ``PATH``."""

    def run(self, *words: str) -> str:
        """Give what it prints; raises CalledProcessError."""
        program = os.path.join(self.directory, self.name)
        done = subprocess.run([program, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def clear(self) -> None:
        """Remove all containers and volumes."""
        if found := self.run("ps", "--all", "--quiet").split():
            time_words = ("--time", "0") if self.name == "podman" else ()
            self.run("rm", "--force", *time_words, *found)
        if volumes := self.run("volume", "ls", "--quiet").split():
            self.run("volume", "rm", "--force", *volumes)


@contextlib.contextmanager
def podman() -> Iterator[Installed]:
    """Give a podman in a mount namespace with a cgroup file system that it understands."""
    # It takes no longer path than 50 characters.
    work = Path(tempfile.mkdtemp(prefix="stead-"))
    (work / "containers.conf").write_text(_SETTINGS, encoding="utf-8")
    mounts = (
        "mount --make-rprivate / && umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
    )
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{mounts} && echo ready && exec sleep 3600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        found = _installed(
            work,
            "podman",
            f"export CONTAINERS_CONF={work}/containers.conf\n"
            f"exec nsenter --mount=/proc/{holder.pid}/ns/mnt {shutil.which('podman')} --root {work}/a "
            f'--runroot {work}/b --tmpdir {work}/c --storage-driver overlay "$@"',
        )
        yield found
        found.clear()
        found.run("rmi", "--all", "--force")
    finally:
        if holder.stdout is not None:
            holder.stdout.close()
        holder.kill()
        holder.wait()
        remove_tree(work)


@contextlib.contextmanager
def docker() -> Iterator[Installed]:
    """Give a docker with a daemon of its own, which has no network but the machine's."""
    work = Path(tempfile.mkdtemp(prefix="stead-"))
    words = [
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
        *("--ip-masq=false", "--userland-proxy=false", "--storage-driver=overlay2"),
        *(f"--data-root={work}/a", f"--exec-root={work}/b", f"--pidfile={work}/pid"),
        f"--host=unix://{work}/socket",
    ]
    with (work / "log").open("wb") as log:
        # What it mounts goes with it.
        daemon = subprocess.Popen(["unshare", "--mount", "dockerd", *words], stdout=log, stderr=log)
    try:
        # That of Debian, which fits the daemon, where another one comes first.
        client = shutil.which("docker", path=f"/usr/bin:{os.environ['PATH']}")
        found = _installed(
            work, "docker", f'export DOCKER_HOST=unix://{work}/socket\nexec {client} "$@"'
        )
        end = time.monotonic() + 60
        while not (work / "socket").exists():
            begins = daemon.poll() is None and time.monotonic() < end
            assert begins, (work / "log").read_text(encoding="utf-8")
            time.sleep(0.1)
        yield found
        found.clear()
    finally:
        daemon.terminate()
        daemon.wait(60)
        remove_tree(work)


def _installed(work: Path, name: str, text: str) -> Installed:
    program = work / "bin" / name
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
    return Installed(name, str(program.parent))
