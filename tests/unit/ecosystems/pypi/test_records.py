from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.ecosystems.pypi.build import refuse_escapes
from stead.ecosystems.pypi.records import Installed, hash_of, name_of, parse, replace_file, update
from stead.ecosystems.pypi.scripts import SHEBANG_LIMIT, with_shebang
from stead.values.errors import ArtifactError

SITE = "lib/python3.12/site-packages"


def test_lines_are_read_relative_to_the_prefix():
    text = "a/b.py,sha256=x,12\n../../../bin/tool,sha256=y,3\na.dist-info/RECORD,,\n"
    assert [tuple(line) for line in parse(text, SITE)] == [
        (f"{SITE}/a/b.py", "sha256=x", 12),
        ("bin/tool", "sha256=y", 3),
        (f"{SITE}/a.dist-info/RECORD", "", -1),
    ]


def test_quoted_names_and_windows_separators_are_read():
    text = '"a, b.py",sha256=x,1\n..\\..\\..\\bin\\tool.exe,sha256=y,2\n'
    assert [line.path for line in parse(text, SITE)] == [f"{SITE}/a, b.py", "bin/tool.exe"]


@pytest.mark.parametrize("path", ["../../../../out", "/etc/passwd", "a/../../../../../out", ".."])
def test_a_path_out_of_the_prefix_shows_and_is_refused(path):
    site = "site" if path == ".." else SITE
    listed = tuple(parse(f"{path if path != '..' else '../..'},sha256=x,1\n", site))
    with pytest.raises(ArtifactError, match=r"evil 1\.0 has a file outside"):
        refuse_escapes([Installed("evil-1.0.dist-info", "evil", "1.0", listed)])


def test_dots_inside_a_name_are_no_way_out():
    listed = tuple(parse("a..b/c...py,sha256=x,1\n", SITE))
    refuse_escapes([Installed("fine-1.0.dist-info", "fine", "1.0", listed)])
    assert listed[0].path == f"{SITE}/a..b/c...py"


@given(st.text())
def test_any_text_is_read_or_passed_over(text):
    list(parse(text, SITE))


def test_names_come_from_the_directory():
    assert name_of("Ruamel.Yaml_clib-0.2.dist-info") == "ruamel-yaml-clib"


def test_an_update_changes_just_the_files_named(tmp_path):
    info = tmp_path / SITE / "x-1.dist-info"
    info.mkdir(parents=True)
    record = info / "RECORD"
    text = 'x.py,sha256=a,1\n../../../bin/x,sha256=old,2\n"../../../bin/a,b",sha256=c,3\n'
    record.write_text(text, "utf-8")
    os.link(record, tmp_path / "cached")
    update(str(tmp_path), SITE, "x-1.dist-info", {"bin/x": b"new", "bin/a,b": b""})
    assert record.read_text("utf-8").splitlines() == [
        "x.py,sha256=a,1",
        f"../../../bin/x,{hash_of(b'new')},3",
        f'"../../../bin/a,b",{hash_of(b"")},0',
    ]
    assert (tmp_path / "cached").read_text("utf-8") == text


def test_a_replaced_file_keeps_its_mode_and_leaves_its_links_alone(tmp_path):
    path = tmp_path / "tool"
    path.write_text("old", "utf-8")
    path.chmod(0o755)
    os.link(path, tmp_path / "cached")
    replace_file(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "cached").read_text("utf-8") == "old"


OLD = {"/usr/bin/python3.12", "/tmp/build"}


@pytest.mark.parametrize(
    "head",
    [
        b"#!/usr/bin/python3.12\n",
        b"#!/tmp/build/bin/python\n",
        b"#!/bin/sh\n'''exec' \"/tmp/build/bin/python\" \"$0\" \"$@\"\n' '''\n",
        b"#!/bin/sh\n'''exec' '/tmp/build/bin/python' \"$0\" \"$@\"\n' '''\n",
        b"#!/bin/sh\n'''exec' /usr/bin/python3.12 \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_a_script_gets_its_final_interpreter(head):
    body = b"# -*- coding: utf-8 -*-\nimport x\n"
    assert with_shebang(head + body, OLD, "/store/k/bin/python") == (
        b"#!/store/k/bin/python\n" + body
    )


def test_options_stay():
    moved = with_shebang(b"#!/usr/bin/python3.12 -E\nx\n", OLD, "/s/bin/python")
    assert moved == b"#!/s/bin/python -E\nx\n"
    long = with_shebang(b"#!/usr/bin/python3.12 -E\nx\n", OLD, f"/{'s' * 200}/python")
    assert f'/{"s" * 200}/python" -E'.encode() in long


@pytest.mark.parametrize(
    "content",
    [b"#!/bin/sh\necho\n", b"#!/usr/bin/env python\n", b"#!/tmp/builder/bin/python\n", b"#!", b""],
)
def test_other_scripts_stay_as_they_are(content):
    assert with_shebang(content, OLD, "/store/bin/python") == content


@given(st.text(st.characters(blacklist_characters="\n\r\0", blacklist_categories=("Cs",))))
def test_the_line_is_never_longer_than_a_kernel_reads(name):
    moved = with_shebang(b"#!/usr/bin/python3.12\nx\n", OLD, f"/{name}/python")
    assert len(moved.split(b"\n")[0]) <= SHEBANG_LIMIT
    assert moved.endswith(b"x\n")
