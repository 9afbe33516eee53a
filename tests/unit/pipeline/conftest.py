"""A tree of files, and what the steps make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.pipeline.compose import compose, layer_candidates
from stead.pipeline.discover import discover
from stead.values.platform import platform_named

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.spec import Spec


class Tree:
    """Files below a directory that is nobody's home."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str = "") -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def at(self, name: str = ".") -> str:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return str(path) if name != "." else str(self.root)

    def discover(self, name: str = ".", environment: str = ""):
        return discover(self.at(name), layer_candidates(environment), home=str(self.root.parent))

    def compose(self, name: str = ".", environment: str = "default", on: str = "linux-64") -> Spec:
        found = self.discover(name, environment)
        return compose(
            found.manifests,
            place=found.place,
            root=found.root,
            environment=environment,
            platform=platform_named(on),
            module=self._module,
            absent=found.absent,
        )

    def _module(self, use):
        import os

        from stead.pipeline.discover import read_module

        return read_module(os.path.normpath(os.path.join(use.base, use.location)))

    def asked(self, name: str = ".", environment: str = "default", on: str = "linux-64"):
        return [str(r) for r in self.compose(name, environment, on).packages.requirements]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "tree"
    root.mkdir()
    return Tree(root)
