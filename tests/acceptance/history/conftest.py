"""A place in a home of its own that can be put back to what it was, and commands that fail on cue."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stead.store.atomic import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

FORKING = Path(__file__).with_name("forking.py")


@dataclass
class Done:
    """What a command gave: its exit code (-9 killed), what it said, and its calls that change files."""

    code: int
    out: str
    err: str
    calls: int

    @property
    def said(self) -> str:
        return self.out + self.err


class Commands:
    """The command line, each time in a new process that was forked from one with all modules."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FORKING)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, words: tuple[str, ...], cwd: Path, environ: dict[str, str], kind: str, at: int
    ) -> Done:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job: dict[str, Any] = {
            "words": words,
            "cwd": str(cwd),
            "environ": environ,
            "kind": kind,
            "at": at,
        }
        print(json.dumps(job), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return Done(answer["code"], answer["out"], answer["err"], answer["calls"])

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(90)
        self.process.stdout.close()


@dataclass
class World:
    """A place and the home that knows it, both below ``base``."""

    base: Path
    commands: Commands
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        return self.base / "now" / "place"

    @property
    def home(self) -> Path:
        return self.base / "now" / "home"

    def run(self, *words: str, kind: str = "", at: int = 0) -> Done:
        """Run a command here; ``kind`` of fault ``at`` which call."""
        environ = {**self.environ, "PWD": str(self.place), "STEAD_HOME": str(self.home)}
        return self.commands.run(words, self.place, environ, kind, at)

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.code == 0, f"{words}: {done.code}\n{done.said}"
        return done.out

    def fails(self, *words: str) -> str:
        """Run a command that must fail in order; gives what it said."""
        done = self.run(*words)
        assert done.code == 1, f"{words}: {done.code}\n{done.said}"
        assert "Traceback" not in done.said
        assert "a fault in Stead" not in done.said
        return done.err

    def log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(self.ok("log", "--json", "-n", "1000"))
        return entries

    def files(self) -> dict[str, bytes]:
        """Every file of the place, but for what waits under a temporary name."""
        return {
            str(path.relative_to(self.place)): path.read_bytes()
            for path in sorted(self.place.rglob("*"))
            if path.is_file() and ".stead" not in path.name and ".git" not in path.parts
        }

    def keep(self, name: str) -> None:
        """Keep everything as it is now under a name."""
        self.drop(name)
        copy(self.base / "now", self.base / name)

    def put_back(self, name: str) -> None:
        self.drop("now")
        copy(self.base / name, self.base / "now")

    def drop(self, name: str) -> None:
        remove_tree(self.base / name)


def copy(source: Path, target: Path) -> None:
    """Copy a tree with all times; what cannot be told apart from the original."""
    subprocess.run([shutil.which("cp") or "cp", "-a", str(source), str(target)], check=True)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    made = Commands()
    yield made
    made.close()


def new_world(base: Path, commands: Commands, index: Path) -> World:
    """Make a place without a file in it."""
    made = World(base / "world", commands)
    made.environ = {
        "HOME": str(base),
        "PATH": os.environ["PATH"],
        "UV_DEFAULT_INDEX": f"{index.as_uri()}/simple",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    made.place.mkdir(parents=True)
    return made


@pytest.fixture
def world(tmp_path: Path, commands: Commands, index: Path) -> Iterator[World]:
    made = new_world(tmp_path, commands, index)
    yield made
    remove_tree(made.base)


MANIFEST = """\
[packages.pypi]
tool = "*"

[vars]
A = "1"
"""


@pytest.fixture(scope="module")
def lived_in(
    tmp_path_factory: pytest.TempPathFactory, commands: Commands, index: Path
) -> Iterator[World]:
    """A place that something has been done in, all of which is built; kept as ``old``."""
    made = new_world(tmp_path_factory.mktemp("lived-in"), commands, index)
    (made.place / "stead.toml").write_text(MANIFEST, encoding="utf-8")
    made.ok("run", "true")
    made.ok("set", "A=2")
    made.ok("add", "branch<2", "-m", "why not")
    made.ok("set", "A=3")
    made.ok("undo")
    made.keep("old")
    yield made
    remove_tree(made.base)


@pytest.fixture
def old(lived_in: World) -> World:
    """The place that something has been done in, as it was after that."""
    lived_in.put_back("old")
    return lived_in
