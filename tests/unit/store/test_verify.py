from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from stead.store.builds import Builds, release_leases
from stead.store.gc import collect
from stead.store.verify import Finding, repair, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.store.layout import Layout


def flip(path: Path, at: int = -1) -> None:
    """Change one bit of a file, and bring back its size, time and mode."""
    info = path.lstat()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.write(data)
    path.chmod(info.st_mode & 0o7777)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def found(layout: Layout) -> list[tuple[str, str]]:
    return [(f.path, f.kind) for f in verify(layout)]


def test_an_untouched_build_has_no_findings(layout: Layout, make: Callable[[int], Path]) -> None:
    make(1)
    make(2)

    assert verify(layout) == ()


@pytest.mark.parametrize(
    "name",
    ["lib/demo/__init__.py", "lib/demo/data.bin", "lib/demo-1.0.dist-info/RECORD", "bin/demo"],
)
@pytest.mark.parametrize("at", [0, -1])
def test_a_flipped_bit_is_found_though_size_and_time_are_as_before(
    layout: Layout, build: Path, name: str, at: int
) -> None:
    flip(build / name, at)

    assert found(layout) == [(name, "changed")]


@pytest.mark.parametrize("name", ["build.json", "files.json.z"])
def test_a_changed_byte_of_the_metadata_is_found(layout: Layout, build: Path, name: str) -> None:
    path = build / ".stead" / name
    for at in range(0, len(path.read_bytes()), 7):
        flip(path, at)
        assert found(layout) != [], at
        flip(path, at)
    assert found(layout) == []


def test_a_missing_an_extra_and_a_swapped_file_are_found(layout: Layout, build: Path) -> None:
    for directory in (build / "lib" / "demo", build / "bin", build):
        directory.chmod(0o755)
    (build / "lib" / "demo" / "data.bin").unlink()
    (build / "lib" / "demo" / "extra.py").write_text("")
    (build / "bin" / "alias").unlink()
    (build / "bin" / "alias").symlink_to("/bin/sh")
    (build / "bin" / "demo").unlink()
    (build / "bin" / "demo").mkdir()
    for directory in (build / "lib" / "demo", build / "bin", build):
        directory.chmod(0o555)

    assert sorted(found(layout)) == [
        ("bin/alias", "link"),
        ("bin/demo", "type"),
        ("lib/demo/data.bin", "missing"),
        ("lib/demo/extra.py", "extra"),
    ]


def test_changed_rights_are_found(layout: Layout, build: Path) -> None:
    (build / "bin" / "demo").chmod(0o755)
    (build / "lib").chmod(0o755)
    build.chmod(0o755)

    assert sorted(found(layout)) == [("", "mode"), ("bin/demo", "mode"), ("lib", "mode")]


def test_something_put_beside_the_metadata_is_found(layout: Layout, build: Path) -> None:
    (build / ".stead").chmod(0o755)
    (build / ".stead" / "activate").write_text("")
    (build / ".stead").chmod(0o555)

    assert found(layout) == [(".stead/activate", "extra")]


def test_a_build_without_its_list_is_a_finding(layout: Layout, build: Path) -> None:
    (build / ".stead").chmod(0o755)
    (build / ".stead" / "files.json.z").unlink()

    assert found(layout) == [("", "metadata")]


def test_a_file_that_its_record_does_not_name_any_more_is_a_finding(
    layout: Layout, tmp_path: Path
) -> None:
    """The list trusts the record for it, so the record's damage is the file's."""
    import base64
    import hashlib

    cache = tmp_path / "cache.py"
    cache.write_bytes(b"x")
    sha = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).rstrip(b"=").decode()

    def make(temporary: Path, final: Path) -> dict[str, object]:
        os.link(cache, temporary / "a.py")
        (temporary / "a-1.dist-info").mkdir()
        (temporary / "a-1.dist-info" / "RECORD").write_text(f"a.py,sha256={sha},1\n")
        return {}

    build = Builds(layout).realise("a" * 20, "x", make, print)
    flip(build / "a-1.dist-info" / "RECORD", 0)

    assert sorted(found(layout)) == [("a-1.dist-info/RECORD", "changed"), ("a.py", "changed")]


def test_only_the_builds_asked_about_are_looked_at(
    layout: Layout, make: Callable[[int], Path]
) -> None:
    one, two = make(1), make(2)
    flip(one / "bin" / "demo")

    assert verify(layout, [two]) == ()
    assert [f.build for f in verify(layout, [one])] == [one.name]


def test_a_repaired_build_is_made_again(layout: Layout, build: Path) -> None:
    flip(build / "bin" / "demo")

    done = repair(layout, verify(layout))

    assert Builds(layout).find(build.name[:20], "demo") is None
    ((name, aside),) = done.aside
    assert name == build.name
    assert (layout.store / aside / "bin" / "demo").exists()
    assert verify(layout) == ()
    collect(layout, now=2e9)
    assert os.listdir(layout.store) == []


def test_a_damaged_file_is_not_linked_from_the_cache_again(layout: Layout) -> None:
    entry = layout.packages / "conda" / "pkgs" / "a-1-0"
    entry.mkdir(parents=True)
    (entry / "data").write_bytes(b"good")

    def make(temporary: Path, final: Path) -> dict[str, object]:
        os.link(entry / "data", temporary / "data")
        return {}

    def other(temporary: Path, final: Path) -> dict[str, object]:
        os.link(entry / "data", temporary / "same")
        return {}

    first = Builds(layout).realise("a" * 20, "x", make, print)
    second = Builds(layout).realise("b" * 20, "x", other, print)
    release_leases()
    flip(first / "data")
    notes: list[str] = []

    done = repair(layout, verify(layout, [first]), notes.append)

    assert done.dropped == ("conda/pkgs/a-1-0",)
    assert not entry.exists()
    assert sorted(name for name, _ in done.aside) == [first.name, second.name]
    assert notes == [f"{second.name} shares a damaged file"]


def test_findings_are_lines_and_values() -> None:
    finding = Finding("k-x", "bin/a", "mode", "755 instead of 555")

    assert str(finding) == "k-x/bin/a: mode (755 instead of 555)"
    assert str(Finding("k-x", "", "metadata")) == "k-x: metadata"


def test_the_metadata_is_readable_json(build: Path) -> None:
    assert json.loads((build / ".stead" / "build.json").read_text())["what"] == "demo"
