from __future__ import annotations

import os
import sys
import sysconfig
import time
from dataclasses import replace

import pytest

from stead.cli.progress import Quiet
from stead.cli.runner import run
from stead.testing.mirror import make_interpreter_mirror
from stead.values.context import Context

OWN = os.path.realpath(sys._base_executable)
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Counting:
    """The real runner, keeping what it was asked to run."""

    def __init__(self):
        self.ran = []

    def __call__(self, argv, **options):
        self.ran.append(list(argv))
        return run(argv, **options)


@pytest.fixture
def runner():
    return Counting()


@pytest.fixture
def context(tmp_path, runner):
    """A world of its own: nothing of the machine is found but the usual directories."""
    user = tmp_path / "user"
    user.mkdir()
    return Context(
        home=tmp_path / "stead",
        environ={"HOME": str(user), "PATH": ""},
        run=runner,
        progress=Quiet(),
        now=time.time,
        python_downloads=False,
    )


@pytest.fixture
def with_environ(context):
    """Give the same world with more variables."""
    return lambda **more: replace(context, environ={**context.environ, **more})


@pytest.fixture
def install():
    """Put a working copy of the running interpreter somewhere; the library stays where it is."""

    def make(prefix, name=f"python{MINOR}"):
        directory = prefix / "bin"
        directory.mkdir(parents=True)
        with open(OWN, "rb") as file:
            (directory / name).write_bytes(file.read())
        (directory / name).chmod(0o755)
        (directory / "python3").symlink_to(name)
        if sysconfig.get_config_var("Py_ENABLE_SHARED"):
            library = prefix / "lib"
            if not library.exists():
                library.symlink_to(os.path.join(sys.base_prefix, "lib"))
        return directory / name

    return make


@pytest.fixture(scope="session")
def mirror(tmp_path_factory):
    """A directory with an archive of the running interpreter, and the list of it."""
    directory = tmp_path_factory.mktemp("mirror")
    make_interpreter_mirror(directory)
    return directory
