"""Commands that misbehave: floods, orphans, deafness to signals; and being stopped."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from stead.matrix.commands import Terms, run
from stead.matrix.running import Stop, Turn
from stead.values.suite import Ready, Work
from stead.values.testenv import TestCommand

CALLER = {"PATH": os.environ["PATH"]}


def sh(text):
    return TestCommand(("sh", "-c", text))


def py(text):
    return TestCommand((sys.executable, "-c", text))


class Cell:
    """Runs works in a directory; ``on_line`` is told of each line of output."""

    def __init__(self, directory):
        self.directory = directory
        self.lines = []
        self.stop = Stop()
        self.on_line = lambda text: None

    def __call__(self, *, most_log=1 << 20, attempt=1, **work):
        def say(what, text):
            if what == "line":
                self.lines.append(text)
                self.on_line(text)

        return run(
            Work(directory=str(self.directory), **work),
            Ready("key", "/p", "/p", ()),
            Terms(CALLER, str(self.directory / "cell.log"), most_log=most_log),
            Turn("cell", say, self.stop, attempt=attempt),
        )

    @property
    def log(self):
        return (self.directory / "cell.log").read_bytes()

    def pid(self, name):
        return int((self.directory / name).read_text())


@pytest.fixture
def cell(tmp_path):
    return Cell(tmp_path)


def is_there(pid):
    """Say whether a process is there and not only waiting to be noticed as dead."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


# -- output


@pytest.mark.slow
def test_a_flood_of_a_gigabyte_fills_neither_disk_nor_memory(cell):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = cell(commands=(sh("echo first; yes flooding | head -c 999999999; echo last"),))
    assert result.status == "passed"
    log = cell.log
    assert len(log) < 3 << 20
    assert b"\nfirst\nflooding\n" in log
    assert log.endswith(b"flooding\nlast\n")
    assert b" bytes are left out here ...]\nflooding\n" in log
    left_out = int(log.partition(b"\n[... ")[2].split()[0])
    head, _, tail = log.partition(b"\n[... ")
    kept = len(head) + len(tail.partition(b"...]\n")[2])
    shell_line = len(log.partition(b"\n")[0]) + 1
    assert left_out + kept - shell_line == 999_999_999 + len("first\n") + len("last\n")
    lines = 999_999_999 // 9 + 2
    assert cell.lines[200_000] == f"[{lines - 200_000 - 100} lines are in the log alone]"
    assert cell.lines[-2:] == ["flooding", "last"]
    assert len(cell.lines) == 200_000 + 1 + 100
    # In kilobytes; the lines that this test keeps are the most of it.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_line_without_an_end_is_passed_on_in_pieces(cell):
    cell(
        commands=(sh("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next"),), most_log=1 << 21
    )
    *pieces, last = cell.lines
    assert (sum(map(len, pieces)), last) == (1_000_000, "next")
    assert max(map(len, pieces)) <= 65536
    assert b"x" * 1_000_000 in cell.log


def test_output_without_a_last_line_end_is_not_lost(cell):
    cell(commands=(sh("printf one"), sh("printf two")))
    assert cell.lines == ["one", "two"]
    assert b"\none\n$ " in cell.log


def test_zeros_in_the_output_stay_where_they_are(cell):
    cell(commands=(sh(r"printf 'a\0b\0'; sleep 0.1; printf '\0'"),))
    assert cell.log.endswith(b"a\0b\0\0")
    assert cell.lines == ["a\0b\0\0"]


def test_what_a_carriage_return_writes_over_is_not_shown(cell):
    cell(commands=(sh(r"printf '10%%\r20%%\r100%%\r\nend\r\n'"),))
    assert cell.lines == ["100%", "end"]
    assert b"10%\r20%\r100%\r\n" in cell.log


def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path):
    cell = Cell(tmp_path)
    (tmp_path / "cell.log").symlink_to("/dev/full")
    result = cell(commands=(sh("echo shown"),), attempt=2)
    assert result.status == "passed"
    assert cell.lines[0] == "shown"
    assert "is not complete: No space left on device" in cell.lines[1]


# -- what is left behind


def test_what_a_command_leaves_behind_ends_with_the_cell(cell):
    left = (
        "sleep 1000 & echo $! >one; setsid sh -c 'echo $$ >two; exec sleep 1000 >/dev/null 2>&1' &"
    )
    result = cell(commands=(sh(f"{left} until test -s two; do sleep 0.01; done"),))
    assert result.status == "passed"
    assert not is_there(cell.pid("one"))
    assert not is_there(cell.pid("two"))
    assert cell.lines == ["processes left behind have been ended: 2"]
    assert b"processes left behind" in cell.log


def test_a_daemon_that_hides_well_and_ignores_signals_is_ended_too(cell):
    daemon = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
os.closerange(0, 20)
with open("pid.part", "w") as file: file.write(str(os.getpid()))
os.rename("pid.part", "pid")
time.sleep(1000)
"""
    result = cell(commands=(py(daemon), sh("until test -e pid; do sleep 0.01; done")))
    assert result.status == "passed"
    assert not is_there(cell.pid("pid"))


def test_what_a_run_within_a_run_leaves_behind_is_ended_too(cell):
    cell(commands=(sh("STEAD_CELL=$STEAD_CELL/inner setsid sleep 1000 & echo $! >pid"),))
    assert not is_there(cell.pid("pid"))


def test_who_becomes_another_program_all_the_time_is_ended_too(cell):
    """Its variables are often not there to be seen: the kernel is about to lay them out anew."""
    again = cell.directory / "again"
    again.write_text("#!/bin/sh\nexec ./again\n")
    again.chmod(0o755)
    for _ in range(20):
        cell(commands=(sh("setsid ./again & echo $! >pid"),))
        assert not is_there(cell.pid("pid"))


def test_a_server_begun_before_is_there_for_the_commands_and_gone_at_the_end(cell):
    server = "while echo tick; do sleep 0.05; done & echo $! >server"
    result = cell(
        before=(sh(server),), commands=(sh("kill -0 $(cat server)"),), after=(sh("test -e server"),)
    )
    assert result.status == "passed"
    assert not is_there(cell.pid("server"))
    assert "tick" in cell.lines


def test_other_children_of_this_process_are_left_alone(cell):
    import subprocess

    own = subprocess.Popen(["sleep", "1000"])
    try:
        cell(commands=(sh("setsid sleep 1000 &"),))
        assert own.poll() is None
    finally:
        own.kill()
        own.wait()


# -- time


DEAF = "trap '' INT TERM HUP; echo deaf; while :; do sleep 0.05; done"


def test_a_command_that_takes_too_long_is_ended_and_after_runs(cell):
    result = cell(commands=(sh("sleep 1000"), sh("echo never")), after=(sh("echo x"),), timeout=0.3)
    assert (result.status, result.reason) == ("timeout", "not done after 0.3 s")
    assert cell.lines == ["not done after 0.3 s", "x"]
    assert [one.code for one in result.commands] == [-2, 0]


def test_the_time_is_that_of_all_commands_together(cell):
    # Each alone has time enough.
    result = cell(commands=(sh("sleep 0.7"), sh("sleep 0.7")), timeout=1)
    assert result.status == "timeout"


def test_who_ignores_signals_is_killed(cell):
    result = cell(commands=(sh(DEAF),), timeout=0.5)
    assert (result.status, result.commands[0].code) == ("timeout", -9)


def test_a_command_that_runs_out_of_time_is_asked_before_it_is_told(cell):
    text = "trap 'echo asked; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    result = cell(commands=(sh(text),), timeout=1, interrupt_timeout=30)
    assert (result.status, result.commands[0].code) == ("timeout", 5)
    assert cell.lines == ["ready", "asked", "not done after 1 s"]


# -- stopping


def stopping(cell, line, times=1):
    """Have all stopped when a line is printed; twice means at once."""

    def asks(text):
        if text == line:
            threading.Thread(target=lambda: [cell.stop.ask() for _ in range(times)]).start()

    cell.on_line = asks


POLITE = "trap 'echo ending; exit 5' INT; echo ready; while :; do sleep 0.05; done"


def test_when_stopped_a_command_is_interrupted_and_nothing_else_runs(cell):
    stopping(cell, "ready")
    result = cell(
        commands=(sh(POLITE), sh("echo never")), after=(sh("echo never"),), interrupt_timeout=30
    )
    assert (result.status, result.reason) == ("interrupted", "stopped")
    assert cell.lines == ["ready", "ending"]


def test_commands_after_run_when_stopped_if_they_are_to(cell):
    stopping(cell, "ready")
    result = cell(
        commands=(sh(POLITE),),
        after=(sh("echo after"),),
        after_interrupt=True,
        interrupt_timeout=30,
    )
    assert result.status == "interrupted"
    assert cell.lines == ["ready", "ending", "after"]


def test_stopped_twice_commands_after_end_too(cell):
    stopping(cell, "again", times=2)
    result = cell(
        commands=(sh("echo ready"),),
        after=(sh("trap '' INT TERM; echo again; while :; do sleep 0.05; done"),),
        after_interrupt=True,
        interrupt_timeout=1000,
    )
    assert result.status == "interrupted"
    assert result.commands[-1].code == -9


def test_who_ignores_being_stopped_is_killed(cell):
    stopping(cell, "deaf")
    result = cell(commands=(sh(DEAF),))
    assert (result.status, result.commands[0].code) == ("interrupted", -9)


def test_asked_twice_nobody_waits(cell):
    stopping(cell, "deaf", times=2)
    result = cell(commands=(sh(DEAF),), interrupt_timeout=1000, terminate_timeout=1000)
    assert (result.status, result.commands[0].code) == ("interrupted", -9)


def test_a_command_may_end_by_itself_before_it_is_told(cell):
    stopping(cell, "ready")
    text = "trap 'echo told; exit 1' INT; echo ready; until test -e end; do sleep 0.05; done"
    ready = cell.on_line

    def ends_by_itself(line):
        ready(line)
        (cell.directory / "end").touch()

    cell.on_line = ends_by_itself
    result = cell(commands=(sh(text),), suicide_timeout=1000)
    assert (result.status, cell.lines) == ("interrupted", ["ready"])


def test_all_of_a_commands_processes_are_interrupted_as_by_a_terminal(cell):
    stopping(cell, "ready")
    inner = "trap 'echo inner; exit' INT; echo ready; while :; do sleep 0.05; done"
    result = cell(commands=(sh(f'sh -c "{inner}"; echo outer'),), interrupt_timeout=30)
    assert result.status == "interrupted"
    assert cell.lines[:2] == ["ready", "inner"]


def test_a_stopped_cell_begins_no_command(cell):
    cell.stop.ask()
    result = cell(commands=(sh("echo never"),), after=(sh("echo never"),))
    assert (result.status, result.commands, cell.lines) == ("interrupted", (), [])


def test_a_fault_of_the_listener_leaves_nothing_running(cell):
    def fails(text):
        (cell.directory / "go").touch()
        raise BrokenPipeError

    cell.on_line = fails
    with pytest.raises(BrokenPipeError):
        cell(commands=(sh("echo a; until test -e go; do sleep 0.01; done; echo b; echo $$ >pid"),))
    assert not is_there(cell.pid("pid"))


def test_no_descriptors_or_threads_are_kept(cell):
    def count():
        deadline = time.monotonic() + 90
        while threading.active_count() > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    cell(commands=(sh("true"),))
    before = count()
    for _ in range(5):
        cell(commands=(sh("echo a"), sh("setsid sleep 100 &")))
    assert count() == before
