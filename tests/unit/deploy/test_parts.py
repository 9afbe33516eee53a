"""Parts of a tree: whose a file is, and what becomes of it on another machine."""

from __future__ import annotations

import hashlib
import json
import os
import py_compile
import struct
import sys
from typing import TYPE_CHECKING

import pytest

from stead.deploy.closure import key_of, tree_of_build
from stead.deploy.libraries import Needs, glibc_number, needs_of, refusals
from stead.deploy.parts import OTHER, divide, source_of
from stead.deploy.relocating import Moves, members
from stead.deploy.tar import measure
from stead.store.listing import scan
from stead.store.relocation import placeholders
from stead.values.deployment import PLACEHOLDER, Member, Part, Tree

if TYPE_CHECKING:
    from pathlib import Path

TAG = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"


def write(tree: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def members_of(tree: Path, root: str = "/r", own: str = "", **moves) -> dict[str, Member]:
    found = scan(tree)
    times = {f.path: f for f in found}
    made = members(
        str(tree),
        found,
        Moves(own or str(tree), root, **moves),
        placeholders(str(tree), times),
        times,
    )
    return {m.path: m for m in made}


def conda(name: str, *files: str, **more: object) -> str:
    entries = [{"_path": f, "path_type": "hardlink", **more} for f in files]
    record = {
        "name": name,
        "version": "1.0",
        "files": list(files),
        "paths_data": {"paths_version": 1, "paths": entries},
        "extracted_package_dir": "/home/somebody/pkgs/x",
        "link": {"source": "/home/somebody/pkgs/x", "type": 1},
    }
    return json.dumps(record)


def test_each_file_belongs_to_one_part(tmp_path: Path) -> None:
    site = "lib/python3.12/site-packages"
    write(
        tmp_path,
        {
            "bin/tool": "x",
            "bin/python": "x",
            f"{site}/tool/__init__.py": "x",
            f"{site}/tool/__pycache__/__init__.{TAG}.pyc": "x",
            f"{site}/tool-1.0.dist-info/RECORD": "tool/__init__.py,,\n../../../bin/tool,,\n"
            "../../../../outside,,\ntool-1.0.dist-info/METADATA,,\n",
            f"{site}/tool-1.0.dist-info/METADATA": "Name: tool\nVersion: 1.0\n",
            f"{site}/brought/__init__.py": "x",
            f"{site}/brought-1.0.dist-info/RECORD": "brought/__init__.py,,\n",
            "conda-meta/brought-1.0-0.json": conda(
                "brought", f"{site}/brought/__init__.py", f"{site}/brought-1.0.dist-info/RECORD"
            ),
        },
    )
    (tmp_path / "empty").mkdir()
    divided = divide(str(tmp_path), scan(tmp_path))
    parts = {name: {f.path for f in found} for name, found in divided}
    assert parts == {
        "brought 1.0": {
            "conda-meta/brought-1.0-0.json",
            f"{site}/brought/__init__.py",
            f"{site}/brought-1.0.dist-info/RECORD",
        },
        "tool 1.0": {
            "bin/tool",
            f"{site}/tool/__init__.py",
            f"{site}/tool/__pycache__/__init__.{TAG}.pyc",
            f"{site}/tool-1.0.dist-info/RECORD",
            f"{site}/tool-1.0.dist-info/METADATA",
        },
        OTHER: {"bin/python", "empty"},
    }


def test_sources_of_compiled_modules() -> None:
    assert source_of("a/__pycache__/m.cpython-312.opt-1.pyc") == "a/m.py"
    assert source_of("__pycache__/m.cpython-312.pyc") == "m.py"


def test_what_conda_s_record_says_of_this_machine_stays_here(tmp_path: Path) -> None:
    write(tmp_path, {"a": "x", "conda-meta/a-1.0-0.json": conda("a", "a")})
    content = members_of(tmp_path)["conda-meta/a-1.0-0.json"].content
    assert content is not None
    assert b"somebody" not in content
    assert json.loads(content)["files"] == ["a"]


def test_padded_paths_in_code_keep_every_offset(tmp_path: Path) -> None:
    old = f"/{'p' * 200}"
    code = b"\x7fELF" + old.encode() + b"/share\0rest" + bytes(20) + old.encode() + b"\0end"
    meta = conda("a", "lib", prefix_placeholder=old, file_mode="binary", sha256="0" * 64)
    write(tmp_path, {"lib": code, "conda-meta/a-1.0-0.json": meta})
    member = members_of(tmp_path, own=old)["lib"]
    assert member.content is None
    data = bytearray(code)
    for at, new in member.patches:
        data[at : at + len(new)] = new
    assert len(data) == len(code)
    new = f"/r/trees/{PLACEHOLDER}".encode()
    assert data.split(b"\0")[0] == b"\x7fELF" + new + b"/share"
    assert data.endswith(b"\0end")
    assert data.index(b"rest") == code.index(b"rest")
    assert [bytes(data[at : at + 20]) for at in member.keyed] == [PLACEHOLDER.encode()] * 2


def test_code_without_room_for_the_path_is_refused(tmp_path: Path) -> None:
    from stead.values.errors import StoreError

    meta = conda("a", "lib", prefix_placeholder="/p" * 10, file_mode="binary", sha256="0" * 64)
    write(tmp_path, {"lib": b"\x7fELF" + b"/p" * 10 + b"\0", "conda-meta/a-1.0-0.json": meta})
    with pytest.raises(StoreError, match="has room for 20"):
        members_of(tmp_path, own="/p" * 10)


def test_links_lead_to_the_same_place_without_naming_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/a").symlink_to(tmp_path / "lib/a")
    (tmp_path / "bin/b").symlink_to("/outside/python/bin/python3")
    (tmp_path / "bin/c").symlink_to("/etc/hosts")
    (tmp_path / "bin/d").symlink_to("../lib/d")
    found = members_of(tmp_path, others=(("/outside/python", "/r/trees/kkkk"),))
    targets = {path: m.source for path, m in found.items() if m.kind == "link"}
    assert targets == {
        "bin/a": "../lib/a",
        "bin/b": "../../kkkk/bin/python3",
        "bin/c": "/etc/hosts",
        "bin/d": "../lib/d",
    }


def test_a_path_that_only_begins_alike_is_left(tmp_path: Path) -> None:
    write(tmp_path, {"a.pth": "/home/me/shop/src\n/home/me/shop2/src\n/home/me/shop\n"})
    found = members_of(tmp_path, others=(("/home/me/shop", "/r/code"),))
    assert found["a.pth"].content == b"/r/code/src\n/home/me/shop2/src\n/r/code\n"


def test_scripts_with_a_long_path_are_run_by_the_shell(tmp_path: Path) -> None:
    write(tmp_path, {"bin/tool": f"#!{tmp_path}/bin/python\nprint(1)\n"})
    root = "/" + "r" * 120
    member = members_of(tmp_path, root=root)["bin/tool"]
    assert member.content is not None
    assert member.content.startswith(b"#!/bin/sh\n'''exec' \"")
    (at,) = member.keyed
    assert member.content[at : at + 20] == PLACEHOLDER.encode()


@pytest.mark.parametrize("state", ["fresh", "stale"])
def test_compiled_python_holds_without_its_source_s_time(tmp_path: Path, state: str) -> None:
    source = tmp_path / "m.py"
    source.write_text("X = 1\n", encoding="utf-8")
    made = f"__pycache__/m.{TAG}.pyc"
    mode = py_compile.PycInvalidationMode.TIMESTAMP
    py_compile.compile(str(source), str(tmp_path / made), invalidation_mode=mode)
    if state == "stale":
        os.utime(source, (1, 1))
    found = members_of(tmp_path)
    if state == "stale":
        assert made not in found
        return
    before = (tmp_path / made).read_bytes()
    data = bytearray(before)
    for at, new in found[made].patches:
        data[at : at + len(new)] = new
    assert struct.unpack("<I", data[4:8]) == (1,)
    assert data[16:] == before[16:]
    # Python itself takes it, whatever time the source has.
    import subprocess

    (tmp_path / made).write_bytes(data)
    os.utime(source, (1, 1))
    done = subprocess.run(
        [sys.executable, "-v", "-c", "import m; print(m.X)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert f"{made} matches" in done.stderr.replace(f"{tmp_path}/", "").replace("'", "")


def test_the_key_follows_from_the_parts_and_their_order(tmp_path: Path) -> None:
    one, two = (Part(n, hashlib.sha256(n.encode()).hexdigest()) for n in ("one", "two"))
    assert key_of((one, two)) != key_of((two, one))
    assert len(key_of((one,))) == len(PLACEHOLDER)


def test_an_unreadable_cache_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path / "build", {"a": "x"})
    os.utime(tmp_path / "build/a", (1, 1))
    first = tree_of_build(tmp_path / "build", "/r", tmp_path / "home")
    kept = list((tmp_path / "home/deploy/parts").iterdir())
    assert kept
    for damage in (b"", b"{", b"[]", b'{"members": 1}', b'{"members": [[1]]}'):
        kept[0].write_bytes(damage)
        assert tree_of_build(tmp_path / "build", "/r", tmp_path / "home") == first


def test_the_highest_glibc_counts_and_a_library_that_nobody_brings() -> None:
    program = os.path.realpath(sys.executable)
    member = Member("bin/python", "file", 0o755, program, size=os.stat(program).st_size)
    digest, size = measure((member,))
    needs = needs_of([Tree("k", "t", (Part("python", digest, (member,), size),))])
    assert glibc_number(f"GLIBC_{needs.glibc}") >= (2, 2)
    assert not any(name.startswith(("libc.so", "ld-linux")) for name in needs.libraries)


def test_versions_compare_as_numbers() -> None:
    needs = Needs(("libssl.so.3",), "2.34", (("libssl.so.3", "p: a"), ("glibc", "p: b")))
    assert refusals(needs, "2.34", {"libssl.so.3"}) == ()
    assert refusals(needs, "2.100", {"libssl.so.3"}) == ()
    assert refusals(needs, "2.9", {"libssl.so.3"}) == (
        "glibc 2.34 is needed, and it has 2.9 (p: b)",
    )
    assert refusals(needs, "", {"libc.musl-x86_64.so.1"}) == (
        "glibc 2.34 is needed, and it has none (p: b)",
        "libssl.so.3 is needed (p: a)",
    )
