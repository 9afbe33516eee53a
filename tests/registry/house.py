"""Environments with what the shipped items need, made once for all workers of a test run."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uv
from tests.registry.variants import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARRIED = ("SSL_", "PIP_", "UV_", "REQUESTS_", "CURL_", "HTTP", "http", "NO_PROXY", "no_proxy")
"""What says how to reach an index from here."""


@dataclass(frozen=True)
class House:
    """A virtual environment where Stead is not."""

    directory: Path
    compiled: Path
    """Where compiled modules go: one place for all that see the same libraries."""

    @property
    def python(self) -> str:
        return str(self.directory / "bin" / "python")

    def environ(self, home: Path, **more: str) -> dict[str, str]:
        """What a program sees: this environment and the system, nothing of Stead."""
        return {
            "HOME": str(home),
            "PATH": os.pathsep.join([str(self.directory / "bin"), *system_path()]),
            "LANG": "C.UTF-8",
            # Compiled once for all runs, beside the environment: nothing comes into the modules.
            "PYTHONPYCACHEPREFIX": str(self.compiled),
            # Not among the directories of whoever runs the tests, which pytest would clear out.
            "PYTEST_DEBUG_TEMPROOT": str(home),
            # One thread each: tests run beside others, and children are forked from them.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **{k: v for k, v in os.environ.items() if k.startswith(CARRIED)},
            **more,
        }

    def run(
        self, *words: str, cwd: Path, home: Path, timeout: float = 900, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there and give what it said."""
        return subprocess.run(
            words,
            cwd=cwd,
            env=self.environ(home, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def system_path() -> Iterator[str]:
    """The directories of PATH where no Stead is."""
    for directory in os.environ["PATH"].split(os.pathsep):
        if directory and not any(map(os.path.exists, _programs(directory))):
            yield directory


def _programs(directory: str) -> list[str]:
    return [os.path.join(directory, name) for name in ("stead", "stead-python")]


def make(directory: Path) -> House:
    """Make an environment with all that the Python items ask for, themselves left out.

    It is made by the first who asks; others wait for it.
    """
    house = House(directory, directory.with_name(f"{directory.name}-compiled"))
    with open(f"{directory}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = directory / "done.json"
        wanted = sorted(set().union(*(v.requirements() for v in PYTHON)))
        if done.exists() and json.loads(done.read_text("utf-8")) == wanted:
            return house
        _uv("venv", "-q", "--no-config", "-p", sys.executable, str(directory))
        # By its name: a variable of whoever runs the tests may name another environment.
        _uv("pip", "install", "-q", "--no-config", "--python", str(directory), *wanted)
        done.write_text(json.dumps(wanted), encoding="utf-8")
    return house


def beside(house: House, directory: Path) -> House:
    """Make an environment with pip that sees what ``house`` has, for one that installs more.

    The libraries are neither installed nor compiled again: that takes most of the time.
    """
    _uv("venv", "-q", "--no-config", "--seed", "-p", sys.executable, str(directory))
    place = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own, libraries = (
        subprocess.run([python, "-c", place], capture_output=True, text=True, check=True, env={})
        for python in (str(directory / "bin" / "python"), house.python)
    )
    link = os.path.join(own.stdout.strip(), "libraries.pth")
    with open(link, "w", encoding="utf-8") as file:
        file.write(libraries.stdout)
    return House(directory, house.compiled)


def _uv(*words: str) -> None:
    ran = subprocess.run([uv.find_uv_bin(), *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
