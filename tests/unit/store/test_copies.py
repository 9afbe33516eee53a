"""Writable copies: what was in them, what came and went, and the build they need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from stead.store import copies, glance, installed
from stead.store.builds import Builds
from stead.store.layout import key_of
from stead.store.roots import find_roots
from stead.testing.index import Wheel

SITE = "lib/python3.11/site-packages"


def put(tree, wheel):
    """Unpack a wheel as an installer does."""
    site = os.path.join(tree, SITE)
    os.makedirs(site, exist_ok=True)
    path = os.path.join(tree, wheel.filename)
    with open(path, "wb") as file:
        file.write(wheel.content())
    subprocess.run([sys.executable, "-m", "zipfile", "-e", path, site], check=True)
    os.unlink(path)


@pytest.fixture
def copy(layout, tmp_path):
    tree = tmp_path / "copy"
    for wheel in (Wheel("leaf", "1.0"), Wheel("tool", "1.0", requires=("leaf", "x; extra == 'y'"))):
        put(tree, wheel)
    return copies.made(layout.home, str(tmp_path), "default", "/store/build", str(tree))


def names(ones):
    return sorted((one.name, one.version) for one in ones)


def test_a_fresh_copy_is_as_it_should_be(layout, copy, tmp_path):
    assert copies.looks(copy) == ([], [])
    assert copies.copies(layout.home, str(tmp_path), "default") == (copy,)
    assert copies.copies(layout.home, str(tmp_path), "other") == ()
    (tool,) = (one for _, one in copy.packages.values() if one.name == "tool")
    assert tool.needs == ("leaf",)


def test_what_came_and_went(copy):
    put(copy.directory, Wheel("other", "3"))
    shutil.rmtree(os.path.join(copy.directory, SITE, "tool-1.0.dist-info"))
    gone, came = copies.looks(copy)
    assert (names(gone), names(came)) == ([("tool", "1.0")], [("other", "3")])


def test_the_same_again_is_the_same(copy):
    info = os.path.join(copy.directory, SITE, "leaf-1.0.dist-info")
    with open(os.path.join(info, "INSTALLER"), "w", encoding="utf-8") as file:
        file.write("other")
    os.utime(info, ns=(1, 1))
    assert copies.looks(copy) == ([], [])
    with open(os.path.join(info, "direct_url.json"), "w", encoding="utf-8") as file:
        json.dump({"url": "file:///src/leaf", "dir_info": {"editable": True}}, file)
    gone, came = copies.looks(copy)
    assert (names(gone), names(came)) == ([("leaf", "1.0")], [("leaf", "1.0")])
    assert str(came[0].source) == "/src/leaf (editable)"


def test_what_another_build_has_too_is_accepted(copy):
    put(copy.directory, Wheel("other", "3"))
    put(copy.directory, Wheel("strange", "1"))
    there = {(one.key, one.version) for _, one in copy.packages.values()} | {
        (("pypi", "other"), "3")
    }
    after = copies.accepted(copy, there, "/store/next")
    assert after.build == "next"
    assert names(copies.looks(after)[1]) == [("strange", "1")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"place": 1}', '{"installed": [[1, {}]]}'])
def test_a_damaged_note_is_no_copy(layout, copy, tmp_path, text):
    with open(os.path.join(copy.directory, ".stead", "copy.json"), "w", encoding="utf-8") as file:
        file.write(text)
    assert copies.copies(layout.home, str(tmp_path), "default") == ()


@pytest.mark.parametrize("name", ["METADATA", "RECORD", "direct_url.json"])
def test_a_damaged_record_is_known_by_its_name(copy, name):
    info = f"{SITE}/leaf-1.0.dist-info"
    with open(os.path.join(copy.directory, info, name), "wb") as file:
        file.write(b"\xff\x00{")
    one = installed.read(copy.directory, info)
    assert (one.key, one.version) == (("pypi", "leaf"), "1.0")


def test_a_record_names_no_file_outside(copy):
    info = f"{SITE}/leaf-1.0.dist-info"
    with open(os.path.join(copy.directory, info, "RECORD"), "w", encoding="utf-8") as file:
        file.write("../../../../victim,,\n/etc/passwd,,\n../../../bin/leaf,,\nleaf.py,,\n")
    assert installed.files(copy.directory, info) == ("bin/leaf", f"{SITE}/leaf.py")


def test_the_build_of_a_copy_stays_as_long_as_the_copy(layout, tmp_path):
    def make(temporary, final):
        (temporary / "file").write_text("x")
        return {}

    build = Builds(layout).realise("a" * 20, "b", make, note=lambda _: None)
    copy = tmp_path / "copy"
    copy.mkdir()
    copies.made(layout.home, str(tmp_path), "default", str(build), str(copy))
    key = key_of(build.name)
    roots = find_roots(layout, now=0, grace=0, processes=False)
    assert roots.of(key) == (f"place {tmp_path}",)
    shutil.rmtree(copy)
    assert find_roots(layout, now=0, grace=0, processes=False).of(key) == ()


def test_a_glance_at_a_build(layout):
    def make(temporary, final):
        for name in ("keep", "edit", "gone"):
            (temporary / name).write_text(name)
        (temporary / "link").symlink_to("keep")
        (temporary / "dir").mkdir()
        return {}

    build = Builds(layout).realise("a" * 20, "b", make, note=lambda _: None)
    assert glance.glance(build) == glance.Seen()
    os.chmod(build, 0o755)
    os.chmod(build / "edit", 0o644)
    os.chmod(build / "dir", 0o755)
    (build / "edit").write_text("EDIT")
    (build / "gone").unlink()
    (build / "link").unlink()
    (build / "link").symlink_to("edit")
    (build / "new").mkdir()
    (build / "dir" / "__pycache__").mkdir()
    os.chmod(build / "dir", 0o555)
    os.chmod(build / "edit", 0o444)
    assert glance.glance(build).found == (
        ("edit", "changed"),
        ("gone", "removed"),
        ("link", "changed"),
        ("new", "added"),
    )
    os.chmod(build / "dir", 0o755)
    (build / "dir" / "later").write_text("")
    os.rename(build / "dir", build / "moved")
    assert glance.glance(build).found == (
        ("dir", "removed"),
        ("edit", "changed"),
        ("gone", "removed"),
        ("link", "changed"),
        ("moved", "added"),
        ("new", "added"),
    )
    os.rename(build / "moved", build / "dir")
    os.chmod(build / "dir", 0o555)
    assert ("dir/later", "added") in glance.glance(build).found
    assert glance.glance(build, most=20).whole
    for most in (4, 1):
        assert glance.glance(build, most=most) == glance.Seen(whole=False)


def test_a_glance_at_a_build_without_its_list(layout):
    def make(temporary, final):
        return {}

    build = Builds(layout).realise("a" * 20, "b", make, note=lambda _: None)
    os.chmod(build / ".stead", 0o755)
    (build / ".stead" / "files.json.z").unlink()
    assert glance.glance(build) == glance.Seen(whole=False, damaged=True)
