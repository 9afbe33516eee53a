"""Trees made of parts: seen once while they arrive, and right for where they come to stand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import stat
import sys
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from stead.deploy.tar import END, header, padding
from stead.store.parts import PartError, make_tree
from stead.store.relocation import relocate
from stead.values.parts import PLACED, Closure, PackedPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FINAL = "/srv/store/abcdefg-team"
AT = PLACED.encode()
ELF = b"\x7fELF" + bytes(60)
NOISE = random.Random(1).randbytes(700_000)


@dataclass(frozen=True)
class Made:
    """A part, and its bytes."""

    part: PackedPart
    tar: bytes
    level: int = 1

    @property
    def packed(self) -> bytes:
        return gzip.compress(self.tar, self.level)


def part(name: str, files: Mapping[str, bytes | str]) -> Made:
    """Pack files; what is text is where a link leads. Those below ``bin`` are programs."""
    out = b""
    directories = {d for path in files for d in parents(path)}
    for path in sorted({*directories, *files}):
        content = files.get(path)
        if content is None:
            out += header(path, "directory", 0o755)
        elif isinstance(content, str):
            out += header(path, "link", 0o777, target=content)
        else:
            mode = 0o755 if path.startswith("bin/") else 0o644
            out += header(path, "file", mode, len(content)) + content + padding(len(content))
    out += END
    return Made(PackedPart(name, hashlib.sha256(out).hexdigest(), len(out)), out)


def parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path


def conda(*entries: Mapping[str, object]) -> bytes:
    return json.dumps({"name": "x", "paths_data": {"paths": list(entries)}}).encode()


def entry(path: str, content: bytes, **more: object) -> dict[str, object]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"_path": path, "path_type": "hardlink", "sha256_in_prefix": sha256, **more}


SCRIPT = b"#!" + AT + b"/bin/sh\necho " + AT + b"\n"
CODE = ELF + NOISE[:90_000] + AT + b"/lib\0" + bytes(300) + NOISE[:90_000]
ROOM = {"prefix_placeholder": "p" * 200, "file_mode": "binary"}
LARGE = {"share/large": b"A" * 400_000 + AT + b"/share\n" + b"B" * 300_000}

FIRST = part(
    "first 1.0",
    {
        "bin/speak": SCRIPT,
        "bin/plain": b"#!/bin/sh\n",
        "lib/code.so": CODE,
        "lib/plain.so": ELF + NOISE,
        "lib/own": f"{PLACED}/bin/speak",
        "lib/near": "../bin/speak",
        "conda-meta/first-1.0-0.json": conda(
            entry("bin/speak", SCRIPT, prefix_placeholder="/old", file_mode="text"),
            entry("lib/code.so", CODE, **ROOM),
            *(entry(path, content) for path, content in LARGE.items()),
        ),
        **LARGE,
    },
)
SECOND = part(
    "second 1.0",
    {
        "lib/python/site-packages/second/__init__.py": b"WHERE = '" + AT + b"'\n",
        "lib/python/site-packages/second-1.0.dist-info/RECORD": (
            b"second/__init__.py,sha256=AAAA,9\n../../../bin/speak,sha256=BBBB,9\n"
            b"second/other.py,sha256=CCCC,9\n"
        ),
        "conda-meta/second-1.0-0.json": conda(entry("lib/python/site-packages/x", b"x")),
    },
)
QUIET = part("quiet 1.0", {"share/quiet.txt": b"nothing of places here\n"})


@pytest.fixture(params=["isal", "zlib"])
def inflating(request, monkeypatch) -> str:
    """Decompress with isal, and with what there is without it."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    return str(request.param)


def made(tree: Path, *parts: Made, size: int = 1 << 17, **more: bool) -> Path:
    tree.mkdir()
    known = {p.part.sha256: p.packed for p in parts}

    def fetch(one: PackedPart) -> Iterator[bytes]:
        stream = io.BytesIO(known[one.sha256])
        while piece := stream.read(size):
            yield piece

    make_tree(Closure("k", {}, tuple(p.part for p in parts)), fetch, str(tree), FINAL, **more)
    return tree


def content(tree: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(tree.rglob("*")):
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            data = os.fsencode(os.readlink(path))
        else:
            data = b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(tree))] = (info.st_mode, data)
    return found


def test_what_is_seen_while_it_arrives_is_all_that_a_second_look_would_find(
    tmp_path: Path, inflating: str
) -> None:
    other = tmp_path / "other"
    for one in (FIRST, SECOND, QUIET):
        with tarfile.open(fileobj=io.BytesIO(one.tar)) as tar:
            tar.extractall(other, filter="tar")
    relocate(other, PLACED, FINAL)  # all of it is read again
    tree = made(tmp_path / "tree", FIRST, SECOND, QUIET)
    assert content(tree) == content(other)
    for path, (_, data) in content(tree).items():
        assert AT not in data, path
        assert path not in LARGE or FINAL.encode() + b"/share" in data
    script = tree / "bin" / "speak"
    assert script.read_bytes() == SCRIPT.replace(AT, FINAL.encode())
    record = (tree / "lib/python/site-packages/second-1.0.dist-info/RECORD").read_text()
    assert "AAAA" not in record
    assert "BBBB" not in record
    assert "second/other.py,sha256=CCCC,9" in record
    [first, *_] = json.loads((tree / "conda-meta/first-1.0-0.json").read_text())["paths_data"][
        "paths"
    ]
    assert first["sha256_in_prefix"] == hashlib.sha256(script.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [1, 7, 4096, 65_536, 10_000_000])
def test_bytes_may_come_in_pieces_of_any_size(tmp_path: Path, inflating: str, size: int) -> None:
    # Of the first byte, what gzip makes of it takes thousands of pieces; of the other, one.
    one = part("any 1.0", {"a": b"a" * 900_000, "b": b"", "c": NOISE[: 300 if size < 9 else None]})
    tree = made(tmp_path / "tree", one, size=size)
    with tarfile.open(fileobj=io.BytesIO(one.tar)) as tar:
        tar.extractall(tmp_path / "other", filter="tar")
    assert content(tree) == content(tmp_path / "other")


@pytest.mark.parametrize("size", [5, len(AT) - 1, len(AT), len(AT) + 1, 1000])
def test_a_path_is_found_across_the_pieces_in_which_it_comes(
    tmp_path: Path, inflating: str, size: int
) -> None:
    # Nothing is compressed: what comes is what is there, piece by piece.
    large = {f"share/{n}": b"A" * (70_000 + n) + AT + b"B" * n for n in (0, 1, 13, 500)}
    one = replace(part("large 1.0", large), level=0)
    tree = made(tmp_path / "tree", one, size=size)
    for path, data in large.items():
        assert (tree / path).read_bytes() == data.replace(AT, FINAL.encode()), path


@pytest.mark.parametrize("harm", ["short", "cut", "longer", "twice", "noise", "byte", "nothing"])
def test_what_is_not_the_part_is_refused(tmp_path: Path, inflating: str, harm: str) -> None:
    whole = FIRST.packed
    middle = len(whole) // 2
    wrong = {
        "short": gzip.compress(FIRST.tar[:-512], 1),
        "cut": whole[:middle],
        "longer": whole + b"more",
        "twice": whole + whole,
        "noise": NOISE[:5000],
        "byte": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "nothing": b"",
    }[harm]
    tree = tmp_path / "tree"
    tree.mkdir()
    closure = Closure("k", {}, (QUIET.part, FIRST.part))
    with pytest.raises(PartError, match=r"the part first 1\.0 is not what it should be"):
        make_tree(closure, lambda p: [wrong if p is FIRST.part else QUIET.packed], str(tree), FINAL)


def test_files_of_a_build_may_be_read_only_from_the_start(tmp_path: Path) -> None:
    tree = made(tmp_path / "tree", FIRST, SECOND, QUIET, read_only=True)
    modes = {p: stat.S_IMODE(m) for p, (m, _) in content(tree).items() if stat.S_ISREG(m)}
    # Those that were written anew for where they stand too.
    assert {p: m for p, m in modes.items() if p.startswith("bin/")} == {
        "bin/speak": 0o555,
        "bin/plain": 0o555,
    }
    assert {m for p, m in modes.items() if not p.startswith("bin/")} == {0o444}
    shutil.rmtree(tree)
