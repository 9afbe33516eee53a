"""The picture on a terminal: what is in it, and how it is drawn."""

from __future__ import annotations

import os
import re
import time

import pytest

from stead.matrix import reports
from stead.matrix.reports import board, text
from stead.matrix.reports.board import Row, picture
from stead.values.suite import Event, Result


def rows(running=1, waiting=1, passed=1, failed=1):
    told = []
    for state, number in (
        ("passed", passed),
        ("failed", failed),
        ("running", running),
        ("waiting", waiting),
    ):
        told += [
            Row(f"{state}{n}", "cell", state, 100.0, 3.25, f"last of {n}") for n in range(number)
        ]
    return told  # fmt: skip


def draw(told, size=(80, 24), *, symbols=True, colour=False):
    return picture(told, 112.4, size, symbols=symbols, colour=colour, took=12.7)


def test_state_time_and_last_line_of_each():
    assert draw(rows()) == [
        "✓ passed0        3.2 s  last of 0",
        "✗ failed0        3.2 s  last of 0",
        "› running0        12 s  last of 0",
        "· waiting0              last of 0",
        "1 passed, 1 failed, 1 running, 1 waiting, 12 s",
    ]


@pytest.mark.parametrize("height", [1, 2, 3, 5, 24, 300])
@pytest.mark.parametrize("width", [1, 2, 9, 20, 80, 200])
def test_it_fits_on_any_terminal(width, height):
    told = rows(40, 300, 150, 10)
    told[-1].last = "日本語" * 40
    lines = draw(told, (width, height))
    assert len(lines) <= max(height - 1, 1)
    assert all(text.columns(line) <= max(width - 1, 1) for line in lines)


def test_without_room_what_runs_and_what_failed_stays():
    lines = draw(rows(3, 300, 190, 2), (80, 8))
    assert [line.split()[1] for line in lines[:-1]] == [
        "failed0", "failed1", "running0", "running1", "running2", "waiting0"
    ]  # fmt: skip
    assert lines[-1] == "190 passed, 2 failed, 3 running, 300 waiting (489 not shown), 12 s"


def test_ascii_where_nothing_else_can_be_shown():
    told = rows()
    told[2].last = "x" * 200
    assert all(line.isascii() for line in draw(told, symbols=False))


def test_colours_take_no_room():
    plain, coloured = draw(rows()), draw(rows(), colour=True)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain
    assert "\x1b[31m✗\x1b[0m failed0" in coloured[1]


def test_packages_are_shown_while_they_are_made_or_when_that_failed():
    told = [
        Row("package a", "build", "passed", 1, 1),
        Row("package b", "build", "running", 100),
        Row("package c", "build", "waiting"),
        Row("package d", "build", "failed", 1, 1),
    ]
    assert [line.split()[2] for line in draw(told)[:-1]] == ["b", "d"]


def test_nothing_yet():
    assert draw([]) == ["preparing, 12 s"]


class Screen:
    """As much of a terminal as the board uses: lines, the cursor, and erasing."""

    def __init__(self, columns=80, height=24):
        self.size = (columns, height)
        self.lines = [""]
        self.row = 0
        self.writes = 0

    def write(self, shown):
        self.writes += 1
        for part in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", shown):
            if part == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif part.endswith("A") and part[0] == "\x1b":
                self.row = max(self.row - int(part[2:-1]), 0)
            elif part == "\x1b[2K":
                self.lines[self.row] = ""
            elif part == "\x1b[J":
                del self.lines[self.row + 1 :]
                self.lines[self.row] = ""
            elif part[0] not in "\r\x1b":
                self.lines[self.row] = part


def on(screen, **facts):
    environ = {"TERM": "xterm", "NO_COLOR": "1"}
    style, where = reports.outlet(
        environ, terminal=True, parallel=True, cells=2, size=lambda: screen.size, **facts
    )
    assert style == "board"
    return reports.reporter(style, screen.write, where)


def test_pictures_are_drawn_over_each_other_and_vanish():
    screen = Screen()
    one = on(screen)
    now = time.time()
    for job in "abc":
        one.event(Event(job, "queued", now))
    one.event(Event("a", "started", now))
    one.event(Event("a", "line", now, text="\x1b[32mcollected\x1b[0m 3\r"))
    one.draw()
    assert [line.split()[:2] for line in screen.lines[:3]] == [["›", "a"], ["·", "b"], ["·", "c"]]
    assert screen.lines[0].endswith("collected 3")
    one.event(Event("a", "done", now, result=Result("a", "cell", "passed", 2.0)))
    one.draw()
    assert screen.lines[0].split()[:2] == ["✓", "a"]
    assert len(screen.lines) == 5
    one.stop()
    assert screen.lines == ["", ""]
    assert screen.row == 0


def test_an_unchanged_picture_is_not_drawn_again():
    screen = Screen()
    one = on(screen)
    one.event(Event("a", "queued", time.time()))
    one.stop()
    one.draw()
    before = screen.writes
    one.draw()
    assert screen.writes == before


def test_a_terminal_without_a_size_has_the_usual_one():
    screen = Screen(0, 0)
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    one.event(Event("a", "line", time.time(), text="x" * 60))
    one.stop()
    one.draw()
    assert screen.lines[0].endswith("x" * 60)


def test_a_picture_is_one_write():
    screen = Screen()
    one = on(screen)
    for n in range(20):
        one.event(Event(f"a{n}", "started", time.time()))
    one.stop()
    before = screen.writes
    one.draw()
    assert screen.writes == before + 1


def test_a_terminal_that_becomes_narrower_has_broken_lines():
    drawn = ["x" * 70, "y" * 10, "\x1b[32m✓\x1b[0m " + "z" * 38]
    assert board._up(drawn, 80) == "\r\x1b[3A"
    assert board._up(drawn, 40) == "\r\x1b[4A"
    assert board._up(drawn, 20) == "\r\x1b[7A"
    assert board._up([], 20) == ""


def test_a_line_without_anything_visible_changes_nothing():
    screen = Screen()
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    one.event(Event("a", "line", time.time(), text="seen"))
    one.event(Event("a", "line", time.time(), text="   "))
    one.stop()
    one.draw()
    assert screen.lines[0].endswith("seen")


def test_a_flood_is_taken_without_being_drawn():
    screen = Screen()
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    for n in range(100_000):
        one.event(Event("a", "line", 1.0, text=f"line {n}"))
    one.stop()
    one.draw()
    assert screen.lines[0].endswith("line 99999")
    assert screen.writes < 1000


def test_notes_stand_above_the_picture_and_bars_nowhere():
    screen = Screen()
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    one.draw()
    progress = one.progress(None)
    progress.note("waiting for process 7")
    with progress.task("solving", unit="packages") as task:
        task.total(3)
        task.advance()
    assert screen.lines[0] == "waiting for process 7"
    assert screen.lines[1].split()[:2] == ["›", "a"]
    assert len([line for line in screen.lines if "›" in line]) == 1
    one.stop()
    assert screen.lines == ["waiting for process 7", "", ""]


def test_at_the_end_stands_what_plain_lines_have_too(results):
    screen = Screen()
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    one.finish(results, 12)
    assert "── (wheel) py313: failed ──" in screen.lines
    assert screen.lines[-2].startswith("2 passed, 1 flaky")


def test_finishing_ends_the_thread():
    import threading

    screen = Screen()
    one = on(screen)
    one.event(Event("a", "started", time.time()))
    one.finish([])
    assert not one._ticker.is_alive()
    assert all(t is not one._ticker for t in threading.enumerate())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals of this kind")
def test_a_real_terminal_gives_its_size_anew():
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    try:
        screen = Screen()
        _, where = reports.outlet(
            {"TERM": "xterm"}, terminal=True, cells=2,
            size=lambda: tuple(os.get_terminal_size(theirs)),
        )  # fmt: skip
        one = reports.reporter("board", screen.write, where)
        one.event(Event("a" * 90, "started", time.time()))
        one.stop()
        for columns, height in ((40, 10), (12, 3)):
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, columns, 0, 0))
            one.draw()
            plain = [re.sub(r"\x1b\[\d*m", "", line) for line in one._drawn]
            assert all(text.columns(line) < columns for line in plain)
            assert len(plain) < height
    finally:
        os.close(ours)
        os.close(theirs)
