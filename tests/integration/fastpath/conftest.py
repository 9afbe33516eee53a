"""A place with a record, and the shell program beside something that answers for Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stead.pipeline.record import record
from stead.store import places
from stead.values.activation import Activation, Change

PROGRAM = Path(__file__).parents[3] / "src" / "scripts" / "stead"
SLOW = 42
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}

# What stands where stead-python is installed: it says what it was called with.
PYTHON = f"""\
#!/bin/sh
printf 'slow' >&2
for word in "$@"; do printf ' <%s>' "$word" >&2; done
printf ' in <%s>' "$PWD" >&2
exit {SLOW}
"""


@dataclass
class World:
    """A home, a tree ``root/a/place`` with manifests, and the program."""

    base: Path
    shell: str = "dash"
    extra: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.base / "home"
        self.root = self.base / "root"
        self.place = self.root / "a" / "place"
        self.build = self.base / "store" / "build"
        self.interpreter = self.base / "python" / "bin" / "python3"
        self.bin = self.base / "installed"
        for directory in (self.place / "sub" / "deep", self.build / "bin", self.bin):
            directory.mkdir(parents=True)
        self.interpreter.parent.mkdir(parents=True)
        self.interpreter.write_text("")
        self.manifests = [self.root / "stead.toml", self.place / "stead.toml"]
        for path in self.manifests:
            path.write_text("one")
            os.utime(path, ns=(10**18, 10**18 + 123_456_789))
        self.program = self.bin / "stead"
        shutil.copy(PROGRAM, self.program)
        python = self.bin / "stead-python"
        python.write_text(PYTHON)
        python.chmod(0o755)

    def activation(self, *changes: Change, **kwargs: object) -> Activation:
        values: dict[str, object] = {
            "place": str(self.place),
            "root": str(self.root),
            "environment": "default",
            "changes": (Change("set", "FAST", "yes"), *self.extra, *changes),
            "build": str(self.build),
            "requires": (str(self.build), str(self.interpreter)),
            "inputs": tuple(map(str, self.manifests)),
            "absent": (
                str(self.root / "environment.yml"),
                str(self.root / "a" / "stead.toml"),
                str(self.place / "requirements.txt"),
            ),
        }
        return Activation(**(values | kwargs))  # type: ignore[arg-type]

    def record(self, *changes: Change, now: float | None = None, **kwargs: object) -> places.Record:
        """Keep a record; ``now`` defaults to a time when all inputs have settled."""
        names = kwargs.pop("names", ("stead.toml", "requirements.txt", "conda-*.lock"))
        trusted = kwargs.pop("trusted", False)
        return record(
            self.home,
            self.activation(*changes, **kwargs),
            names=names,  # type: ignore[arg-type]
            now=time.time() + 60 if now is None else now,
            trusted=bool(trusted),
        )

    def argv(self, *words: str) -> list[str]:
        shell, *options = SHELLS[self.shell]
        return [shutil.which(shell) or shell, *options, str(self.program), *words]

    def run(
        self,
        *words: str,
        cwd: Path | str | None = None,
        env: dict[str, str] | None = None,
        **kwargs: object,
    ) -> subprocess.CompletedProcess[str]:
        environ = self.environ() if env is None else env
        return subprocess.run(
            self.argv(*words),
            cwd=cwd or self.place,
            env=environ,
            text=True,
            errors="surrogateescape",
            capture_output=True,
            check=False,
            timeout=60,
            **kwargs,  # type: ignore[call-overload]
        )

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.base),
            "STEAD_HOME": str(self.home),
            **more,
        }

    def is_fast(self, *, cwd: Path | None = None) -> bool:
        """Run something and say which way it went."""
        done = self.run("run", "printenv", "FAST", cwd=cwd)
        if done.returncode == SLOW:
            assert done.stdout == ""
            assert done.stderr.startswith("slow <run> <printenv> <FAST>")
            return False
        assert (done.returncode, done.stdout, done.stderr) == (0, "yes\n", "")
        return True

    def held(self) -> places.Record | None:
        return places.load(self.home, str(self.place), "default")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path.resolve())


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.needs(SHELLS[n][0])) for n in sorted(SHELLS)]
)
def any_world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """The same, with each of the shells that may be a machine's ``sh``."""
    assert shutil.which(SHELLS[request.param][0]), f"{request.param} is missing"
    return World(tmp_path.resolve(), shell=request.param)
