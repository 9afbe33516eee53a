from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.testing.index import Wheel, make_index
from stead.values.interpreter import Interpreter
from stead.values.manifest import Index
from stead.values.spec import PackagesSpec
from stead.values.suite import Product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    """The Python that runs the tests, outside of any virtual environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    return Interpreter(base, version, f"cp{sys.version_info[0]}{sys.version_info[1]}")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> PackagesSpec:
    """Nothing asked for, of an index with ``dep`` in two versions."""
    wheels = [Wheel("dep", "1.0"), Wheel("dep", "2.0")]
    index = make_index(tmp_path_factory.mktemp("index"), wheels)
    return PackagesSpec(indexes=(Index("main", (index / "simple").as_uri(), default=True),))


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[[str], Product]:
    """Make the package under test, in a version that its module tells."""

    def make(version: str) -> Product:
        made = Wheel("demo", version, requires=())
        path = tmp_path / made.filename
        path.write_bytes(made.content())
        return Product("wheel", "wheel", str(path), f"demo {version}", "demo", version)

    return make


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The plugin beside this file, installed as its user would have it; gives where."""
    from uv import find_uv_bin

    source = os.path.join(os.path.dirname(__file__), "plugin")
    target = str(tmp_path_factory.mktemp("installed"))
    command = ["pip", "install", "--offline", "--no-deps", "--target", target, source]
    subprocess.run(
        [find_uv_bin(), *command, "--python", sys.executable], check=True, capture_output=True
    )
    return target


@pytest.fixture
def installed_plugin(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin)
    importlib.invalidate_caches()
