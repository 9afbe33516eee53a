"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import threading
import time

import pytest

from stead.cli.progress import Bars, Lines, Quiet, Work, amount, duration, progress_for, state


class Waiting(io.StringIO):
    """A stream one can wait on, until it has said something."""

    def wait_for(self, text, within=10.0):
        end = time.monotonic() + within
        while text not in self.getvalue():
            assert time.monotonic() < end, self.getvalue()
            time.sleep(0.005)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3, "packages", "3 packages"),
        (999, "B", "999 B"),
        (1500, "B", "1.5 kB"),
        (2_500_000, "B", "2.5 MB"),
        (7.2e12, "B", "7200.0 GB"),
        (4, "", "4"),
    ],
)
def test_amounts(value, unit, text):
    assert amount(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.97, "10 s"),
        (59.9, "1 min 00 s"),
        (185, "3 min 05 s"),
        (4200, "1 h 10 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_state_tells_amount_rate_and_remainder():
    work = Work("fetching", "packages", started=100.0, expected=40, done=10)
    assert state(work, 105.0) == "10/40 packages, 2.0/s, 15 s left"
    work = Work("fetching", "B", started=100.0, expected=10_000_000, done=5_000_000)
    assert state(work, 102.0) == "5.0 MB of 10.0 MB, 2.5 MB/s, 2.0 s left"


def test_state_without_total_or_amount():
    assert state(Work("solving", "", 0.0), 1.0) == ""
    assert state(Work("solving", "", 0.0, expected=3), 1.0) == "0/3"
    assert state(Work("reading", "files", 0.0, done=8), 2.0) == "8 files, 4.0/s"
    assert state(Work("x", "files", 0.0, expected=2, done=5), 1.0) == "5/2 files, 5.0/s"


def test_short_work_says_nothing_elsewhere():
    stream = io.StringIO()
    with progress_for(stream, is_tty=False).task("linking", unit="files") as task:
        task.total(2)
        task.advance(2)
    assert stream.getvalue() == ""


def test_long_work_says_lines_now_and_then_and_at_its_end():
    stream = Waiting()
    lines = Lines(stream, after=0.02, every=0.02)
    with lines.task("fetching", unit="packages") as task:
        task.total(4)
        task.advance(1)
        stream.wait_for("1/4 packages")
        task.advance(3)
        stream.wait_for("4/4 packages")
    assert stream.getvalue().splitlines()[-1].startswith("fetching: 4 packages in ")


def test_lines_are_limited_in_rate():
    stream = Waiting()
    lines = Lines(stream, after=0.01, every=1000.0)
    with lines.task("fetching", unit="packages") as task:
        stream.wait_for("fetching")
        for _ in range(10_000):
            task.advance()
    assert len(stream.getvalue().splitlines()) == 2


def test_work_without_amounts_gives_a_sign_of_life():
    stream = Waiting()
    with Lines(stream, after=0.01, every=1000.0).task("solving"):
        stream.wait_for("solving …\n")
    assert "solving: done in " in stream.getvalue()


def test_failed_work_claims_no_end():
    stream = Waiting()
    lines = Lines(stream, after=0.01, every=1000.0)
    with contextlib.suppress(KeyError), lines.task("solving"):
        stream.wait_for("solving …")
        raise KeyError
    assert "done" not in stream.getvalue()


@pytest.mark.parametrize("kind", [Lines, Bars])
def test_no_thread_outlives_its_tasks(kind):
    before = set(threading.enumerate())
    progress = kind(io.StringIO(), after=0.01)
    with progress.task("a"), progress.task("b"):
        time.sleep(0.05)
    for thread in set(threading.enumerate()) - before:
        thread.join(90)
        assert not thread.is_alive()


@pytest.mark.parametrize("is_tty", [False, True])
def test_notes_are_said_at_once(is_tty):
    stream = io.StringIO()
    progress_for(stream, is_tty).note("waiting for [another] process")
    assert stream.getvalue() == "waiting for [another] process\n"


def test_a_reader_that_is_gone_stops_no_work():
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w", buffering=1)
    Lines(stream).note("x")
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_quiet_keeps_notes():
    quiet = Quiet()
    with quiet.task("x", unit="B") as task:
        task.total(2)
        task.advance()
    quiet.note("said")
    assert quiet.notes == ["said"]


def test_bars_appear_with_rate_and_remainder_and_vanish():
    stream = Waiting()
    bars = Bars(stream, after=0.01)
    with bars.task("fetching [x]", unit="packages") as task, bars.task("sizes", unit="B") as other:
        task.total(1000)
        other.total(10_000_000)
        task.advance(10)
        stream.wait_for("fetching [x]")
        other.advance(5_000_000)
        bars.note("a note")
        stream.wait_for("5.0 MB of 10.0 MB")
        task.advance(490)
        stream.wait_for("500/1000 packages")
        assert " left" in stream.getvalue()
    assert "a note" in stream.getvalue()
    assert stream.getvalue().rstrip("\r").endswith("\x1b[?25h")  # the cursor is back


def test_bars_take_reports_from_many_threads():
    stream = Waiting()
    bars = Bars(stream, after=0.0)

    def work(number):
        with bars.task(f"t{number}", unit="files") as task:
            task.total(200)
            for _ in range(200):
                task.advance()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not bars._open
    assert bars._display is None


RICH = """
import sys, time
from stead.cli.progress import progress_for
progress = progress_for(sys.stderr, is_tty={tty})
with progress.task("linking", unit="files") as task:
    task.total(2); task.advance(2)
    time.sleep({sleep})
print("rich" in sys.modules)
"""


@pytest.mark.parametrize(
    ("tty", "sleep", "imported"), [(True, 0, False), (False, 0.6, False), (True, 2.0, True)]
)
def test_rich_is_imported_only_when_a_bar_shows(tty, sleep, imported):
    controller, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", RICH.format(tty=tty, sleep=sleep)],
            stdout=subprocess.PIPE,
            stderr=terminal if tty else subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        os.close(terminal)
        os.close(controller)
    assert done.stdout.strip() == str(imported)
