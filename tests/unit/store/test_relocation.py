from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.store.relocation import relocate, replace_in_binary
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

OLD = "/home/ann/.stead/store/abcdefghij234567abcd-demo"
NEW = "/srv/copy"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    (path / "bin").mkdir(parents=True)
    return path


def test_text_links_and_configuration_follow(tree: Path) -> None:
    (tree / "bin" / "tool").write_text(f"#!{OLD}/bin/python -I\nprint('{OLD}')\n")
    (tree / "bin" / "tool").chmod(0o755)
    (tree / "pyvenv.cfg").write_text(f"home = /usr/bin\nprompt = {OLD}\n")
    (tree / "plain").write_text("nothing of it")
    (tree / "bin" / "python").symlink_to(f"{OLD}/bin/python3")
    (tree / "bin" / "near").symlink_to("tool")
    (tree / "bin" / "other").symlink_to(f"{OLD}-other/x")
    before = (tree / "plain").stat()

    done = relocate(tree, OLD, NEW)

    assert done.rewritten == ("bin/python", "bin/tool", "pyvenv.cfg")
    assert done.left == ()
    assert (tree / "bin" / "tool").read_text() == f"#!{NEW}/bin/python -I\nprint('{NEW}')\n"
    assert stat.S_IMODE((tree / "bin" / "tool").stat().st_mode) == 0o755
    assert os.readlink(tree / "bin" / "python") == f"{NEW}/bin/python3"
    assert os.readlink(tree / "bin" / "near") == "tool"
    assert os.readlink(tree / "bin" / "other") == f"{OLD}-other/x"
    assert (tree / "plain").stat().st_ino == before.st_ino


def test_a_rewritten_file_does_not_reach_its_other_links(tree: Path, tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.write_text(OLD)
    os.link(original, tree / "file")

    relocate(tree, OLD, NEW)

    assert original.read_text() == OLD
    assert (tree / "file").read_text() == NEW


@pytest.mark.parametrize("length", [20, 300])
def test_a_script_runs_from_a_place_with_spaces_and_a_long_name(
    tmp_path: Path, length: int
) -> None:
    """The kernel splits a first line at spaces and reads only so much of it."""
    place = tmp_path / ("with space " * (length // 11))[:200].strip() / ("x" * max(0, length - 200))
    tree = place / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "python").symlink_to(sys.executable)
    script = tree / "bin" / "tool"
    script.write_text(f"#!{OLD}/bin/python\nimport sys\nprint(sys.argv[1:])\n")
    script.chmod(0o755)

    relocate(tree, OLD, tree)

    said = subprocess.run([script, "a b", "c"], capture_output=True, text=True, check=True)
    assert said.stdout == "['a b', 'c']\n"


def test_other_programs_are_found_by_name_when_the_line_gets_too_long(tree: Path) -> None:
    (tree / "bin" / "tool").write_text(f"#!{OLD}/bin/perl -w\nprint 1;\n")

    relocate(tree, OLD, "/srv/" + "x" * 150)

    assert (tree / "bin" / "tool").read_text() == "#!/usr/bin/env perl\nprint 1;\n"


def test_records_get_the_hashes_of_what_was_rewritten(tree: Path) -> None:
    (tree / "bin" / "tool").write_text(f"#!{OLD}/bin/python\n")
    info = tree / "lib" / "demo-1.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(
        '../bin/tool,sha256=old,1\n"demo,odd.py",sha256=kept,2\ndemo-1.dist-info/RECORD,,\n'
    )
    (tree / "conda-meta").mkdir()
    items = [
        {"_path": "bin/tool", "sha256": "a", "prefix_placeholder": "/opt/p", "file_mode": "text"},
        {"_path": "lib/demo-1.dist-info/RECORD", "sha256": "b"},
        {"_path": "lib/other", "sha256": "c"},
    ]
    (tree / "conda-meta" / "demo-1-0.json").write_text(json.dumps({"paths_data": {"paths": items}}))

    relocate(tree, OLD, NEW)

    data = (tree / "bin" / "tool").read_bytes()
    sha = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record = (info / "RECORD").read_bytes()
    assert record.decode().splitlines() == [
        f"../bin/tool,sha256={sha},{len(data)}",
        '"demo,odd.py",sha256=kept,2',
        "demo-1.dist-info/RECORD,,",
    ]
    kept = json.loads((tree / "conda-meta" / "demo-1-0.json").read_text())["paths_data"]["paths"]
    assert kept[0]["sha256_in_prefix"] == hashlib.sha256(data).hexdigest()
    assert kept[1]["sha256_in_prefix"] == hashlib.sha256(record).hexdigest()
    assert "sha256_in_prefix" not in kept[2]


def test_compiled_code_is_padded_to_the_room_its_package_recorded(tree: Path) -> None:
    room = 100
    slot = f"{OLD}/lib".encode().ljust(room + 5, b"\0")
    (tree / "lib.bin").write_bytes(b"head\0" + slot + b"tail")
    (tree / "conda-meta").mkdir()
    item = {"_path": "lib.bin", "file_mode": "binary", "prefix_placeholder": "/" + "p" * (room - 1)}
    (tree / "conda-meta" / "a.json").write_text(json.dumps({"paths_data": {"paths": [item]}}))
    longer = "/srv/" + "x" * 90

    relocate(tree, OLD, longer)

    expected = b"head\0" + f"{longer}/lib".encode().ljust(room + 5, b"\0") + b"tail"
    assert (tree / "lib.bin").read_bytes() == expected


def test_a_path_without_room_in_compiled_code_is_refused(tree: Path) -> None:
    (tree / "lib.bin").write_bytes(b"\0" + OLD.encode() + b"\0")
    (tree / "conda-meta").mkdir()
    item = {"_path": "lib.bin", "file_mode": "binary", "prefix_placeholder": OLD}
    (tree / "conda-meta" / "a.json").write_text(json.dumps({"paths_data": {"paths": [item]}}))

    with pytest.raises(StoreError, match="shorter path") as raised:
        relocate(tree, OLD, "/srv/" + "x" * 90)

    assert "lib.bin" in str(raised.value)


def test_what_is_neither_text_nor_compiled_is_left_and_named(tree: Path) -> None:
    archive = b"PK\x03\x04\0\0" + OLD.encode() + b"\0"
    (tree / "data.zip").write_bytes(archive)
    (tree / "code.so").write_bytes(b"\x7fELF\0" + OLD.encode() + b"\0")
    (tree / "mod.pyc").write_bytes(b"\0" + OLD.encode())

    done = relocate(tree, OLD, "/srv/" + "x" * 90)

    assert done.left == ("code.so", "data.zip")
    assert (tree / "data.zip").read_bytes() == archive


@pytest.mark.parametrize("path", ["/a'b", '/a"b', "/a$b", "/a`b", "/a\nb"])
def test_paths_that_scripts_cannot_hold_are_refused(tree: Path, path: str) -> None:
    with pytest.raises(StoreError, match="another directory"):
        relocate(tree, OLD, path)


paths = st.binary(min_size=1, max_size=12).filter(lambda b: b"\0" not in b)


@given(st.lists(st.tuples(st.binary(max_size=8), st.booleans()), max_size=6), paths, paths)
def test_padding_there_and_back_gives_the_same_bytes(
    parts: list[tuple[bytes, bool]], first: bytes, second: bytes
) -> None:
    """Whatever surrounds the path: offsets stay, and each replacement can be undone."""
    room = 16
    old, new = b"/old/" + first, b"/NEW/" + second
    data = b""
    for text, double in parts:
        tail = text.replace(b"\0", b"-").replace(b"/", b"-")
        count = 2 if double else 1
        string = (old + tail) * count
        data += string.ljust(len(string) + count * (room + 5 - len(old)), b"\0") + b"\0;\0"

    there = replace_in_binary(data, old, new, room + 5)
    assert there is not None
    assert len(there) == len(data)
    assert old not in there or old in new
    back = replace_in_binary(there, new, old, room + 5)
    assert back == data
