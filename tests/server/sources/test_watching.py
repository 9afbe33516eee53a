"""Directories and files that are watched by a running server."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.server.sources.kinds import IN_BOTH

from stead.server.sources import working

SPEC = "channels: [http://127.0.0.1:18090]\ndependencies: [{}]\n"


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What is looked at without having been told of a change is looked at after these tests."""
    monkeypatch.setattr(working, "AGAIN", 3600.0)


@IN_BOTH
def test_a_directory_fills_its_namespace_and_what_is_changed_is_built(place):
    place.write("environment.yml", "tiny", name="web")
    with place.watching():
        place.eventually(lambda: place.asked() == [("web", "tiny")])
        # Below it too, in directories that are made now.
        place.write("deep/er/jobs.yml", "other", name="jobs")
        place.eventually(lambda: ("jobs", "other") in place.asked())
        # In place of another, as editors write.
        new = place.write("new", "wide", name="web")
        os.replace(new, place.files / "environment.yml")
        place.eventually(lambda: place.asked()[2:] == [("web", "wide")])
        place.put("environment.yml", "dependencies: [half")
        place.eventually(lambda: "Invalid YAML" in place.reason("environment.yml"))
        shutil.rmtree(place.files / "deep")
        place.eventually(lambda: place.file("deep/er/jobs.yml").get("gone"))
    assert place.rows("SELECT count(*) FROM environment WHERE deleted_on IS NULL") == [(2,)]
    kept = place.known()
    assert place.source().state["lease"] is None

    # What has not changed is not built anew by the next server; what was, is.
    place.write("deep/er/jobs.yml", "other", name="jobs")
    place.write("third.yml", "third", name="third")
    with place.watching():
        place.eventually(lambda: len(place.asked()) == 4)
        place.eventually(lambda: "gone" not in place.file("deep/er/jobs.yml"))
    assert place.asked()[3] == ("third", "third")
    assert place.known()["deep/er/jobs.yml"]["build"] == kept["deep/er/jobs.yml"]["build"]


def test_what_changes_deep_below_is_seen(place):
    place.write("deep/er/jobs.yml", "tiny", name="jobs")
    with place.watching():
        place.eventually(lambda: place.asked() == [("jobs", "tiny")])
        place.write("deep/er/jobs.yml", "other", name="jobs")
        place.eventually(lambda: place.asked()[1:] == [("jobs", "other")])
        place.write("deep/er/and/more.yml", "third", name="more")
        place.eventually(lambda: place.asked()[2:] == [("more", "third")])
        (place.files / "deep" / "er" / "jobs.yml").unlink()
        place.eventually(lambda: place.file("deep/er/jobs.yml").get("gone"))
    assert "gone" not in place.file("deep/er/and/more.yml")


@IN_BOTH
def test_a_directory_that_goes_and_comes_is_told_of_and_watched_again(place):
    with place.watching():
        place.write("web.yml", "tiny", name="web")
        place.eventually(lambda: len(place.asked()) == 1)
        shutil.rmtree(place.files)
        place.eventually(lambda: "is not there" in (place.source().state["error"] or ""))
        assert "gone" not in place.file("web.yml")
        place.write("web.yml", "wide", name="web")
        place.eventually(lambda: len(place.asked()) == 2)
        place.eventually(lambda: place.source().state["error"] is None)
        # Another directory in its place is watched, not the one that was.
        place.files.rename(place.root / "former")
        place.write("web.yml", "third", name="web")
        place.eventually(lambda: len(place.asked()) == 3)
        place.write("web.yml", "fourth", name="web")
        place.eventually(lambda: len(place.asked()) == 4)


def test_one_file_may_be_watched_alone(place):
    path = place.root / "files" / "of ours.txt"
    with place.watching(path):
        place.eventually(lambda: "is not there" in place.source().state.get("error", ""))
        place.write("of ours.txt", "tiny", name="web")
        place.write("beside.yml", "other", name="beside")
        place.eventually(lambda: place.asked() == [("web", "tiny")])
        new = place.write("new", "wide", name="web")
        os.replace(new, path)
        place.eventually(lambda: len(place.asked()) == 2)
    assert [name for name, _ in place.asked()] == ["web", "web"]


def test_what_is_no_file_of_the_directory_is_not_read(place):
    secret = place.root / "secret.yml"
    secret.write_text("name: secret\n")
    (place.files / "link.yml").symlink_to(secret)
    os.mkfifo(place.files / "pipe.yml")
    (place.files / "latin.yml").write_bytes(b"name: \xe9\n")
    (place.files / "huge.yml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    (place.files / "..data").mkdir()
    place.write("..data/inner.yml", "tiny", name="inner")
    (place.files / "inner.yml").symlink_to("..data/inner.yml")
    with place.watching():
        place.eventually(lambda: place.reason("link.yml") == "the link leads out of the directory")
        assert place.reason("pipe.yml") == "this is not a regular file"
        assert place.reason("latin.yml") == "the file is not UTF-8"
        assert place.reason("huge.yml") == "the file is larger than 4 MiB"
    assert place.asked() == [("inner", "tiny")]


@IN_BOTH
def test_names_with_odd_characters_are_told_readably_and_hinder_no_other(place, caplog):
    files = os.fsencode(place.files)
    named = {"latin": b"caf\xe9.yml", "lines": b"two\nlines.yml", "quoted": b"it's \"\\ .yml"}
    for name, file in named.items():
        with open(os.path.join(files, file), "w") as opened:
            opened.write(f"name: {name}\n" + SPEC.format("tiny"))
    (place.files / "grün & blau.yml").write_text(SPEC.format("tiny"))
    place.write("web.yml", "tiny", name="web")
    with place.watching():
        place.eventually(lambda: len(place.asked()) == 4)
        place.eventually(lambda: place.reason("grün & blau.yml"))
        os.unlink(os.path.join(files, named["latin"]))
        place.eventually(lambda: "gone" in place.file("caf\\xe9.yml"))
    assert [one for one in caplog.records if one.exc_info] == []
    assert {name for name, _ in place.asked()} == {"latin", "lines", "quoted", "web"}
    assert "'grün & blau' has the character" in place.reason("grün & blau.yml")
    build = place.file("two\\x0alines.yml")["build"]
    assert place.log(build) == f"from {place.files}, file two\\x0alines.yml\n"
    assert place.file("it's \"\\ .yml")["name"] == "quoted"
