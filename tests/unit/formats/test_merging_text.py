from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.merging_lines import Conflict, pieces
from stead.formats.merging_text import alike, has_markers, line_end, merge, with_ends

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "x\r", "\xff"]), max_size=8)
TEXTS = st.tuples(LINES, st.booleans()).map(
    lambda drawn: ("\n".join(drawn[0]) + ("\n" if drawn[1] else "")).encode("latin-1")
)


@given(TEXTS, TEXTS)
def test_what_one_side_changed_is_taken_to_the_byte(base: bytes, other: bytes) -> None:
    if line_end(base) == line_end(other):
        assert merge(base, base, other).content == other
        assert merge(base, other, base).content == other
    assert merge(base, other, other).content == other


@given(TEXTS, TEXTS, TEXTS)
def test_each_line_that_a_side_wrote_is_there(base: bytes, mine: bytes, theirs: bytes) -> None:
    done = merge(base, mine, theirs)
    assert bool(done.markers) == (done.markers > 0 and has_markers(done.content, done.markers))

    def lines(content: bytes) -> set[bytes]:
        return {line.rstrip(b"\r") for line in content.split(b"\n")}

    assert lines(mine) - lines(base) <= lines(done.content)
    assert lines(theirs) - lines(base) <= lines(done.content)


@given(TEXTS, TEXTS, TEXTS)
def test_a_conflict_holds_both_sides_whole(base: bytes, mine: bytes, theirs: bytes) -> None:
    """Who takes one side of each conflict has all that this side wrote, and what is no conflict."""
    texts = [t.decode("latin-1").split("\n") for t in (base, mine, theirs)]
    found = pieces(*texts)
    for side in (1, 2):
        taken = [
            line
            for piece in found
            for line in (
                (piece.mine, piece.theirs)[side - 1] if isinstance(piece, Conflict) else piece
            )
        ]
        left = list(taken)
        for line in texts[side]:
            if line not in texts[0]:
                assert line in left
                left.remove(line)


def test_changes_that_touch_are_a_conflict_between_markers() -> None:
    done = merge(b"a\nb\nc\n", b"a\nB\nc\n", b"A\nb\nc\n", names=("yours", "item 2.0"))
    assert done.content == b"<<<<<<< yours\na\nB\n=======\nA\nb\n>>>>>>> item 2.0\nc\n"
    assert has_markers(done.content, done.markers)
    assert not has_markers(b"a\n=======\n", done.markers)


def test_what_both_put_in_at_one_point_is_a_conflict() -> None:
    done = merge(b"a\n", b"a\nmine\n", b"a\ntheirs\n")
    assert done.content == b"a\n<<<<<<< mine\nmine\n=======\ntheirs\n>>>>>>> theirs\n"


def test_what_the_sides_have_in_common_is_no_conflict() -> None:
    done = merge(b"", b"same\n1\nend\n", b"same\n2\nend\n")
    assert done.content == b"same\n<<<<<<< mine\n1\n=======\n2\n>>>>>>> theirs\nend\n"


def test_markers_are_longer_where_the_text_has_such_lines() -> None:
    done = merge(b"========\na\n", b"========\nb\n", b"========\nc\n")
    assert done.markers == 9
    assert b"\n<<<<<<<<< mine\n" in done.content
    assert not has_markers(b"<<<<<<< not ours\n", done.markers)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        # line ends that one side changed throughout, and lines that the other did
        (b"a\nb\nc\n", b"a\r\nb\r\nC\r\n", b"A\nb\nc\n", b"A\r\nb\r\nC\r\n"),
        (b"a\nb\nc\n", b"a\nb\nC\n", b"A\r\nb\r\nc\r\n", b"A\r\nb\r\nC\r\n"),
        (b"a\r\nb\r\nc\r\n", b"a\nb\nC\n", b"A\r\nb\r\nc\r\n", b"A\nb\nC\n"),
        # mixed ones stay as they are
        (b"a\r\nb\nc\n", b"a\r\nb\nC\n", b"A\r\nb\nc\n", b"A\r\nb\nC\n"),
        # the last line's end is as who changed it has it
        (b"a\nb\nc", b"A\nb\nc", b"a\nb\nc\n", b"A\nb\nc\n"),
        (b"a\nb\nc\n", b"A\nb\nc", b"a\nb\nC\n", b"A\nb\nC"),
        (b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\n", b"A\nb\n"),
        (b"", b"", b"x", b"x"),
        (b"\xff\nb\nc\n", b"\xff\nb\n\xfe\n", b"\xfd\nb\nc\n", b"\xfd\nb\n\xfe\n"),
        (b"a\nb\nc\n", b"A\nb\nc\n", b"A\nb\nC\n", b"A\nb\nC\n"),
    ],
)
def test_bytes_that_stay(base: bytes, mine: bytes, theirs: bytes, expected: bytes) -> None:
    done = merge(base, mine, theirs)
    assert (done.content, done.markers) == (expected, 0)


def test_files_that_differ_in_line_ends_alone_are_alike() -> None:
    assert alike(b"a\nb\n", b"a\r\nb\r\n")
    assert not alike(b"a\nb\n", b"a\r\nb\n")
    assert not alike(b"a\0\n", b"a\0\r\n")
    assert with_ends(b"a\r\nb\n", b"\r\n") == b"a\r\nb\r\n"


def test_a_long_file_of_equal_lines_is_merged_between_lines_that_are_there_once() -> None:
    random.seed(1)
    base = [line for n in range(4000) for line in ("{", f"  {n}", "}")]
    mine, theirs = list(base), list(base)
    for n in range(100, 11000, 900):
        mine[n : n + 2] = [f"mine {n}"]
        theirs[n + 300 : n + 300] = [f"theirs {n}"]
    texts = ["\n".join(t).encode() + b"\n" for t in (base, mine, theirs)]
    done = merge(*texts)
    assert not done.markers
    written = done.content.decode().split("\n")
    assert [w for w in written if w.startswith("mine")] == [w for w in mine if w.startswith("mine")]
    assert [w for w in written if w.startswith("theirs")] == [
        w for w in theirs if w.startswith("theirs")
    ]
    assert len(written) - 1 == len(mine) + len(theirs) - len(base)


@pytest.mark.needs("git")
def test_what_merges_without_conflict_is_what_git_makes_of_it(tmp_path) -> None:
    random.seed(2)
    compared = 0
    for _ in range(60):
        base = [f"line {n}" for n in range(12)]
        sides = []
        for side in "mt":
            text = list(base)
            for _ in range(random.randrange(1, 4)):
                at = random.randrange(len(text))
                text[at : at + random.randrange(2)] = [
                    f"{side}{n}" for n in range(random.randrange(2))
                ]
            sides.append(text)
        for name, text in zip(("base", "mine", "theirs"), (base, *sides), strict=True):
            (tmp_path / name).write_text("".join(f"{line}\n" for line in text))
        git = subprocess.run(
            [shutil.which("git") or "git", "merge-file", "-p", "mine", "base", "theirs"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        texts = [(tmp_path / n).read_bytes() for n in ("base", "mine", "theirs")]
        done = merge(*texts)
        if git.returncode == 0 and not done.markers:
            assert done.content == git.stdout
            compared += 1
        assert bool(done.markers) >= bool(git.returncode)
    assert compared > 20
