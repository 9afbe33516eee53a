"""Builds of real tools: copied, moved, verified, and their caches pruned."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.store.builds import Builds, release_leases
from stead.store.caches import entries, prune
from stead.store.gc import collect
from stead.store.layout import Layout
from stead.store.verify import repair, verify
from stead.store.writable import private_copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.values.platform import Platform

CONDA, VENV = "c" * 20, "v" * 20


@pytest.fixture
def conda(conda_channel: Path, here: Platform, layout: Layout) -> Callable[[Path, Path], dict]:
    """Link a Python, a program and files with both kinds of placeholder, from Stead's cache."""

    async def install(temporary: Path, final: Path) -> None:
        from rattler import Channel, solve
        from rattler import install as rattler_install

        records = await solve(
            [Channel(conda_channel.as_uri())],
            ["python", "greeter", "with-text", "with-binary"],
            platforms=[here.name, "noarch"],
        )
        await rattler_install(
            records,
            temporary,
            cache_dir=layout.packages / "conda" / "pkgs",
            show_progress=False,
            alternative_target_prefix=final,
        )

    def make(temporary: Path, final: Path) -> dict[str, object]:
        asyncio.run(install(temporary, final))
        return {"ecosystems": ["conda"]}

    return make


def said(program: Path) -> str:
    # Rights do not bind root: its Python would write compiled code into the build.
    clean = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([program], capture_output=True, text=True, check=True, env=clean).stdout


def test_a_conda_build_runs_from_its_private_copy_and_from_a_moved_home(
    layout: Layout, conda: Callable[[Path, Path], dict], tmp_path: Path
) -> None:
    build = Builds(layout).realise(CONDA, "demo", conda, print)
    assert said(build / "bin" / "greeter") == f"hello from {build}\n"
    assert verify(layout) == ()

    copy = tmp_path / "a copy with spaces"
    done = private_copy(build, copy)
    assert done.left == ()
    assert said(copy / "bin" / "greeter") == f"hello from {copy}\n"
    assert said(copy / "bin" / "with-text") == f"{copy}\n"
    binary = (copy / "lib" / "with-binary.bin").read_bytes()
    assert f"{copy}/lib/data\0".encode() in binary
    assert len(binary) == (build / "lib" / "with-binary.bin").stat().st_size

    release_leases()
    elsewhere = Layout(tmp_path / "moved")
    layout.home.rename(elsewhere.home)
    moved = Builds(elsewhere).realise(CONDA, "demo", lambda *_: pytest.fail("made again"), print)
    assert said(moved / "bin" / "greeter") == f"hello from {moved}\n"
    assert verify(elsewhere) == ()
    elsewhere.home.rename(layout.home)


def test_a_damaged_conda_file_is_found_and_neither_build_nor_cache_gives_it_again(
    layout: Layout, conda: Callable[[Path, Path], dict]
) -> None:
    build = Builds(layout).realise(CONDA, "demo", conda, print)
    module = next(build.glob("lib/python*/site-packages/greeter.py"))
    info = module.stat()
    assert info.st_nlink > 1
    good = module.read_bytes()
    module.chmod(0o644)
    module.write_bytes(good.replace(b"hello", b"hallo"))
    module.chmod(0o444)
    os.utime(module, ns=(info.st_atime_ns, info.st_mtime_ns))

    findings = verify(layout)
    assert [(f.path, f.kind) for f in findings] == [(str(module.relative_to(build)), "changed")]
    done = repair(layout, findings)
    assert [os.path.basename(path) for path in done.dropped] == ["greeter-1.0-0"]
    again = Builds(layout).realise(CONDA, "demo", conda, print)

    assert said(again / "bin" / "greeter") == f"hello from {again}\n"
    assert verify(layout) == ()


@pytest.fixture
def venv(uv: str, layout: Layout, tmp_path: Path) -> Callable[[Path, Path], dict]:
    """Make a virtual environment with a program, from a package in a directory, through uv."""
    from stead.testing.index import Wheel, make_index

    index = make_index(
        tmp_path / "index",
        [
            Wheel(
                "greeter",
                "1.0",
                files={"greeter.py": "import sys\ndef main():\n    print('hi from', sys.prefix)\n"},
                scripts={"greet": "greeter:main"},
            )
        ],
    )

    def make(temporary: Path, final: Path) -> dict[str, object]:
        cache = ["--cache-dir", str(layout.packages / "uv"), "--offline"]
        python = ["--python", sys.executable]
        subprocess.run(
            [uv, "venv", "-q", "--allow-existing", *python, *cache, temporary], check=True
        )
        install = [uv, "pip", "install", "-q", *cache, "--python", temporary / "bin" / "python"]
        find = ["--no-index", "--find-links", str(index / "files")]
        subprocess.run([*install, *find, "--link-mode", "hardlink", "greeter"], check=True)
        for path in (temporary / "bin").iterdir():
            if not path.is_symlink():
                path.write_text(path.read_text().replace(str(temporary), str(final)))
        return {"ecosystems": ["pypi"]}

    return make


def test_a_virtual_environment_runs_from_its_private_copy(
    layout: Layout, venv: Callable[[Path, Path], dict], tmp_path: Path
) -> None:
    build = Builds(layout).realise(VENV, "demo", venv, print)
    assert said(build / "bin" / "greet") == f"hi from {build}\n"

    copy = tmp_path / "copy"
    private_copy(build, copy)

    assert said(copy / "bin" / "greet") == f"hi from {copy}\n"
    site = next(copy.glob("lib/python*/site-packages"))
    (site / "greeter.py").write_text("def main():\n    print('changed')\n")
    assert said(copy / "bin" / "greet") == "changed\n"
    assert said(build / "bin" / "greet") == f"hi from {build}\n"
    assert verify(layout) == ()


def test_uv_fetches_again_what_was_pruned_from_its_cache(
    layout: Layout, venv: Callable[[Path, Path], dict]
) -> None:
    build = Builds(layout).realise(VENV, "demo", venv, print)
    (entry,) = entries(layout)
    release_leases()
    assert prune(layout, dry_run=False, note=print) == []

    report = collect(layout, now=2e9, caches=True)
    assert {r.kind for r in report.removed} == {"build", "cache"}
    assert not os.path.exists(entry)
    assert not build.exists()

    again = Builds(layout).realise(VENV, "demo", venv, print)
    assert said(again / "bin" / "greet") == f"hi from {again}\n"
    assert verify(layout) == ()
