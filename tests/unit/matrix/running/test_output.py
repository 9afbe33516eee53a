"""Logs that lose only their middle, and lines that are bounded in number and length."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.matrix.output import Lines, Log

NOTE = re.compile(rb"\n\[\.\.\. (\d{15}) bytes are left out here \.\.\.\]\n")


@given(pieces=st.lists(st.binary(max_size=30)), longest=st.integers(1, 20))
def test_lines_are_the_text_cut_at_its_ends_wherever_it_was_cut_before(pieces, longest):
    lines = Lines(longest=longest)
    given_ = [line for piece in pieces for line in lines.feed(piece)] + lines.end()
    whole = Lines(longest=longest)
    assert given_ == whole.feed(b"".join(pieces)) + whole.end()
    assert all(len(line) <= longest for line in given_)


@given(text=st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_text_comes_back(text):
    lines = Lines()
    assert "\n".join([*lines.feed(text.encode()), *lines.end()]) in (text, text.removesuffix("\n"))


@given(
    many=st.integers(0, 400),
    most=st.integers(1, 300),
    size=st.integers(1, 50),
    ended=st.booleans(),
)
def test_of_too_many_lines_the_first_and_the_last_are_given(many, most, size, ended):
    text = "\n".join(f"line {n}" for n in range(many)) + ("\n" if ended and many else "")
    data, lines = text.encode(), Lines(most)
    found = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    found += lines.end()
    expected = text.splitlines()
    if many <= most:
        assert found == expected
        return
    assert found[:most] == expected[:most]
    left_out = 0
    rest = found[most:]
    if rest and (note := re.fullmatch(r"\[(\d+) lines are in the log alone\]", rest[0])):
        left_out = int(note[1])
        rest = rest[1:]
    assert rest == expected[most + left_out :]
    assert len(rest) >= min(100, many - most)


def test_each_later_command_shows_its_last_lines():
    lines = Lines(1)
    assert lines.feed(b"a\nb\n") == ["a"]
    assert lines.end() == ["b"]
    assert lines.end() == []
    assert lines.feed(b"c\nd") == []
    assert lines.end() == ["c", "d"]


@given(pieces=st.lists(st.binary(max_size=9000), max_size=12))
def test_a_log_has_all_of_it_or_its_beginning_and_end(pieces, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "a.log"
    log = Log(str(path), 1)
    for piece in pieces:
        log.write(piece)
    log.close()
    data, held = b"".join(pieces), path.read_bytes()
    assert log.fault == ""
    if not log.left_out:
        assert held == data
        return
    head, tail = data[:4096], held[4096:]
    assert held[:4096] == head
    note = NOTE.match(tail)
    assert int(note[1]) == log.left_out
    rest = tail[note.end() :]
    assert data.endswith(rest)
    assert 4096 + log.left_out + len(rest) == len(data)
    assert len(held) <= 3 * 4096 + 9000 + len(note[0])


@pytest.mark.parametrize("number", [1, 5])
def test_a_long_log_keeps_whole_lines_and_its_notes_add_up(tmp_path, number):
    log = Log(str(tmp_path / "a.log"), 20_000)
    for at in range(20_000 * number):
        log.write(b"line %d\n" % at)
    log.line("the end")
    log.close()
    held = (tmp_path / "a.log").read_bytes()
    head, left_out, tail = NOTE.split(held)
    assert head.startswith(b"line 0\n")
    assert tail.startswith(b"line ")
    assert tail.endswith(b"line %d\nthe end\n" % (20_000 * number - 1))
    every = sum(len(b"line %d\n" % at) for at in range(20_000 * number)) + len("the end\n")
    assert len(head) + int(left_out) + len(tail) == every


def test_runs_at_the_same_time_write_logs_of_their_own(tmp_path):
    path = tmp_path / "a.log"
    first = Log(str(path))
    first.write(b"first")
    second = Log(str(path))
    second.write(b"second")
    first.write(b" goes on")
    first.close()
    second.close()
    assert path.read_bytes() == b"second"


def test_a_line_of_its_own_begins_where_a_line_begins(tmp_path):
    log = Log(str(tmp_path / "a" / "b.log"))
    log.line("one")
    log.write(b"no end")
    log.line("two")
    log.close()
    again = Log(str(tmp_path / "a" / "b.log"), append=True)
    again.line("three")
    again.close()
    assert (tmp_path / "a" / "b.log").read_bytes() == b"one\nno end\ntwo\nthree\n"


def test_what_comes_when_a_log_is_closed_is_dropped(tmp_path):
    log = Log(str(tmp_path / "a.log"))
    log.write(b"in time")
    log.close()
    log.write(b"too late")
    log.line("too late")
    log.flush()
    log.close()
    assert ((tmp_path / "a.log").read_bytes(), log.fault) == (b"in time", "")
