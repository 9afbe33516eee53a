"""`stead gc` and `stead store` as the user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.store.builds import Builds, release_leases
from stead.store.roots import pin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.store.layout import Layout

Stead = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def two_builds(layout: Layout) -> tuple[Path, Path]:
    """A pinned build, and one that nothing uses."""

    def make(temporary: Path, final: Path) -> dict[str, object]:
        (temporary / "file").write_text(f"{final}\n" * 1000)
        return {}

    used = Builds(layout).realise("a" * 20, "used", make, print)
    unused = Builds(layout).realise("b" * 20, "unused", make, print)
    pin(layout, "mine", used)
    release_leases()
    return used, unused


@pytest.fixture
def stead(layout: Layout, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stead", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "STEAD_HOME": str(layout.home)},
        )

    return run


def test_gc_says_what_it_would_do_and_then_does_it(
    stead: Callable[..., subprocess.CompletedProcess[str]],
    layout: Layout,
    two_builds: tuple[Path, Path],
) -> None:
    used, unused = two_builds

    would = stead("gc", "--dry-run", "--json")
    assert would.returncode == 0, would.stderr
    said = json.loads(would.stdout)
    assert said["dry_run"] is True
    assert [(r["kind"], r["name"]) for r in said["removed"]] == [("build", unused.name)]
    assert said["kept"] == [{"name": used.name, "users": ["pin mine"]}]
    assert said["bytes"] > 0
    assert unused.exists()

    assert "0 builds removed, 2 kept" in stead("gc", "--older-than", "1h").stdout
    assert "0 builds removed, 2 kept" in stead("gc", "--keep", unused.name).stdout
    did = stead("gc")
    assert "1 build removed, 1 kept" in did.stdout
    assert [n for n in os.listdir(layout.store) if not n.startswith(".")] == [used.name]


def test_gc_refuses_what_is_no_time(
    stead: Callable[..., subprocess.CompletedProcess[str]], two_builds: tuple[Path, Path]
) -> None:
    done = stead("gc", "--older-than", "soon")

    assert done.returncode == 2
    assert "30d" in done.stderr
    assert all(build.exists() for build in two_builds)


def test_gc_finishes_an_interrupted_change_first(
    stead: Callable[..., subprocess.CompletedProcess[str]], layout: Layout
) -> None:
    layout.journal.mkdir(parents=True)
    (layout.journal / "00.intent").write_bytes(b"torn")

    done = stead("gc")

    assert done.returncode == 0
    assert "cannot be read" in done.stderr
    assert os.listdir(layout.journal) == []


def test_verify_names_what_changed_and_repairs_it(
    stead: Callable[..., subprocess.CompletedProcess[str]],
    two_builds: tuple[Path, Path],
) -> None:
    used, unused = two_builds
    assert stead("store", "verify").returncode == 0
    (used / "file").chmod(0o644)
    (used / "file").write_text("changed")
    (used / "file").chmod(0o444)

    bad = stead("store", "verify", "--json")
    assert bad.returncode == 1
    said = json.loads(bad.stdout)
    assert said["builds"] == [used.name, unused.name]
    assert [(f["build"], f["path"], f["kind"]) for f in said["findings"]] == [
        (used.name, "file", "changed")
    ]
    assert f"{used.name}/file: changed" in stead("store", "verify").stdout
    assert stead("store", "verify", unused.name, "b" * 20, str(unused)).returncode == 0
    assert stead("store", "verify", "nonsense").returncode == 2

    repaired = stead("store", "verify", "--repair")
    assert repaired.returncode == 0
    assert "set aside" in repaired.stdout
    assert not used.exists()
    assert stead("store", "verify").returncode == 0


def test_usage_and_path(
    stead: Callable[..., subprocess.CompletedProcess[str]],
    layout: Layout,
    two_builds: tuple[Path, Path],
) -> None:
    used, unused = two_builds

    said = json.loads(stead("store", "usage", "--json").stdout)
    assert {b["name"]: b["users"] for b in said["builds"]} == {
        used.name: ["pin mine"],
        unused.name: [],
    }
    assert said["bytes"] == sum(part["bytes"] for part in said["parts"])
    text = stead("store", "usage").stdout
    assert f"{unused.name}  unused" in text
    assert f"{used.name}  pin mine" in text
    assert stead("store", "path").stdout == f"{layout.store}\n"
    assert json.loads(stead("store", "path", "--json").stdout)["store"] == str(layout.store)


def test_commands_on_an_empty_home_write_nothing(
    stead: Callable[..., subprocess.CompletedProcess[str]], layout: Layout
) -> None:
    for words in (["gc"], ["store", "verify"], ["store", "usage"], ["store", "path"]):
        assert stead(*words).returncode == 0

    assert not layout.home.exists()
