"""Engines for containers that work beside others, even within a container: podman, and docker.

What they keep goes with them. All need root, also the one that then works without it.
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


_CGROUPS = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
"""Mounts a cgroup file system that podman understands."""


@dataclass(frozen=True)
class Installed:
    """An engine that works here."""

    name: str
    directory: str
    """Where its program is; put it in front of ``PATH``."""
    inside: tuple[str, ...] = ()
    """Words before a command that let it run as the engine does; empty where all do."""
    home: str = ""
    """A directory of such a command's own."""

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


_USER = 7777
_SUBORDINATE = "rootless:200000:65536\n"


@contextlib.contextmanager
def rootless() -> Iterator[Installed]:
    """Give a podman of a user that only it knows, who may read all that root may.

    It is in a mount namespace, and needs ``newuidmap``.
    """
    work = Path(tempfile.mkdtemp(prefix="stead-"))
    home, runtime = work / "home", work / "run"
    for directory in (home, runtime):
        directory.mkdir(0o700)
        os.chown(directory, _USER, _USER)
    work.chmod(0o755)
    (work / "containers.conf").write_text(_SETTINGS, encoding="utf-8")
    lines = {
        "passwd": f"rootless:x:{_USER}:{_USER}::{home}:/bin/sh\n",
        "group": f"rootless:x:{_USER}:\n",
        "subuid": _SUBORDINATE,
        "subgid": _SUBORDINATE,
    }
    mounts = [_CGROUPS]
    for name, line in lines.items():
        there = Path("/etc", name)
        (work / name).write_text(there.read_text(encoding="utf-8") + line, encoding="utf-8")
        mounts.append(f'mount --bind "$0/{name}" {there}')
    with _namespace(" && ".join(mounts), work) as enter:
        # Where Python and Stead lie is often in root's home.
        reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        become = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *reading)
        variables = (f"HOME={home}", "USER=rootless", f"XDG_RUNTIME_DIR={runtime}")
        user = (*enter, *become, "env", *variables, f"CONTAINERS_CONF={work}/containers.conf")
        made = _installed(
            work,
            "podman",
            f'test "$(id -u)" != 0 || exec {" ".join(user)} "$0" "$@"\n'
            f"exec {shutil.which('podman')} --root {home}/a --runroot {runtime}/b "
            f'--tmpdir {runtime}/c --storage-driver vfs "$@"',
        )
        found = Installed(made.name, made.directory, user, str(home))
        try:
            yield found
        finally:
            found.clear()
            # Ends the process that holds the user's namespace.
            found.run("system", "migrate")
            remove_tree(work)


@contextlib.contextmanager
def _namespace(mounts: str, work: Path) -> Iterator[tuple[str, ...]]:
    """Mount something for the block, by commands that know ``work`` as ``$0``.

    Gives words before a command that let it run where that is seen.
    """
    holder = subprocess.Popen(
        [
            *("unshare", "--mount", "sh", "-c"),
            f"mount --make-rprivate / && {mounts} && echo ready && exec sleep 3600",
            str(work),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        yield ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt")
    finally:
        if holder.stdout is not None:
            holder.stdout.close()
        holder.kill()
        holder.wait()


@contextlib.contextmanager
def podman() -> Iterator[Installed]:
    """Give a podman in a mount namespace with a cgroup file system that it understands."""
    with _podman(_CGROUPS) as found:
        yield found


@contextlib.contextmanager
def small_podman(size: str) -> Iterator[Installed]:
    """Give a podman whose disk, with ``home`` on it, holds so much (``256m``): it is in memory."""
    mounts = f'{_CGROUPS} && mount -t tmpfs -o size={size} tmpfs "$0/a" && mkdir "$0/a/home"'
    with _podman(mounts) as found:
        yield found


@contextlib.contextmanager
def _podman(mounts: str) -> Iterator[Installed]:
    # It takes no longer path than 50 characters.
    work = Path(tempfile.mkdtemp(prefix="stead-"))
    (work / "a").mkdir()
    (work / "containers.conf").write_text(_SETTINGS, encoding="utf-8")
    try:
        with _namespace(mounts, work) as enter:
            made = _installed(
                work,
                "podman",
                f"export CONTAINERS_CONF={work}/containers.conf\n"
                f"exec {' '.join(enter)} {shutil.which('podman')} --root {work}/a "
                f'--runroot {work}/b --tmpdir {work}/c --storage-driver overlay "$@"',
            )
            found = Installed(made.name, made.directory, enter, f"{work}/a/home")
            try:
                yield found
            finally:
                found.clear()
                found.run("rmi", "--all", "--force")
    finally:
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
