"""The PyPI ecosystem passes the suite, from a simple index over http and from a flat directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.pypi import PyPI
from stead.testing.conformance import Case, EcosystemSuite
from stead.testing.index import Wheel, make_index, module_name
from stead.testing.server import serve
from stead.values.interpreter import Interpreter
from stead.values.manifest import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.lock import Artifact
    from stead.values.platform import Platform

WORLD = (
    *(Wheel("tool", version) for version in ("1.0", "1.1", "2.0", "2.1")),
    Wheel("uses-tool", "3.0", requires=("tool>=1.1",)),
    *(
        Wheel(name, files={f"{module_name(name)}/__init__.py": "", "clash/data": name})
        for name in ("clash-a", "clash-b")
    ),
)


def version(prefix: Path, name: str) -> str:
    for code in prefix.glob(f"lib/python3*/site-packages/{module_name(name)}/__init__.py"):
        values: dict[str, str] = {}
        exec(code.read_text("utf-8"), values)
        return values.get("__version__", "1.0")
    return ""


def case_of(index: Path, entry: Index, platform: Platform) -> Case:
    def path(artifact: Artifact) -> Path:
        return index / "files" / artifact.files[0].name

    def replace_file(artifact: Artifact) -> None:
        other = Wheel(artifact.name, artifact.version, files={"tool.py": "changed = True\n"})
        path(artifact).write_bytes(other.content())

    found = ".".join(str(n) for n in sys.version_info[:3])
    minor = found.rpartition(".")[0]
    return Case(
        PyPI(),
        platform,
        version,
        replace_file,
        lambda artifact: path(artifact).unlink(),
        indexes=(entry,),
        python=minor,
        interpreter=Interpreter(
            os.path.realpath(sys.executable), found, f"cp{minor.replace('.', '')}"
        ),
    )


class TestPyPIOverHttp(EcosystemSuite):
    @pytest.fixture
    def case(self, tmp_path: Path, here: Platform) -> Iterator[Case]:
        index = make_index(tmp_path / "index", WORLD)
        with serve(index) as served:
            yield case_of(index, Index("main", f"{served.url}/simple", default=True), here)


class TestPyPIFromADirectory(EcosystemSuite):
    @pytest.fixture
    def case(self, tmp_path: Path, here: Platform) -> Case:
        index = make_index(tmp_path / "index", WORLD)
        address = (index / "simple").as_uri()
        return case_of(index, Index("main", address, default=True), here)

    # A directory needs no network; there is nothing for it to refuse offline.
    test_offline_without_a_cache_is_an_error = None
