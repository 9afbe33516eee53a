from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.modules.merging import Side, decide

A, B, C = Side(b"a\n"), Side(b"b\n"), Side(b"c\n")
LINK = Side(b"", plain=False)


def _run(content: bytes = b"a\n") -> Side:
    return Side(content, executable=True)


@pytest.mark.parametrize(
    ("base", "mine", "upstream", "action", "write"),
    [
        (A, A, A, "same", None),
        (A, A, B, "replaced", B),
        (A, B, A, "kept", None),
        (A, B, B, "kept", None),
        (A, None, A, "deleted", None),
        (A, None, B, "deleted", None),
        (A, None, None, "deleted", None),
        (A, A, None, "dropped", None),
        (A, B, None, "own", None),
        (None, None, A, "added", A),
        (None, A, A, "same", None),
        # the executable bit is changed by either side as content is
        (A, A, _run(), "replaced", _run()),
        (A, _run(), B, "merged", _run(b"b\n")),
        (_run(), A, _run(), "kept", None),
        (_run(), A, _run(b"b\n"), "merged", B),
        (A, B, _run(), "merged", _run(b"b\n")),
        (A, _run(), None, "own", None),
        (A, Side(b"a\n", executable=None), _run(b"b\n"), "replaced", Side(b"b\n", executable=None)),
        # line ends that a tool changed are no change, and stay
        (A, Side(b"a\r\n"), B, "replaced", Side(b"b\r\n")),
        (A, Side(b"a\r\n"), Side(b"b\r\n"), "replaced", Side(b"b\r\n")),
        (A, Side(b"a\r\n"), None, "dropped", None),
        (A, A, Side(b"a\r\n"), "replaced", Side(b"a\r\n")),
        (Side(b"a\r\nb\n"), Side(b"a\nb\n"), Side(b"a\r\nb\n"), "kept", None),
        # nothing at all, and no last line end
        (Side(b""), Side(b""), Side(b"x"), "replaced", Side(b"x")),
        (Side(b"x"), Side(b"x"), Side(b""), "replaced", Side(b"")),
        (LINK, LINK, LINK, "kept", None),
        (A, LINK, A, "kept", None),
        (A, LINK, None, "own", None),
    ],
)
def test_the_table(base, mine, upstream, action, write) -> None:
    found = decide("f", base, mine, upstream)
    assert (found.action, found.write, found.beside, found.remove) == (action, write, None, False)


def test_prune_removes_only_what_upstream_dropped_and_nobody_changed() -> None:
    assert decide("f", A, A, None, prune=True).remove
    assert decide("f", A, B, None, prune=True) == decide("f", A, B, None)
    assert decide("f", None, A, None, prune=True).action == "own"
    assert decide("f", A, A, A, prune=True).action == "same"


@pytest.mark.parametrize(
    ("path", "base", "mine"),
    [
        ("f.toml", Side(b"a = 1\n"), Side(b"a = 2\n")),
        ("f", A, LINK),
        ("f", Side(b"\0"), Side(b"\0a")),
        ("f.py", None, A),
        ("f.py", None, LINK),
    ],
)
def test_upstreams_comes_beside_what_gets_no_markers(path, base, mine) -> None:
    upstream = Side(b"a = 3\n", executable=True)
    found = decide(path, base, mine, upstream)
    assert (found.action, found.write, found.beside) == ("conflict", None, upstream)


def test_other_text_gets_markers_with_names() -> None:
    found = decide("f.py", A, B, C, names=("yours", "elasticity 2.0"))
    assert found.action == "conflict"
    assert found.write == Side(b"<<<<<<< yours\nb\n=======\nc\n>>>>>>> elasticity 2.0\n")
    assert found.markers == 7


def test_what_was_written_and_is_not_known_any_more_is_never_overwritten() -> None:
    assert decide("f", None, None, A, lost=True).action == "deleted"
    assert decide("f", None, A, B, lost=True).beside == B
    assert decide("f", None, A, A, lost=True).action == "same"
    assert decide("f", None, A, None, lost=True, prune=True).action == "own"


CONTENTS = st.sampled_from(
    [
        b"",
        b"a",
        b"a\n",
        b"a\nb\nc\n",
        b"A\nb\nc\n",
        b"a\nb\nC\n",
        b"a\r\nb\r\nc\r\n",
        b"\0",
        b"x = 1\n",
    ]
)
SIDES = st.one_of(st.none(), st.builds(Side, CONTENTS, st.booleans()))


@given(st.sampled_from(["f.py", "f.toml", "f.json"]), SIDES, SIDES, SIDES, st.booleans())
def test_what_the_user_wrote_stays(path, base, mine, upstream, prune) -> None:
    if base is None and upstream is None:
        return
    found = decide(path, base, mine, upstream, prune=prune)
    if mine is None:
        assert found.write is None or base is None
        return
    if found.remove:
        assert prune
        assert found.action == "removed"
        assert base is not None
        assert upstream is None
    after = mine.content if found.write is None else found.write.content
    wrote = set(mine.content.split()) - (set(base.content.split()) if base is not None else set())
    if not found.remove:
        assert wrote <= set(after.split())
    if upstream is not None and found.action in ("replaced", "same", "merged"):
        news = set(upstream.content.split()) - (set(base.content.split()) if base else set())
        assert news <= set(after.split())
    if found.action == "conflict":
        assert found.beside == upstream or found.markers
