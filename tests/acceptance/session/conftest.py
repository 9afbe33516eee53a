"""A person in `stead shell`, on a pseudo-terminal; nothing of hers is left when a test ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from stead.testing.terminal import STARTS, Terminal

SETUP = {
    "bash": (".bashrc", STARTS["bash"]),
    "zsh": (".zshrc", STARTS["zsh"]),
    "fish": (".config/fish/config.fish", STARTS["fish"]),
}


class Session(Terminal):
    """A person in `stead shell`."""

    def __init__(
        self, machine, root: Path, shell: str, *words: str, under: tuple[str, ...] = ()
    ) -> None:
        argv = [*under, str(machine.program), "shell", "--shell", shell, *words]
        super().__init__(shell, argv, {**machine.environ, "TERM": "dumb", "PWD": str(root)}, root)

    def leave(self, *answers: str, how: str = "exit 0") -> tuple[int, str]:
        """End the shell and answer its question; gives the exit code, and what was said."""
        self.type(how)
        said = ""
        for answer in answers:
            said += self.expect("for later?")
            self.type(answer)
        said += self.rest()
        self.child.wait()
        code = self.child.exitstatus
        return (-1 if code is None else code), said

    def kill(self) -> None:
        """End everything of the session as a crash of the machine would."""
        for pid in [*children(self.child.pid), self.child.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.close(force=True)


def children(pid: int) -> list[int]:
    """List a process's descendants."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def gone(pid: int) -> bool:
    """Wait for a process to end."""
    for _ in range(1800):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".stead" not in path.parts
    }


@pytest.fixture(params=SETUP)
def shell(request):
    return request.param


@pytest.fixture
def descendants():
    return children


@pytest.fixture
def ended():
    """Wait for a process to end; says whether it did."""
    return gone


@pytest.fixture
def files_of():
    """Give the files of a place and what they hold."""
    return tree


@pytest.fixture
def begin(machine):
    """Start sessions of which nothing is left when the test ends."""
    machine.environ["XDG_DATA_HOME"] = str(machine.home / "data")
    (machine.home / "data" / "fish" / "generated_completions").mkdir(parents=True)
    for name, text in SETUP.values():
        file = machine.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    made: list[Session] = []

    def start(root: Path, shell: str, *words: str, ready: bool = True, **more) -> Session:
        made.append(Session(machine, root, shell, *words, **more))
        if ready:
            made[-1].ready()
        return made[-1]

    yield start
    for session in made:
        pids = children(session.child.pid) if session.child.isalive() else []
        if session.child.isalive():
            session.kill()
        for pid in pids:
            assert gone(pid)


@pytest.fixture
def setup() -> dict[str, tuple[str, str]]:
    """The user's own files: shell → name and text."""
    return SETUP
