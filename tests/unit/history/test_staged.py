"""What is staged and what the place has become meanwhile come together, or contradict each other."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from stead.formats import stead_lock
from stead.history.staged import Merged, changed_environments, effective, keep_aside
from stead.values.lock import Lock, LockedEnvironment

contents = st.none() | st.sampled_from([b"", b"a\n", b"a\nb\n", b"b\n", b"\xff\n"])


@given(contents, contents)
def test_what_nobody_else_changed_is_as_staged(seen, staged):
    made = effective(Merged("/p/stead.toml", seen, seen, staged))
    assert (made.content, made.conflicts) == (staged, ())
    made = effective(Merged("/p/stead.toml", seen, staged, staged))
    assert (made.content, made.conflicts) == (staged, ())


@given(contents, contents, contents)
def test_nothing_is_lost_in_silence(seen, place, staged):
    made = effective(Merged("/p/stead.toml", seen, place, staged))
    if made.conflicts:
        assert "/p/stead.toml" in made.conflicts[0]
        return
    if place not in (seen, staged):
        assert None not in (seen, place, staged)
        before, theirs = seen.splitlines(), place.splitlines()
        for line in theirs:
            assert line in before or line in made.content.splitlines()


def test_both_sides_edits_stay():
    made = effective(Merged("/p/stead.toml", b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\nC\n"))
    assert made.content == b"A\nb\nC\n"
    made = effective(Merged("/p/stead.toml", b"a\nb\n", b"A\nb\n", b"x\nb\n"))
    assert made.conflicts == ("/p/stead.toml:1:", "  now:    A", "  staged: x")


def test_what_is_private_is_not_shown():
    made = effective(Merged("/p/.env", b"P=1\n", b"P=hush\n", b"P=secret\n"))
    assert len(made.conflicts) == 1
    assert "hush" not in made.conflicts[0]
    assert "secret" not in made.conflicts[0]


def lock(**requests):
    environments = [
        LockedEnvironment(
            place, environment, "linux-64", requests=tuple(f"pypi {r}" for r in names.split())
        )
        for key, names in requests.items()
        for place, _, environment in [key.partition("_")]
    ]
    return stead_lock.write(Lock(tuple(environments))).encode()


def test_locks_are_merged_environment_by_environment():
    seen = lock(a_default="x", b_default="x")
    place = lock(a_default="x", b_default="y", c_default="z")
    staged = lock(a_default="x w", b_default="x")
    made = effective(Merged("/p/stead.lock", seen, place, staged))
    assert made.content == lock(a_default="x w", b_default="y", c_default="z")
    # Where both changed one, the staged one counts: it is locked anew if it does not answer.
    place = lock(a_default="v", b_default="x")
    made = effective(Merged("/p/stead.lock", seen, place, staged))
    assert made.content == staged


def test_environments_that_changed_are_named():
    before = lock(a_default="x", a_test="x", a_docs="x", b_test="x")
    after = lock(a_default="y", a_test="y", a_docs="x", b_test="y", a_new="n")
    slot = ("a", "default", "linux-64")
    assert changed_environments(before, after, slot) == ("new", "test")
    assert changed_environments(None, None, slot) == ()
    assert changed_environments(b"{", after, slot) == ("docs", "new", "test")


def test_the_last_texts_that_were_dropped_stay(tmp_path):
    directory = str(tmp_path / "transaction@")
    assert keep_aside(directory, "/p", {"/p/a": None}, 5.0) == ""
    kept = [keep_aside(directory, "/p", {"/p/d/a": b"%d" % n, "/b": b""}, 5.0) for n in range(25)]
    assert len(set(kept)) == 25
    there = [k for k in kept if os.path.isdir(k)]
    assert there == kept[-20:]
    with open(os.path.join(kept[-1], "d", "a"), "rb") as file:
        assert file.read() == b"24"
    assert os.stat(os.path.join(kept[-1], "d", "a")).st_mode & 0o777 == 0o600
    assert keep_aside(directory, "/p", {"/p/a": b""}, 1.0) > kept[-1]
