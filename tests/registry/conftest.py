"""Shipped items as a project has them: their files in a directory, installed and run there."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.registry import house as houses
from tests.registry.variants import ITEMS

import stead

SHIPPED = Path(stead.__file__).parent / "registry"

# rustup's programs look for the toolchain below HOME, which may not be the account's own here.
_TOOLCHAINS = os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".rustup")
if not os.path.isdir(os.path.expanduser("~/.rustup/toolchains")) and os.path.isdir(_TOOLCHAINS):
    os.environ.setdefault("RUSTUP_HOME", _TOOLCHAINS)


class Installed(NamedTuple):
    """A Python item in an environment of its own."""

    directory: Path
    """A copy of its files."""
    bin: Path

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the module's directory."""
        program, *rest = command
        return subprocess.run(
            [self.bin / program, *rest],
            cwd=self.directory,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        """What a process gets that knows nothing of Stead."""
        return {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.directory),
            # Not among the directories of whoever runs the tests, which pytest would clear out.
            "PYTEST_DEBUG_TEMPROOT": str(self.bin.parent),
            **variables,
        }


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Give a function that installs a Python item with what its tests need, once."""
    made: dict[str, Installed] = {}

    def install(name: str) -> Installed:
        if name not in made:
            directory = tmp_path_factory.mktemp(name) / name
            shutil.copytree(SHIPPED / name / "files", directory)
            environment = directory.parent / "venv"
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "-p", sys.executable, environment], check=True)
            into = ["--python", environment / "bin" / "python"]
            subprocess.run(
                [*uv, "pip", "install", "-q", *into, "-e", f"{directory}[test]"], check=True
            )
            made[name] = Installed(directory, environment / "bin")
        return made[name]

    return install


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def house(shared: Path) -> houses.House:
    """An environment with all that the items need, without the items, Stead and pip."""
    return houses.make(shared / "registry-house")


@pytest.fixture(scope="session")
def remix(shared):
    """The Remix app, installed by its commands: its directory, and what its programs see.

    It is installed by the first who asks, where there is no Stead; others wait for it. What npm
    fetched for it lies in the directory that the variable of npm's names.
    """
    (item,) = (one for one in ITEMS if one.item.name == "remix-app")
    module = shared / "remix" / "remix-app"
    environ = {
        "PATH": os.pathsep.join(houses.system_path()),
        "HOME": os.environ["HOME"],
        "CI": "true",
        "npm_config_cache": str(shared / "npm"),
    }
    module.parent.mkdir(exist_ok=True)
    with open(module.with_name("lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = module.with_name("done")
        if not done.exists():
            item.write(module)
            for words in item.item.commands.install:
                ran = subprocess.run(
                    words, cwd=module, env=environ, capture_output=True, text=True, check=False
                )
                assert ran.returncode == 0, ran.stdout + ran.stderr
            done.touch()
    return module, environ
