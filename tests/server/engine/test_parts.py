"""What a build leaves for others: its parts, and a directory made of them."""

from __future__ import annotations

import os
import subprocess

import pytest

from stead.server import parts as leaving
from stead.server.blobs.store import open_blobs
from stead.server.database import builds, parts
from stead.server.values import BuildStatus, MissingError
from stead.store.parts import PartError
from stead.values.errors import StoreError
from stead.values.parts import closure_of


@pytest.fixture
def blobs(running):
    return open_blobs(f"file://{running.root}/blobs")


def built(running, *names, **order):
    made = running.submit(*names, **order)
    done = running.ended(made)
    assert done.status is BuildStatus.COMPLETED, running.log(made)
    return made


def keys(blobs):
    return {head.key for head in blobs.keys("parts/")}


def lonely(running, blobs, build, name="lonely"):
    """Give the key of the one part that only builds with this package have."""
    found = leaving.closure(running.database, blobs, build)
    return next(p.blob for p in found.parts if p.name == f"{name} 1.0")


def test_a_directory_is_made_of_parts_alone(running, blobs, tmp_path):
    made = built(running, "speaking")
    found = leaving.closure(running.database, blobs, made)
    assert [p.name for p in found.parts] == ["speaking 1.0", "tiny 1.0", "other"]
    assert found.meta["artifacts"] == ["conda/speaking-1.0-0", "conda/tiny-1.0-0"]
    assert running.get(made).store_key == f"{found.key}-{found.name}"
    directory = tmp_path / "else" / "where"
    leaving.materialize(found, str(directory), blobs)
    said = subprocess.run([directory / "bin" / "speak"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"I am at {directory}"
    assert (directory / "share" / "tiny.txt").read_text() == "hello"
    # Nothing says where it was built.
    home = os.fsencode(running.root)
    files = [p for p in directory.rglob("*") if p.is_file() and not p.is_symlink()]
    assert not [p for p in files if home in p.read_bytes() or b"/stead-parts" in p.read_bytes()]
    with pytest.raises(StoreError, match="something here already"):
        leaving.materialize(found, str(directory), blobs)


def test_builds_share_their_packages_parts(running, blobs):
    first, second = (
        leaving.closure(running.database, blobs, built(running, *names, force="shared"))
        for names in (("tiny",), ("tiny", "other"))
    )
    [tiny] = {p.sha256 for found in (first, second) for p in found.parts if p.name == "tiny 1.0"}
    assert len([key for key in keys(blobs) if tiny in key]) == 1
    assert {p.name for p in second.parts} == {"tiny 1.0", "other 1.0", "other"}


def test_a_damaged_part_is_refused_and_named(running, blobs, tmp_path):
    found = leaving.closure(running.database, blobs, built(running, "speaking"))
    part = found.parts[0]
    whole = blobs.get(part.blob)
    other = blobs.get(found.parts[1].blob)
    longer = whole + b"more"
    for wrong in (
        whole[: len(whole) // 2],
        b"",
        b"noise",
        other,
        longer,
        whole[:40] + b"\0" + whole[41:],
    ):
        blobs.put(part.blob, wrong)
        with pytest.raises(PartError, match=r"the part speaking 1\.0 is not what it should be"):
            leaving.materialize(found, str(tmp_path / "made"), blobs)
        assert not os.listdir(tmp_path)
    blobs.put(part.blob, whole)
    leaving.materialize(found, str(tmp_path / "made"), blobs)


def test_what_a_build_consists_of_cannot_be_changed_on_its_way(running, blobs):
    found = leaving.closure(running.database, blobs, built(running, "speaking"))
    said = found.to_json()
    assert closure_of(said).key == found.key
    for changed in (
        {**said, "key": "other"},
        {**said, "parts": said["parts"][1:]},
        {**said, "meta": {}},
        {**said, "format": 2},
        {},
        [],
        None,
    ):
        with pytest.raises(StoreError, match="cannot be read"):
            closure_of(changed)


def test_parts_go_with_the_last_build_that_has_them(running, blobs):
    first, second = (built(running, "lonely", force=f"gone-{n}") for n in (1, 2))
    # Builds of other tests have this package's part not, and may have what is of no package.
    mine = {lonely(running, blobs, first)}
    assert mine == {lonely(running, blobs, second)}
    for build, left in ((first, mine), (second, set())):
        with running.database.begin() as connection:
            builds.delete(connection, build, running.database.now())
        running.eventually(lambda left=left: mine & keys(blobs) == left)
        with pytest.raises(MissingError):
            leaving.closure(running.database, blobs, build)
    assert lonely(running, blobs, built(running, "lonely", force="gone-3")) in keys(blobs)


def test_what_is_claimed_again_is_not_what_is_removed(running, blobs):
    """Somebody claims a part after it was let go of, and before it is removed."""
    first = built(running, "alone", force="raced-1")
    before = lonely(running, blobs, first, "alone")
    with running.database.begin() as connection:
        builds.delete(connection, first, running.database.now())
    after = lonely(running, blobs, built(running, "alone", force="raced-2"), "alone")
    assert after != before
    running.eventually(lambda: before not in keys(blobs))
    assert after in keys(blobs)


def test_what_a_build_claims_counts_for_its_own_attempt_alone(running, blobs):
    made = built(running, "tiny", force="attempt")
    found = leaving.closure(running.database, blobs, made)
    with running.database.begin() as connection:
        now = running.database.now()
        # It has ended; and no other attempt was ever begun.
        assert parts.claim(connection, made, 1, found.parts, now) is None
        assert parts.claim(connection, made, 2, found.parts, now) is None


def test_a_part_that_somebody_took_away_comes_with_the_next_build_that_has_it(running, blobs):
    first = built(running, "other", force="taken-1")
    key = lonely(running, blobs, first, "other")
    size = blobs.head(key).size
    blobs.delete(key)
    assert lonely(running, blobs, built(running, "other", force="taken-2"), "other") == key
    assert blobs.head(key).size == size
