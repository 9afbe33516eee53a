from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from stead.store.atomic import remove_tree
from stead.store.builds import release_leases
from stead.testing.index import Wheel, make_index
from stead.testing.world import make_context
from stead.values.interpreter import Interpreter
from stead.values.manifest import Index
from stead.values.spec import PackagesSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.context import Context

WHO = "import sys\n\ndef main():\n    print(sys.prefix)\n"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A world with a home of its own, gone after the test."""
    yield make_context(tmp_path / "home")
    release_leases()
    remove_tree(tmp_path / "home")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index in a directory: ``dep`` in two versions, and ``who`` with a program."""
    wheels = [
        Wheel("dep", "1.0"),
        Wheel("dep", "2.0"),
        Wheel("who", "1.0", files={"who.py": WHO}, scripts={"who": "who:main"}),
    ]
    return make_index(tmp_path_factory.mktemp("index"), wheels)


@pytest.fixture
def packages(index: Path) -> PackagesSpec:
    """Nothing asked for yet, of that index alone."""
    return PackagesSpec(indexes=(Index("main", (index / "simple").as_uri(), default=True),))


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    """The Python that runs the tests, outside of any virtual environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    return Interpreter(base, version, f"cp{sys.version_info[0]}{sys.version_info[1]}")
