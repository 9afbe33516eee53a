"""What is in a package: the same however it was packed, another when a file differs."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from stead.matrix import content
from stead.testing.index import Sdist, Wheel
from stead.values.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def packed_again(path: Path, wheel: Wheel) -> str:
    """Pack a wheel's files in another order, at another time, without compression."""
    with (
        zipfile.ZipFile(io.BytesIO(wheel.content())) as old,
        zipfile.ZipFile(path, "w") as new,
    ):
        for info in sorted(old.infolist(), key=lambda i: i.filename, reverse=True):
            member = zipfile.ZipInfo(info.filename, (1999, 1, 2, 3, 4, 6))
            member.external_attr = 0o664 << 16
            data = old.read(info)
            new.writestr(member, data + b"\n" if info.filename.endswith("RECORD") else data)
    return str(path)


def test_wheels_of_the_same_files_have_the_same_content(tmp_path: Path) -> None:
    wheel = Wheel("spam-eggs", "1.2", requires=("ham>=1",), requires_python=">=3.8")
    first = content.of_wheel(written(tmp_path / wheel.filename, wheel.content()))
    again = tmp_path / "again"
    again.mkdir()
    second = content.of_wheel(packed_again(again / wheel.filename, wheel))
    assert first == second
    assert (first.name, first.version) == ("spam-eggs", "1.2")
    assert first.requires == ("ham>=1",)
    assert first.requires_python == ">=3.8"
    assert first.tags == ("py3-none-any",)


@pytest.mark.parametrize(
    "other",
    [
        Wheel("spam", files={"spam.py": "x = 2\n"}),
        Wheel("spam", files={"spam_.py": "x = 1\n"}),
        Wheel("spam", files={"spam.py": "x = 1\n"}, requires=("ham",)),
        Wheel("spam", files={"spam.py": "x = 1\n"}, scripts={"spam": "spam:main"}),
    ],
)
def test_a_wheel_that_installs_something_else_has_another_content(
    tmp_path: Path, other: Wheel
) -> None:
    wheel = Wheel("spam", files={"spam.py": "x = 1\n"})
    first = content.of_wheel(written(tmp_path / wheel.filename, wheel.content()))
    second = content.of_wheel(written(tmp_path / other.filename, other.content()))
    assert first.content != second.content


def test_a_compressed_set_of_tags_is_taken_apart(tmp_path: Path) -> None:
    wheel = Wheel("spam", tag="py2.py3-none-linux_x86_64.any")
    found = content.of_wheel(written(tmp_path / wheel.filename, wheel.content()))
    assert set(found.tags) == {
        "py2-none-linux_x86_64", "py2-none-any", "py3-none-linux_x86_64", "py3-none-any",
    }  # fmt: skip


def tarball(path: Path, members: dict[str, bytes], mtime: int) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid = len(data), mtime, mtime
            archive.addfile(member, io.BytesIO(data))
    return str(path)


def test_source_distributions_differ_by_their_files_alone(tmp_path: Path) -> None:
    files = {"spam-1.0/PKG-INFO": b"Name: spam\nVersion: 1.0\n", "spam-1.0/a.py": b"1"}
    first = content.of_sdist(tarball(tmp_path / "a.tar.gz", files, 1))
    again = dict(reversed(files.items()))
    second = content.of_sdist(tarball(tmp_path / "b.tar.gz", again, 2))
    third = content.of_sdist(tarball(tmp_path / "c.tar.gz", {**files, "spam-1.0/b.py": b""}, 1))
    assert first == second
    assert first.content != third.content
    assert (first.name, first.version) == ("spam", "1.0")


def test_a_source_distribution_without_metadata_is_what_its_name_says(tmp_path: Path) -> None:
    found = content.of_sdist(tarball(tmp_path / "Spam.Eggs-1.0.tar.gz", {"x/a.py": b""}, 1))
    assert (found.name, found.version) == ("spam-eggs", "1.0")


def test_a_made_source_distribution_is_read(tmp_path: Path) -> None:
    sdist = Sdist("spam", "3.1", requires=("ham",))
    found = content.of_sdist(written(tmp_path / sdist.filename, sdist.content()))
    assert (found.name, found.version, found.requires) == ("spam", "3.1", ("ham",))


def conda_tree(tree: Path, timestamp: int, paths: list[str]) -> str:
    (tree / "info").mkdir(parents=True)
    (tree / "lib").mkdir()
    for path in ("lib/a", "lib/b"):
        (tree / path).write_text(path)
    index = {"name": "spam", "version": "1", "depends": ["python"], "timestamp": timestamp}
    (tree / "info" / "index.json").write_text(json.dumps({**index, "subdir": "noarch"}))
    listed = {"paths": [{"_path": p} for p in paths], "paths_version": 1}
    (tree / "info" / "paths.json").write_text(json.dumps(listed))
    (tree / "info" / "about.json").write_text(str(timestamp))
    return str(tree)


def test_conda_packages_differ_by_what_is_installed_alone(tmp_path: Path) -> None:
    first = content.of_conda(conda_tree(tmp_path / "1", 1, ["lib/a", "lib/b"]))
    second = content.of_conda(conda_tree(tmp_path / "2", 2, ["lib/b", "lib/a"]))
    assert first == second
    assert (first.requires, first.tags) == (("python",), ("noarch",))
    (tmp_path / "2" / "lib" / "a").write_text("other")
    assert content.of_conda(str(tmp_path / "2")).content != first.content


@pytest.mark.parametrize("read", [content.of_wheel, content.of_sdist])
def test_what_is_no_package_is_refused_with_its_path(tmp_path: Path, read) -> None:
    path = written(tmp_path / "spam-1.0.tar.gz", b"no archive at all")
    with pytest.raises(ArtifactError) as raised:
        read(path)
    assert raised.value.where == path


def test_a_wheel_without_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spam-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("spam.py", "")
    with pytest.raises(ArtifactError, match="no metadata"):
        content.of_wheel(str(path))
