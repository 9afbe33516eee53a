"""The installed program, in a home of its own, with an index and a channel at hand."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.testing.index import Sdist, Wheel, make_index

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(sys.prefix) / "bin" / "stead"


@dataclass
class Machine:
    """A user's account: her home, her Stead, and what her shell exports."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    program: Path = PROGRAM

    @property
    def stead_home(self) -> Path:
        return self.home / "stead"

    def run(
        self,
        *words: str,
        cwd: Path,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``stead WORDS…`` and give what it said."""
        return subprocess.run(
            [str(PROGRAM), *words],
            cwd=cwd,
            env={**self.environ, "PWD": str(cwd), **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ok(self, *words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
        """Run a command that must succeed; gives its output."""
        done = self.run(*words, cwd=cwd, env=env)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words: str, cwd: Path):
        return json.loads(self.ok(*words, "--json", cwd=cwd))

    @staticmethod
    def tree(*roots: Path) -> dict[str, tuple[int, int, bytes]]:
        """Everything below directories: path → (kind and permissions, time, content)."""
        found = {}
        for root in roots:
            for parent, directories, files in os.walk(root):
                for name in (*directories, *files):
                    path = os.path.join(parent, name)
                    seen = os.lstat(path)
                    content = b""
                    if os.path.islink(path):
                        content = os.fsencode(os.readlink(path))
                    elif os.path.isfile(path):
                        content = Path(path).read_bytes()
                    found[path] = (seen.st_mode, seen.st_mtime_ns, content)
        return found

    def fails(self, *words: str, cwd: Path, code: int = 1) -> str:
        """Run a command that must fail in order; gives its message."""
        done = self.run(*words, cwd=cwd)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "a fault in Stead" not in done.stderr
        return done.stderr


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index with small packages, some of which need each other."""
    packages = [
        Wheel("leaf", "1.0"),
        Wheel("leaf", "2.0"),
        Wheel("branch", "1.0", requires=("leaf<2",)),
        Wheel("branch", "2.0", requires=("leaf>=2",)),
        Wheel("tool", "1.0", scripts={"tool": "tool:main"}, files={"tool.py": TOOL}),
        Wheel("needs-old-leaf", "1.0", requires=("leaf<2",)),
        Wheel("needs-new-leaf", "1.0", requires=("leaf>=2",)),
        Sdist("from-source", "1.0"),
    ]
    return make_index(tmp_path_factory.mktemp("index"), packages)


TOOL = "def main():\n    print('tool ran')\n"


def account(home: Path, index: Path) -> Machine:
    """Make an account whose default index is ``index``, and whose home is a new directory."""
    home.mkdir()
    made = Machine(home)
    made.environ = {
        "HOME": str(home),
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
        "STEAD_HOME": str(made.stead_home),
        "UV_DEFAULT_INDEX": f"{index.as_uri()}/simple",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    (home / "gitconfig").write_text(
        "[user]\nname = Test\nemail = test@example.invalid\n[init]\ndefaultBranch = main\n",
        encoding="utf-8",
    )
    return made


@pytest.fixture
def machine(tmp_path: Path, index: Path) -> Machine:
    """An account whose default index is the test's own."""
    return account(tmp_path / "home", index)


@pytest.fixture(scope="session")
def make_account(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Machine]:
    """Make accounts that several tests share; each with the index that it gets."""
    return lambda index: account(tmp_path_factory.mktemp("account") / "home", index)


@pytest.fixture
def project(tmp_path: Path):
    """Write files below a directory that is not yet a place."""
    root = tmp_path / "project"
    root.mkdir()

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return write


class Forge:
    """Bare repositories, as a server has them, and somebody who pushes to them."""

    def __init__(self, machine, base):
        self.machine = machine
        self.base = base

    def git(self, *words: str, cwd) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=cwd,
            env=self.machine.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, name: str, files: dict[str, str], tag: str = "") -> str:
        """Commit files to a repository, and give the commit."""
        bare, seat = self.base / f"{name}.git", self.base / f"seat-{name}"
        if not bare.exists():
            bare.parent.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q", "--bare", str(bare), cwd=self.base)
            self.git("clone", "-q", str(bare), str(seat), cwd=self.base)
        for path, text in files.items():
            file = seat / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self.git("add", "-A", cwd=seat)
        self.git("commit", "-qm", "more", cwd=seat)
        if tag:
            self.git("tag", tag, cwd=seat)
        self.git("push", "-q", "origin", "HEAD", "--tags", cwd=seat)
        return self.git("rev-parse", "HEAD", cwd=seat)

    def url(self, name: str) -> str:
        return (self.base / f"{name}.git").as_uri()


@pytest.fixture
def forge(machine, tmp_path):
    base = tmp_path / "forge"
    base.mkdir()
    return Forge(machine, base)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance that comes again with ``--randomly-seed=N``; the number stands at the top of a run."""
    return random.Random(request.config.getoption("randomly_seed", 0))


@pytest.fixture(scope="session")
def tries() -> Callable[[int], int]:
    """Give how many of something to try: few, or as many as ``STEAD_SOAK`` says."""
    return lambda few: int(os.environ.get("STEAD_SOAK") or few)
