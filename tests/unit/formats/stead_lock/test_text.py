"""What is written is read again, byte for byte and value for value, by both readers."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import _lock_canonical, _lock_toml, stead_lock
from stead.values.errors import LockError
from stead.values.lock import Artifact, File, Lock, LockedEnvironment, Pin
from stead.values.requirement import Source

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text(st.sampled_from("abc-._"), min_size=1, max_size=4)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(texts.filter(lambda k: k != "$null"), inner, max_size=2),
    ),
    max_leaves=4,
)
files = st.builds(File, texts, st.sampled_from(["", "ab" * 32]), st.integers(0, 10**9))
sources = st.builds(
    Source, st.sampled_from(["path", "url", "git"]), texts, st.booleans(), texts, texts
)


@st.composite
def artifacts(draw):
    extra = draw(st.dictionaries(texts.filter(lambda k: k != "build"), values, max_size=3))
    if draw(st.booleans()):
        extra["build"] = draw(names)
    return Artifact(
        draw(st.sampled_from(["conda", "pypi", "npm"])),
        draw(names),
        draw(names),
        draw(texts),
        tuple(draw(st.lists(files, max_size=3))),
        tuple(draw(st.lists(texts, max_size=3))),
        draw(st.none() | sources),
        tuple(extra.items()),
    )


@st.composite
def locks(draw):
    pool = draw(st.lists(artifacts(), max_size=5))
    environments = {}
    for _ in range(draw(st.integers(0, 3))):
        slot = (draw(texts), draw(names), draw(st.sampled_from(["linux-64", "osx-64", "win-64"])))
        members = {}
        for artifact in draw(st.lists(st.sampled_from(pool), max_size=4)) if pool else []:
            members.setdefault((artifact.ecosystem, artifact.name), artifact)
        environments[slot] = LockedEnvironment(
            *slot,
            tuple(sorted(draw(st.lists(texts, max_size=3)))),
            draw(st.sampled_from(["", "3.12"])),
            tuple(members.values()),
        )
    of_git = st.builds(Pin, texts, texts, texts, texts, texts, texts)
    content = texts.filter(bool)
    of_registry = st.builds(Pin, texts, texts, texts, texts, version=texts, integrity=content)
    pins = draw(st.lists(st.one_of(of_git, of_registry), max_size=3))
    return Lock(
        tuple(sorted(environments.values(), key=lambda e: e.slot)),
        tuple(
            sorted(
                pins,
                key=lambda p: (
                    *(p.name, p.location, p.requested, p.subdirectory),
                    *(p.commit, p.working, p.integrity),
                ),
            )
        ),
    )


def same(one, other):
    """Compare locks; the order of an environment's artifacts means nothing."""

    def plain(lock):
        return [
            (e.slot, e.requests, e.python, sorted(e.artifacts, key=repr)) for e in lock.environments
        ], lock.pins

    return plain(one) == plain(other)


@given(locks())
def test_every_lock_comes_back_as_it_was(lock):
    text = stead_lock.write(lock)
    read = stead_lock.read(text, "stead.lock")
    assert same(read, lock)
    assert [e.digest for e in read.environments] == [e.digest for e in lock.environments]
    assert stead_lock.write(read) == text


@given(locks())
def test_both_readers_read_canonical_text_alike(lock):
    text = stead_lock.write(lock)
    fast = _lock_canonical.read(text)
    # Escapes are read fast in lists alone, where they are common (markers).
    assert fast is not None or "\\" in text
    if fast is not None:
        assert fast == _lock_toml.read(text, "stead.lock")


def test_a_usual_lock_is_read_fast(lock):
    text = stead_lock.write(lock)
    assert '\\"3.11\\"' in text
    assert _lock_canonical.read(text) == _lock_toml.read(text, "stead.lock")


CUTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 20)), max_size=3)
PIECES = [
    "",
    '"',
    "\\",
    "\n",
    " = ",
    '": ',
    "null",
    ", ",
    "[artifact.",
    "}",
    "{",
    "]",
    "# x\n",
    "\t",
    "'",
    "1e999",
    "nan",
    "0x1",
    "\x7f",
    "\\u0041",
    "/",
]


@given(locks(), CUTS)
def test_what_the_fast_reader_takes_the_slow_one_reads_alike(lock, cuts):
    """The fast reader may decline; it must never read something else than TOML means."""
    text = stead_lock.write(lock)
    for at, length, piece in cuts:
        start = at % len(text)
        text = text[:start] + PIECES[piece] + text[start + length :]
    fast = _lock_canonical.read(text)
    if fast is not None:
        assert fast == _lock_toml.read(text, "stead.lock")


def test_swapped_and_doubled_lines_are_not_misread(lock):
    lines = stead_lock.write(lock).split("\n")
    for at in range(len(lines)):
        for changed in (
            [*lines[:at], lines[at], *lines[at:]],
            [*lines[:at], *lines[at + 1 :]],
            [*lines[:at], *lines[at + 1 : at + 2], *lines[at : at + 1], *lines[at + 2 :]],
        ):
            text = "\n".join(changed)
            fast = _lock_canonical.read(text)
            if fast is not None:
                assert fast == _lock_toml.read(text, "stead.lock")


def test_the_text_is_made_for_people_and_merges(lock):
    text = stead_lock.write(lock)
    assert text == stead_lock.write(Lock(lock.environments[::-1]))
    headers = re.findall(r"^\[.*\]$", text, re.MULTILINE)
    assert len(headers) == len(set(headers))
    assert headers[0] == '[environment."."."default"."linux-64"]'
    assert all("\n\n" + h in text for h in headers)
    assert '  "conda/tzdata-1.0-h1_0",\n' in text
    assert text.count("[artifact.") == 5
    data = tomllib.loads(text)
    assert data["version"] == 1


def test_an_artifact_that_is_another_on_each_platform_is_kept_apart(lock):
    text = stead_lock.write(lock)
    assert '[artifact."conda/numpy-2.1-py312_0@linux-64"]' in text
    assert '[artifact."conda/numpy-2.1-py312_0@osx-arm64"]' in text
    read = stead_lock.read(text, "stead.lock")
    assert {a.get("subdir") for e in read.environments for a in e.of("conda")} == {
        "linux-64",
        "osx-arm64",
        "noarch",
    }


def test_variants_of_one_id_on_one_platform_are_kept_apart():
    one = Artifact("pypi", "x", "1", "a", (File("x.whl", "00"),))
    other = Artifact("pypi", "x", "1", "b", (File("x.whl", "11"),))
    lock = Lock(
        (
            LockedEnvironment(".", "a", "linux-64", artifacts=(one,)),
            LockedEnvironment(".", "b", "linux-64", artifacts=(other,)),
        )
    )
    assert stead_lock.read(stead_lock.write(lock), "f") == lock


def test_a_size_that_nobody_knows_is_left_out(lock):
    text = stead_lock.write(lock)
    assert "size = 0 " not in text
    start = text.index(", size = ")
    end = text.index(" }", start)
    without, zero = (text[:start] + size + text[end:] for size in ("", ", size = 0"))
    for other in (without, zero):
        fast = _lock_canonical.read(other)
        assert fast is not None
        assert fast == _lock_toml.read(other, "f")
        assert stead_lock.write(fast) == without


def test_the_same_text_in_other_toml_is_read_too(lock):
    text = stead_lock.write(lock)
    loose = text.replace('name = "numpy"', "name   =   'numpy' # by hand")
    assert _lock_canonical.read(loose) is None
    assert stead_lock.read(loose, "f") == stead_lock.read(text, "f")
    assert stead_lock.read(text.replace("\n", "\r\n"), "f") == stead_lock.read(text, "f")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {"$null": 1}, b"x"])
def test_a_value_that_no_text_can_hold_is_refused(value):
    artifact = Artifact("pypi", "x", "1", extra=(("k", value),))
    lock = Lock((LockedEnvironment(".", "a", "linux-64", artifacts=(artifact,)),))
    with pytest.raises(LockError, match="pypi/x-1"):
        stead_lock.write(lock)


def test_text_that_is_not_unicode_is_refused():
    artifact = Artifact("pypi", "x\udc80", "1")
    lock = Lock((LockedEnvironment(".", "a", "linux-64", artifacts=(artifact,)),))
    with pytest.raises(LockError, match="Unicode"):
        stead_lock.write(lock)
