"""Session shells on a pseudo-terminal, over transactions made by the store's own code."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from stead.formats import known
from stead.pipeline import session
from stead.pipeline.prompt import hook_files
from stead.store import transactions
from stead.store.places import make_private
from stead.testing.terminal import STARTS, Terminal
from stead.values.activation import Activation, Change

PROGRAM = Path(sys.prefix) / "bin" / "stead"
SHELLS = ("bash", "zsh", "fish")


class Inner(Terminal):
    """A session's shell."""

    def leave(self, how: str = "exit") -> str:
        """End the shell; gives what it still said."""
        self.type(how)
        return self.rest()


class World:
    """A home, a place with a manifest, and its transaction."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "stead"
        self.place = base / "tree" / "scans"
        self.place.mkdir(parents=True)
        self.manifest = self.place / "stead.toml"
        self.manifest.write_text('[vars]\nLEVEL = "1"\n', encoding="utf-8")
        old = time.time() - 100
        os.utime(self.manifest, (old, old))
        self.directory = Path(transactions.directory_of(self.home, str(self.place)))
        make_private(str(self.home), str(self.directory))
        self.journal = transactions.Journal(str(self.directory))
        owner = transactions.Owner(os.getpid(), time.time(), str(self.place), "default")
        contents = {
            str(self.manifest): self.manifest.read_bytes(),
            str(self.place / ".env"): None,
        }
        transactions.begin(self.journal, owner, contents)
        self.turn = 0
        self.stage(Change("set", "LEVEL", "1"))

    def stage(self, *changes: Change) -> None:
        """Give the session another environment."""
        activation = Activation(
            place=str(self.place),
            root=str(self.place),
            environment="default",
            changes=(*changes, Change("set", "STEAD_PLACE", str(self.place))),
        )
        record = self.directory / "record"
        record.mkdir(mode=0o700, exist_ok=True)
        for name, text in hook_files(activation).items():
            made = record / f".{name}"
            made.write_bytes(text(str(record)).encode("utf-8", "surrogateescape"))
            made.replace(record / name)
        self.turn += 1
        (self.directory / "turn").write_text(f"{self.turn}\n", encoding="ascii")

    def environ(self, **more: str) -> dict[str, str]:
        rc = self.base / "rc"
        return {
            "HOME": str(rc),
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "STEAD_HOME": str(self.home),
            "ZDOTDIR": str(rc),
            "XDG_CONFIG_HOME": str(rc),
            "XDG_DATA_HOME": str(rc),
            **more,
        }

    def write_rc(self, shell: str, text: str = "") -> None:
        """Write the user's own start file."""
        rc = self.base / "rc"
        # Without this directory a first fish makes completions from manual pages.
        (rc / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        file = {"bash": ".bashrc", "zsh": ".zshrc", "fish": "fish/config.fish"}[shell]
        (rc / file).write_text(f"{STARTS[shell]}{text}\n", encoding="utf-8")

    def start(
        self, shell: str, rc: str = "", *, cwd: Path | None = None, program: Path = PROGRAM
    ) -> Terminal:
        """Start a session's shell."""
        self.write_rc(shell, rc)
        environ = self.environ(STEAD_SHELL=str(self.directory))
        state = self.journal.present()
        assert state is not None
        start = session.prepare(
            str(self.directory),
            shell,
            name="scans",
            home=str(self.home),
            program=(shell, str(program)),
            names=known.NAMES,
            owner=os.getpid(),
            files=state.base,
            environ=environ,
        )
        terminal = Inner(shell, start.argv, {**environ, **start.environ}, cwd or self.place)
        terminal.ready()
        return terminal

    def enter(self, shell: str) -> Terminal:
        """Start ``stead shell``, as a user does."""
        transactions.clear(str(self.directory))
        self.write_rc(shell)
        environ = self.environ(SHELL=shutil.which(shell) or shell)
        terminal = Inner(shell, [str(PROGRAM), "shell"], environ, self.place)
        terminal.ready()
        return terminal

    def counting(self) -> Path:
        """Give a program that is Stead and notes each time it was started."""
        script = self.base / "counting"
        script.write_text(
            f'#!/bin/sh\necho "$*" >>"{self.base}/asked"\nexec "{PROGRAM}" "$@"\n', encoding="utf-8"
        )
        script.chmod(0o755)
        return script

    def asked(self) -> list[str]:
        """List what :meth:`counting` was asked since the last time."""
        file = self.base / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def digest(self) -> str:
        return hashlib.sha256(self.manifest.read_bytes()).hexdigest()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def start(world: World):
    """Start session shells that are gone when the test ends."""
    made: list[Terminal] = []

    def begin(shell: str, rc: str = "", **more) -> Terminal:
        made.append(world.start(shell, rc, **more))
        return made[-1]

    yield begin
    for terminal in made:
        if terminal.child.isalive():
            terminal.child.kill(signal.SIGKILL)
        terminal.child.close(force=True)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return request.param
