"""The root that test hosts share: a Debian with sshd and systemd, made once per machine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile

SUITE = "bookworm"
PACKAGES = ("openssh-server", "systemd", "systemd-sysv", "dbus", "libpam-systemd", "sudo")
USER = "deploy"
CACHE = f"/var/tmp/stead-test-hosts-{os.geteuid()}"  # noqa: S108 (the user's own, by its name)


def base_root(cache: str = CACHE) -> str:
    """Make the root that hosts share, once per ``cache``; gives its path."""
    os.makedirs(cache, exist_ok=True)
    made = os.path.join(cache, "-".join([SUITE, *PACKAGES]))
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(made):
            return made
        with tempfile.TemporaryDirectory(dir=cache) as place:
            root = os.path.join(place, "root")
            words = [
                "mmdebstrap",
                "--quiet",
                "--variant=essential",
                f"--include={','.join(PACKAGES)}",
                "--dpkgopt=force-unsafe-io",
            ]
            words += [
                f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")
            ]
            done = subprocess.run(
                [*words, SUITE, root], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"mmdebstrap failed: {done.stderr[-2000:]}")
            _add_users(root)
            os.rename(root, made)
    return made


def _add_users(root: str) -> None:
    with open(os.path.join(root, "etc/passwd"), "a") as file:
        file.write(f"{USER}:x:1000:1000::/home/{USER}:/bin/sh\n")
    with open(os.path.join(root, "etc/group"), "a") as file:
        file.write(f"{USER}:x:1000:\n")
    with open(os.path.join(root, "etc/shadow"), "a") as file:
        file.write(f"{USER}:*:19000:0:99999:7:::\n")
    os.makedirs(os.path.join(root, "home", USER))
    os.chown(os.path.join(root, "home", USER), 1000, 1000)


__all__ = ["CACHE", "PACKAGES", "USER", "base_root"]
