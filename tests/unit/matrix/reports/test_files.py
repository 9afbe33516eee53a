"""The files that a run leaves."""

from __future__ import annotations

import json
import os
import threading

import pytest

from stead.matrix.reports.facts import About
from stead.matrix.reports.files import Files, write
from stead.values.errors import StoreError

ABOUT = About("/root", "tox.ini", "thing", {}, 1.7e9, 12.5, "host", "1")


def test_all_that_are_wanted_and_no_others(tmp_path, results):
    files = Files(str(tmp_path / "a" / "junit.xml"), json=str(tmp_path / "report.json"))
    assert write(files, results, ABOUT) == (files.junit, files.json)
    assert sorted(os.listdir(tmp_path)) == ["a", "failed.log", "report.json"]
    assert os.listdir(tmp_path / "a") == ["junit.xml"]
    assert json.loads((tmp_path / "report.json").read_text())["version"] == 1
    assert not Files()
    assert files


def test_a_report_takes_the_place_of_an_earlier_one(tmp_path, results):
    path = tmp_path / "page.html"
    path.write_text("old " * 100_000)
    write(Files(html=str(path)), results, ABOUT)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert "old old" not in path.read_text("utf-8")


def test_a_link_stays_one(tmp_path, results):
    target, link = tmp_path / "target.xml", tmp_path / "link.xml"
    target.write_text("old")
    link.symlink_to(target)
    write(Files(junit=str(link)), results, ABOUT)
    assert link.is_symlink()
    assert target.read_text("utf-8").startswith("<?xml")


def test_the_summary_of_a_job_is_added_to(tmp_path, results):
    path = tmp_path / "summary.md"
    path.write_text("of another step\n")
    write(Files(job_summary=str(path)), results, ABOUT)
    assert path.read_text("utf-8").startswith("of another step\n### thing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_written_to_and_stays(tmp_path, results):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text("utf-8")))
    reader.start()
    write(Files(json=str(path)), results, ABOUT)
    reader.join()
    assert json.loads(read[0])["version"] == 1
    assert not path.is_file()


def test_where_nothing_can_be_written(tmp_path, results):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="not a directory"):
        write(Files(junit=str(tmp_path / "file" / "junit.xml")), results, ABOUT)
    with pytest.raises(StoreError, match="directory"):
        write(Files(html=str(tmp_path)), results, ABOUT)
