"""Roots of Debian that tests share, each made once per machine: one with sshd and systemd, a bare one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SUITE = "bookworm"
PACKAGES = ("openssh-server", "systemd", "systemd-sysv", "dbus", "libpam-systemd", "sudo")
USER = "deploy"
CACHE = f"/var/tmp/stead-test-hosts-{os.geteuid()}"  # noqa: S108 (the user's own, by its name)


def made_once(name: str, make: Callable[[str], None], cache: str = CACHE) -> str:
    """Give the path of a directory that ``make`` makes where there is none yet of that name.

    Others who ask for it at the same time wait; what is half made is seen by nobody.
    """
    os.makedirs(cache, exist_ok=True)
    made = os.path.join(cache, name)
    with open(f"{made}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(made):
            with tempfile.TemporaryDirectory(dir=cache) as place:
                new = os.path.join(place, "new")
                make(new)
                os.rename(new, made)
    return made


def base_root(cache: str = CACHE) -> str:
    """Make the root that hosts share, once per ``cache``; gives its path."""

    def make(root: str) -> None:
        left_out = ("doc", "man", "locale")
        _mmdebstrap(
            root,
            f"--include={','.join(PACKAGES)}",
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in left_out),
        )
        _add_users(root)

    return made_once("-".join([SUITE, *PACKAGES]), make, cache)


def bare_root(target: str, cache: str = CACHE) -> None:
    """Let ``target`` be a Debian of what every one has, no more; it is made once per ``cache``."""

    def make(root: str) -> None:
        _mmdebstrap(root, "--dpkgopt=force-unsafe-io")

    made = made_once(f"{SUITE}-essential", make, cache)
    subprocess.run(["cp", "-a", "--reflink=auto", made, target], check=True)


def _mmdebstrap(root: str, *words: str) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=essential", *words, SUITE, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap failed: {done.stderr[-2000:]}")


def _add_users(root: str) -> None:
    with open(os.path.join(root, "etc/passwd"), "a") as file:
        file.write(f"{USER}:x:1000:1000::/home/{USER}:/bin/sh\n")
    with open(os.path.join(root, "etc/group"), "a") as file:
        file.write(f"{USER}:x:1000:\n")
    with open(os.path.join(root, "etc/shadow"), "a") as file:
        file.write(f"{USER}:*:19000:0:99999:7:::\n")
    os.makedirs(os.path.join(root, "home", USER))
    os.chown(os.path.join(root, "home", USER), 1000, 1000)


__all__ = ["CACHE", "PACKAGES", "USER", "bare_root", "base_root", "made_once"]
