"""A home of its own for each test, and a small build to put into it."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from stead.store.builds import Builds, release_leases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.store.layout import Layout

KEY = "abcdefghij234567abcd"


def key(number: int) -> str:
    """Give a key; different numbers give different ones."""
    return base64.b32encode(hashlib.sha256(str(number).encode()).digest()).decode().lower()[:20]


def fill(temporary: Path, final: Path) -> dict[str, object]:
    """Make a small tree like a virtual environment's, with a wheel that has a RECORD."""
    library = temporary / "lib" / "demo"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("answer = 42\n")
    (library / "data.bin").write_bytes(bytes(range(256)) * 8)
    info = temporary / "lib" / "demo-1.0.dist-info"
    info.mkdir()
    rows = []
    for path in ("demo/__init__.py", "demo/data.bin"):
        data = (temporary / "lib" / path).read_bytes()
        sha = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={sha},{len(data)}")
    rows.append("demo-1.0.dist-info/RECORD,,")
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    program = temporary / "bin"
    program.mkdir()
    (program / "demo").write_text(f"#!{final}/bin/python\nprint('{final}')\n")
    (program / "demo").chmod(0o755)
    os.symlink("demo", program / "alias")
    return {"what": "demo"}


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def build(layout: Layout, notes: list[str]) -> Path:
    """One small build, which no process uses any more."""
    path = Builds(layout).realise(KEY, "demo", fill, notes.append)
    release_leases()
    return path


@pytest.fixture
def make(layout: Layout, notes: list[str]) -> Callable[[int], Path]:
    """Make the build with a number, and let go of it."""

    def made(number: int, name: str = "demo") -> Path:
        path = Builds(layout).realise(key(number), name, fill, notes.append)
        release_leases()
        return path

    return made
