"""Scripts that run in processes of their own, so that they can be killed or lack something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stead.store.atomic import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent

Script = "Callable[..., dict[str, Any]]"


def run(argv: list[str], name: str, *arguments: str) -> dict[str, Any]:
    """Run ``scripts/NAME.py`` and give what it says, which is JSON."""
    done = subprocess.run(
        [*argv, sys.executable, str(HERE / "scripts" / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def script() -> Callable[..., dict[str, Any]]:
    return lambda name, *arguments: run([], name, *arguments)


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Give a function that runs a script with a disk of a few megabytes as its first argument.

    It is a file system in memory, mounted where only the script sees it.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    mount = f'mount -t tmpfs -o size="$1" tmpfs \'{disk}\' && shift && exec "$@"'

    def with_disk(size: str, name: str, *arguments: str) -> dict[str, Any]:
        argv = [*unshare, "sh", "-c", mount, "sh", size]
        if subprocess.run([*argv, "true"], capture_output=True, check=False).returncode == 0:
            return run(argv, name, str(disk), *arguments)
        # A container that lets nobody mount has a small shared memory of its own.
        shared = os.statvfs("/dev/shm")
        assert shared.f_blocks * shared.f_frsize < 2**28, "no small disk can be had here"
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            return run([], name, directory, *arguments)

    return with_disk


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may enter (pytest's own are for one user alone)."""
    path = Path(tempfile.mkdtemp(prefix="stead-store-"))
    path.chmod(0o755)
    yield path
    remove_tree(path)


@pytest.fixture
def uv() -> str:
    found = shutil.which("uv") or os.path.join(os.path.dirname(sys.executable), "uv")
    assert os.access(found, os.X_OK)
    return found
