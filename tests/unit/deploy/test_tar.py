"""Parts as tar streams: the same bytes always, which every tar reads."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.deploy.tar import CHUNK, header, measure, stream, write_tar
from stead.values.deployment import PLACEHOLDER, Member, Part
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

LONG = "d" * 60 + "/" + "é" * 60 + "/name with spaces and more"


def part_of(*members: Member) -> Part:
    listed = tuple(sorted(members, key=lambda m: m.path))
    return Part("some", *measure(listed)[:1], listed, measure(listed)[1])


def bytes_of(part: Part, **how: str) -> bytes:
    return b"".join(stream(part.members, **how))


def sample(tmp_path: Path) -> Part:
    source = tmp_path / "source"
    source.write_bytes(b"text\n")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    return part_of(
        Member("a", "directory", 0o755),
        Member("a-b", "file", 0o755, str(source), size=5),
        Member("a/empty", "file", 0o644, content=b""),
        Member("a/link", "link", 0o777, "../" + "t" * 120),
        Member("d" * 60, "directory", 0o755),
        Member("d" * 60 + "/" + "é" * 60, "directory", 0o755),
        Member(LONG, "file", 0o644, content=b"long", size=4),
    )


@pytest.mark.parametrize(
    "tar", [["tar"], pytest.param(["busybox", "tar"], marks=pytest.mark.needs("busybox"))]
)
def test_tars_of_the_system_unpack_all_of_it(tmp_path: Path, tar: list[str]) -> None:
    part = sample(tmp_path)
    file, out = tmp_path / "part.tar", tmp_path / "out"
    with file.open("wb") as stream_:
        write_tar(part, stream_)
    out.mkdir()
    subprocess.run([*tar, "-xf", str(file), "-C", str(out)], check=True)
    assert (out / LONG).read_bytes() == b"long"
    assert os.readlink(out / "a/link") == "../" + "t" * 120
    assert (out / "a-b").read_bytes() == b"text\n"
    assert stat.S_IMODE((out / "a-b").stat().st_mode) == 0o755
    assert (out / "a/empty").read_bytes() == b""
    assert {m.path for m in part.members} == {
        str(p.relative_to(out)) for p in out.rglob("*") if True
    }


def test_owner_and_time_are_nobodys(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(bytes_of(sample(tmp_path)))) as opened:
        members = opened.getmembers()
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in members} == {(0, 0, 0, "")}
    assert [m.name for m in members] == sorted(m.name for m in members)


def test_the_digest_is_that_of_what_is_written(tmp_path: Path) -> None:
    part = sample(tmp_path)
    out = io.BytesIO()
    write_tar(part, out)
    assert hashlib.sha256(out.getvalue()).hexdigest() == part.digest
    assert len(out.getvalue()) == part.size


def test_a_file_that_changes_behind_the_digest_is_noticed(tmp_path: Path) -> None:
    part = sample(tmp_path)
    (tmp_path / "source").write_bytes(b"TEXT\n")
    with pytest.raises(StoreError, match="changed"):
        write_tar(part, io.BytesIO())


@pytest.mark.parametrize("content", [b"text", b"text\nand more"])
def test_a_file_of_another_length_is_noticed(tmp_path: Path, content: bytes) -> None:
    part = sample(tmp_path)
    (tmp_path / "source").write_bytes(content)
    with pytest.raises(StoreError, match="changed"):
        write_tar(part, io.BytesIO())


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 2])
def test_a_file_of_any_size_is_read_whole_and_neither_more_nor_less_is_taken(
    tmp_path: Path, size: int
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)

    def tar(said: int) -> bytes:
        return b"".join(stream((Member("a", "file", source=str(source), size=said),)))

    with tarfile.open(fileobj=io.BytesIO(tar(size))) as opened:
        assert opened.extractfile("a").read() == b"x" * size  # type: ignore[union-attr]
    for other in (size - 1, size + 1, size + CHUNK):
        if other >= 0:
            with pytest.raises(StoreError, match="changed"):
                tar(other)


def test_what_is_no_file_is_not_read() -> None:
    member = Member("a", "file", source=os.devnull, size=0)
    with pytest.raises(StoreError, match="changed"):
        b"".join(stream((member,)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    part = sample(tmp_path)
    (tmp_path / "source").unlink()
    with pytest.raises(StoreError, match=str(tmp_path / "source")):
        write_tar(part, io.BytesIO())


def test_changes_lie_across_the_pieces_of_a_large_file(tmp_path: Path) -> None:
    source = tmp_path / "large"
    content = bytes(2 * CHUNK + 100)
    source.write_bytes(content)
    name = PLACEHOLDER.encode()
    member = Member(
        "large",
        "file",
        0o644,
        str(source),
        size=len(content),
        patches=((CHUNK - 10, name), (2 * CHUNK - 1, b"ab")),
        keyed=(CHUNK - 10,),
    )
    written = b"".join(stream((member,), prefix="at/", key="k" * 20))
    with tarfile.open(fileobj=io.BytesIO(written)) as opened:
        (info,) = opened.getmembers()
        data = opened.extractfile(info).read()  # type: ignore[union-attr]
    assert info.name == "at/large"
    expected = bytearray(content)
    expected[CHUNK - 10 : CHUNK + 10] = b"k" * 20
    expected[2 * CHUNK - 1 : 2 * CHUNK + 1] = b"ab"
    assert data == bytes(expected)


def test_a_size_beyond_eleven_octal_digits_is_written_for_every_reader() -> None:
    info = tarfile.TarInfo.frombuf(header("big", "file", 0o644, 9 * 2**30), "utf-8", "strict")
    assert info.size == 9 * 2**30


@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=80
        ).filter(lambda t: t not in (".", "..")),
        min_size=1,
        max_size=4,
    ),
    st.binary(max_size=2000),
)
def test_any_name_and_content_arrive(parts: list[str], content: bytes) -> None:
    path = "/".join(parts)
    written = b"".join(stream((Member(path, content=content, size=len(content)),)))
    with tarfile.open(fileobj=io.BytesIO(written), errors="surrogateescape") as opened:
        (info,) = opened.getmembers()
        assert info.name == path
        assert opened.extractfile(info).read() == content  # type: ignore[union-attr]
