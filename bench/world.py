"""What one run of the measurements works in: a scratch directory and a clean environment."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import peers
from measure import BenchError, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from peers import Peer


NETWORK = frozenset(
    [
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
        *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"),
    ]
)
"""The caller's variables that say how the network is reached; all that is kept of them."""


_numbers = itertools.count()


@dataclass
class World:
    """A home of its own for the user, Stead and every peer, all on one file system."""

    base: Path
    quick: bool
    stead: str
    tools: dict[str, Peer]
    left_out: list[str] = field(default_factory=list)
    """What is not in the table, and why."""

    @property
    def home(self) -> Path:
        """Where Stead keeps things."""
        return self.base / "stead"

    @property
    def env(self) -> dict[str, str]:
        """All variables that a measured program gets."""
        return {
            **{name: value for name, value in os.environ.items() if name in NETWORK},
            "HOME": str(self.base / "user"),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "STEAD_HOME": str(self.home),
        }

    @property
    def uv_env(self) -> dict[str, str]:
        """What uv gets besides: its own cache, linked from as Stead links from its own."""
        return {"UV_CACHE_DIR": str(self.base / "uv-cache"), "UV_LINK_MODE": "hardlink"}

    def rounds(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def place(self, name: str, files: Mapping[str, str]) -> str:
        """Write a tree below the scratch directory and give its path."""
        root = self.base / "places" / name
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        return str(root)

    def program(
        self,
        *argv: str,
        cwd: str,
        before: Callable[[], str | None] | None = None,
        **env: str,
    ) -> Program:
        return Program(argv, cwd, {**self.env, **env}, before, log=str(self.base / "stderr.log"))

    def do(self, *argv: str, cwd: str, **env: str) -> str:
        """Run something that is not measured and give what it prints."""
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**self.env, "PWD": cwd, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-600:]
            raise BenchError(f"{' '.join(argv)} failed in {cwd}: {said}")
        return done.stdout

    def settle(self, cwd: str) -> None:
        """Bring a place to where nothing has changed since its record was made.

        A record made right after an edit is never taken for fresh.
        """
        import time

        self.do(self.stead, "run", "true", cwd=cwd)
        time.sleep(0.1)
        self.do(self.stead, "run", "true", cwd=cwd)

    def forget_builds(self) -> None:
        """Take away every build and every record, and leave the package caches as they are."""
        self.put_aside(*(self.home / name for name in ("store", "places", "activations")))

    def put_aside(self, *paths: Path) -> None:
        """Take trees away without removing them, which is left for the end.

        For some seconds ext4 does not use the inodes of what was removed again, and looks
        for others: whoever makes directories right after that would be measured with it.
        """
        gone = self.base / "gone"
        gone.mkdir(exist_ok=True)
        for path in paths:
            if path.exists():
                path.rename(gone / f"{next(_numbers)}")


@contextlib.contextmanager
def make_world(*, quick: bool) -> Iterator[World]:
    """Make a world, and remove it and all that it holds."""
    from stead.store.atomic import remove_tree

    program = Path(sys.executable).parent / "stead"
    if not program.exists():
        raise BenchError(f"{program} is missing: install Stead beside this Python")
    base = Path(os.path.realpath(tempfile.mkdtemp(prefix="stead-bench-")))
    try:
        (base / "user").mkdir()
        (base / "places").mkdir()
        tools = {p.name: p for p in (peers.mise(), peers.direnv(), peers.uv())}
        yield World(base, quick, str(program), tools)
    finally:
        os.chdir("/")
        remove_tree(base)
        shutil.rmtree(base, ignore_errors=True)
