"""Secrets among a cell's variables are in no line and no log, however they come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stead.matrix import commands
from stead.matrix.output import Mask
from stead.matrix.running import Stop, Turn
from stead.values.secret import Secret
from stead.values.suite import Ready, Work
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text("open ses\n", max_size=60), st.lists(st.integers(0, 70), max_size=6))
def test_whatever_the_pieces_a_value_never_comes_through(around: str, cuts: list[int]) -> None:
    text = (around + "sesame" + around).encode()
    mask = Mask([Secret("sesame")])
    shown, last = b"", 0
    for cut in [*sorted(cuts), len(text)]:
        shown += mask.feed(text[last:cut])
        last = max(last, min(cut, len(text)))
    shown += mask.end()
    assert b"sesame" not in shown
    assert shown.replace(Mask.SHOWN, b"sesame") == text


def test_the_lines_of_a_value_are_hidden_one_by_one_and_short_ones_are_not() -> None:
    mask = Mask([Secret("-----BEGIN\nabcdefgh\n--"), Secret("x1")])
    assert mask.feed(b"say abcdefgh x1\n") + mask.end() == b"say <secret> x1\n"


def test_a_command_that_prints_a_secret_prints_it_nowhere(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys, time; w = sys.stdout; w.write('it is ses'); w.flush(); time.sleep(.1); print('ame!')"
    work = Work(commands=(TestCommand((sys.executable, "-c", code)),), directory=str(tmp_path))
    ready = Ready("k", "/", "/", (), hidden=(Secret("sesame"),))
    terms = commands.Terms(caller={}, log=str(tmp_path / "log"))
    turn = Turn("job", lambda what, text: lines.append(text), Stop())
    result = commands.run(work, ready, terms, turn)
    assert result.status == "passed"
    assert "it is <secret>!" in lines
    assert "it is <secret>!" in (tmp_path / "log").read_text()
