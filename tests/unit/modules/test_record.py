from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.modules import record
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.item import Came, ItemFile, Record, Unsettled

if TYPE_CHECKING:
    from pathlib import Path

CAME = Came("team", "../registry", "c0ffee", "elasticity", "1.0.0", f"sha256:{'1' * 64}")
FILES = (
    ItemFile("src/a/main.py", b"print('a')\n"),
    ItemFile("run.sh", b"#!/bin/sh\n", executable=True),
    ItemFile("empty", b""),
    ItemFile("data/odd \xe9\"'.bin", b"\0\r\n\xff"),
)
RECORD = record.made(CAME, (("type", "loglog"), ("n", 3), ("x", 0.5), ("on", True)), FILES)


def _write(directory: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    _write(tmp_path, record.files(RECORD, FILES))
    assert record.read(str(tmp_path)) == RECORD
    bases = record.bases(str(tmp_path), RECORD)
    assert bases.contents == {file.path: file.content for file in FILES}
    assert not bases.damaged
    assert RECORD.executable == ("run.sh",)


def test_a_directory_without_a_record_has_none(tmp_path: Path) -> None:
    assert record.read(str(tmp_path)) is None
    assert record.read(str(tmp_path / "none")) is None
    assert list(record.found(str(tmp_path))) == []


NAMES = st.text("ab\"'\\é .-/", min_size=1, max_size=8).filter(
    lambda p: "\\" not in p and all(part not in ("", ".", "..") for part in p.split("/"))
)
HASHES = st.binary(max_size=4).map(record.digest)
ANSWERS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False),
)
TABLES = st.dictionaries(NAMES, HASHES, max_size=3).map(lambda d: tuple(sorted(d.items())))
PLAIN = st.builds(
    Record,
    st.builds(Came, *[st.text('ab:/é"\n', max_size=4)] * 6),
    st.dictionaries(st.text("ab-é", min_size=1, max_size=4), ANSWERS, max_size=3).map(
        lambda d: tuple(sorted(d.items()))
    ),
    TABLES,
    st.lists(NAMES, unique=True, max_size=2).map(lambda n: tuple(sorted(n))),
    TABLES,
    TABLES,
)


@given(PLAIN, PLAIN, st.lists(NAMES, min_size=1, max_size=2, unique=True))
def test_every_record_comes_back(one: Record, other: Record, paths: list[str]) -> None:
    assert record.parse(record.text(one), "r") == one
    conflicts = tuple(Unsettled(p, p + ".upstream", n) for n, p in enumerate(sorted(paths)))
    both = replace(one, conflicts=conflicts, pending=other)
    assert record.parse(record.text(both), "r") == both


@pytest.mark.parametrize("harm", ["edit", "remove"])
def test_a_base_copy_that_is_not_what_was_written_is_noticed(tmp_path: Path, harm: str) -> None:
    _write(tmp_path, record.files(RECORD, FILES))
    (copy,) = (p for p in tmp_path.rglob("base/*") if p.read_bytes() == b"#!/bin/sh\n")
    if harm == "edit":
        copy.write_bytes(b"#!/bin/sh\r\n")
    else:
        copy.unlink()
    bases = record.bases(str(tmp_path), RECORD)
    assert bases.damaged == ("run.sh",)
    assert "run.sh" not in bases.contents


def test_copies_of_pending_files_are_kept_and_others_are_needless(tmp_path: Path) -> None:
    new = (*FILES[:3], ItemFile("new", b"new\n"))
    pending = record.made(replace(CAME, version="2.0.0"), (), new)
    held = replace(RECORD, pending=pending, conflicts=(Unsettled("run.sh", "run.sh.upstream"),))
    _write(tmp_path, record.files(held, (*FILES, *new)))
    assert record.needless(str(tmp_path), held) == ()
    (gone,) = record.needless(str(tmp_path), pending)
    assert (tmp_path / gone).read_bytes() == FILES[3].content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("format = 1", "format = 2"), "newer"),
        (("format = 1", "format = true"), "says no format"),
        (('"run.sh" = "sha256', '"../run.sh" = "sha256'), "does not lie in the module's directory"),
        (('"run.sh" = "sha256', '"/etc/x" = "sha256'), "does not lie in the module's directory"),
        (('"run.sh" = "sha256', '"c:x" = "sha256'), "does not lie in the module's directory"),
        (('"run.sh" = "sha256', '".stead-module/x" = "sha256'), "does not lie"),
        (('"run.sh" = "sha256:', '"run.sh" = "sha256:../'), "64 digits"),
        (("[came]", "[cave]"), "came is missing"),
        (("[files]", "<<<<<<< HEAD\n[files]"), "not valid TOML"),
        (("n = 3", "n = [3]"), "an option is"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = record.text(RECORD)
    assert change[0] in text
    _write(tmp_path, {".stead-module/record.toml": text.replace(*change, 1).encode()})
    with pytest.raises(ManifestError) as caught:
        record.read(str(tmp_path))
    assert said in str(caught.value)
    assert "record.toml" in str(caught.value.where)


def test_records_are_found_below_a_directory_and_not_in_what_is_installed(tmp_path: Path) -> None:
    for place in ("modules/a", "lib/deep/b", "node_modules/c", ".venv/d"):
        _write(tmp_path / place, record.files(RECORD, FILES))
    assert [os.path.relpath(d, tmp_path) for d in record.found(str(tmp_path))] == [
        os.path.join("lib", "deep", "b"),
        os.path.join("modules", "a"),
    ]


@pytest.mark.needs("git")
def test_a_clone_that_changes_line_ends_keeps_the_copies(tmp_path: Path) -> None:
    source = tmp_path / "source"
    module = source / "modules" / "a"
    _write(module, record.files(RECORD, FILES))
    _write(module, {file.path: file.content for file in FILES})
    _write(source, {".gitignore": b"*.bin\ndata/\n/build\n"})

    def git(*args: str, where: Path = source) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            [shutil.which("git") or "git", *who, *args], cwd=where, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    git(
        "clone",
        "-q",
        "-c",
        "core.autocrlf=true",
        str(source),
        str(tmp_path / "clone"),
        where=tmp_path,
    )
    clone = tmp_path / "clone" / "modules" / "a"
    assert b"\r\n" in (clone / "src/a/main.py").read_bytes()
    assert record.read(str(clone)) == RECORD
    assert record.bases(str(clone), RECORD) == record.bases(str(module), RECORD)
