"""The tests of the items that are not in Python show their interfaces, too.

Each public name and each word of the interface is changed in the source, one at a time: the
item's own tests must then fail. One change of each item is tried here, another each time; all of
them by ``nox -s soak``.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.registry.variants import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

FEW = 1


class Interface(NamedTuple):
    """What an item promises, and how its tests are run where it is installed already."""

    source: str
    """Which files are changed: a pattern of their paths."""
    names: str
    """Where a public name is declared: a pattern with one group."""
    words: tuple[str, ...]
    """Words within strings."""
    test: tuple[str, ...]


RUST = Interface(
    source=r"src/\w+\.rs",
    names=r"^ *pub (?:fn|struct) (\w+)",
    words=(
        "/health", "/nearest", "latitude", "longitude", "count", "kilometres", "expected", "HOST",
        "PORT", "--host", "--port", "--data", "run", "nearest", "Allow",
    ),
    test=("cargo", "test", "--quiet"),
)  # fmt: skip
NODE = Interface(
    source=r"(app|bin)/.*\.(ts|tsx|mjs)",
    names=r"^export (?:async )?(?:function|const|class) (\w+)",
    words=(
        "least", "order", "text", "id", "magnitude", "depth", "time", "place", "HOST", "PORT",
        "DATA_FILE", "NOTES_FILE", "run",
    ),
    test=("npm", "test"),
)  # fmt: skip
# Which parts of these files are the framework's.
NOT_OURS = {"meta", "Layout", "ErrorBoundary", "handleError", "App", "Home", "handleRequest"}


def changes(files: Mapping[str, bytes], of: Interface) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each change: what it is, and the files that differ."""
    source = {p: c.decode() for p, c in files.items() if re.fullmatch(of.source, p)}
    names = {
        name
        for text in source.values()
        for name in re.findall(of.names, text, re.MULTILINE)
        if name not in NOT_OURS
    }
    patterns = {f"{name} renamed": rf"\b{name}\b" for name in names}
    patterns |= {
        f"{word!r} in strings": rf"(?<=[\"`]){re.escape(word)}(?=[\"`])" for word in of.words
    }
    for what, pattern in sorted(patterns.items()):
        changed = {p: re.sub(pattern, lambda m: f"{m[0]}X", text) for p, text in source.items()}
        different = {p: text for p, text in changed.items() if text != source[p]}
        if different:
            yield what, different


def survivors(item, of: Interface, module: Path, environ: Mapping[str, str]) -> list[str]:
    """Change what is tried in an installed module; name the changes that its tests do not see."""

    def passes() -> bool:
        ran = subprocess.run(
            of.test, cwd=module, env=environ, capture_output=True, check=False, timeout=600
        )
        return ran.returncode == 0

    every = list(changes(item.files(), of))
    assert len(every) > 10
    tried = every if "STEAD_SOAK" in os.environ else random.sample(every, FEW)
    assert passes()
    unseen = []
    for what, different in tried:
        for path, text in different.items():
            (module / path).write_text(text, encoding="utf-8")
        if passes():
            unseen.append(what)
        for path in different:
            (module / path).write_bytes(item.files()[path])
    return unseen


def shipped(name: str):
    (item,) = (one for one in ITEMS if one.item.name == name)
    return item


@pytest.mark.needs("cargo")
def test_the_rust_items_tests_fail_where_its_interface_changed(tmp_path):
    item = shipped("rust-backend")
    environ = {**os.environ, "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": f"{tmp_path}/target"}
    module = item.write(tmp_path / "module")
    assert survivors(item, RUST, module, environ) == []


@pytest.mark.network
@pytest.mark.needs("npm")
def test_the_remix_items_tests_fail_where_its_interface_changed(tmp_path, remix):
    item = shipped("remix-app")
    installed, environ = remix
    module = item.write(tmp_path / "module")
    shutil.copytree(installed / "node_modules", module / "node_modules", symlinks=True)
    assert survivors(item, NODE, module, environ) == []
