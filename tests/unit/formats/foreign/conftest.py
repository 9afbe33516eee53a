from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


class Tree:
    """Files by absolute path, loaded as a reader of manifests loads them."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.loaded: list[str] = []

    def load(self, path: str) -> str:
        self.loaded.append(path)
        if path in self.files:
            return self.files[path]
        if any(f.startswith(path.rstrip("/") + "/") for f in self.files):
            raise IsADirectoryError(path)
        raise FileNotFoundError(path)

    def exists(self, path: str) -> bool:
        return path in self.files


@pytest.fixture
def tree() -> Callable[..., Tree]:
    def make(files: dict[str, str], root: str = "/p") -> Tree:
        return Tree({f"{root}/{name}": text for name, text in files.items()})

    return make
