"""The process runner, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from stead.cli import runner
from stead.cli.runner import run
from stead.values.errors import SteadError

PYTHON = sys.executable


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def gone(pid, within=10.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_gives_code_and_both_outputs():
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_death_by_signal_is_a_negative_code():
    assert run(["sh", "-c", "kill -TERM $$"]).returncode == -signal.SIGTERM


def test_arguments_reach_the_program_as_they_are():
    hostile = ["", " ", "a\nb", "$HOME", "`id`", "é", "-x", "'\""]
    done = run([PYTHON, "-c", "import sys; print(sys.argv[1:])", *hostile])
    assert done.stdout.strip() == repr(hostile)


def test_env_replaces_the_callers_and_none_keeps_it(monkeypatch):
    monkeypatch.setenv("CALLER", "1")
    assert run(["/usr/bin/env"], env={"A": "b"}).stdout == "A=b\n"
    assert "CALLER=1\n" in run(["/usr/bin/env"]).stdout


def test_works_in_the_given_directory(tmp_path):
    assert run(["/bin/pwd"], cwd=str(tmp_path)).stdout.strip() == str(tmp_path)


def test_without_input_a_child_reads_nothing():
    assert run(["cat"]).stdout == ""


@pytest.mark.parametrize("follow", [False, True])
def test_large_input_and_outputs_do_not_block(follow):
    text = "x" * 1_000_000
    code = (
        "import sys; t = sys.stdin.read(); sys.stdout.write(t); "
        "sys.stderr.write('y' * 1_000_000); sys.exit(len(t) != 1_000_000)"
    )
    lines = []
    done = run([PYTHON, "-c", code], stdin=text, on_line=lines.append if follow else None)
    assert done.returncode == 0
    assert len(done.stdout) == len(done.stderr) == 1_000_000
    assert lines == (["y" * 1_000_000] if follow else [])


@pytest.mark.parametrize("follow", [False, True])
def test_a_child_may_leave_its_input_unread(follow):
    done = run(["true"], stdin="x" * 1_000_000, on_line=print if follow else None)
    assert done.returncode == 0


def test_lines_come_while_the_child_runs():
    came = []

    def on_line(line):
        came.append((line, time.monotonic()))

    run(["sh", "-c", "echo one >&2; sleep 0.3; printf 'two\\rthree\\n' >&2"], on_line=on_line)
    assert [line for line, _ in came] == ["one", "two", "three"]
    assert came[1][1] - came[0][1] > 0.2


def test_bytes_that_are_no_utf8_survive():
    done = run(["printf", r"\377/a"])
    assert os.fsencode(done.stdout) == b"\xff/a"


@pytest.mark.parametrize(
    ("argv", "cwd", "message"),
    [
        (["no-such-program"], None, "not found"),
        (["true"], "/no/such/directory", "no such directory"),
        (["/etc/passwd"], None, "may not be run"),
        (["tr\0ue"], None, "cannot start"),
    ],
)
def test_a_program_that_cannot_start_is_an_error(argv, cwd, message):
    with pytest.raises(SteadError, match=message):
        run(argv, cwd=cwd)


def test_a_file_without_format_is_an_error(tmp_path):
    program = tmp_path / "p"
    program.write_bytes(b"\x00\x01")
    program.chmod(0o755)
    with pytest.raises(SteadError, match="cannot start"):
        run([str(program)])


def test_an_error_of_on_line_ends_the_child_and_what_it_started(tmp_path):
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $$ $! > {pids}; echo go >&2; wait"

    def on_line(line):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(["sh", "-c", script], on_line=on_line)
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_a_child_that_ignores_the_polite_signal_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 0.2)
    pids = tmp_path / "pids"

    def on_line(line):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(
            ["sh", "-c", f"trap '' TERM; echo $$ > {pids}; echo go >&2; sleep 600"], on_line=on_line
        )
    assert gone(int(pids.read_text()))


INTERRUPTED = """
import sys
from stead.cli.errors import guard
from stead.cli.runner import run
with guard() as outcome:
    run(["sh", "-c", "sleep 600 & echo $$ $! > %s; wait"])
sys.exit(outcome.code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_whole_group_of_the_child(tmp_path, number, code):
    pids = tmp_path / "pids"
    process = subprocess.Popen(
        # Whoever runs the tests may have chosen to ignore interrupts, which is inherited.
        ["env", "--default-signal=INT,TERM", PYTHON, "-c", INTERRUPTED % pids],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (pids.exists() and len(pids.read_text().split()) == 2):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=90)
    assert process.returncode == code
    assert "Traceback" not in said
    assert all(gone(int(pid)) for pid in pids.read_text().split())


@pytest.fixture
def stopping():
    yield runner.stop_all
    runner.begin()


def in_thread(function):
    """Start a thread, which may be ended in silence as any thread may be: by SystemExit."""

    def work():
        with contextlib.suppress(SystemExit):
            function()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_stop_all_reaches_children_of_other_threads(stopping):
    ended = []

    def work():
        ended.append(run(["sleep", "600"]))

    thread = in_thread(work)
    while not runner._live:
        time.sleep(0.01)
    pids = [child.pid for child in runner._live]
    stopping()
    thread.join(90)
    assert not thread.is_alive()
    assert all(gone(pid) for pid in pids)
    # What it has said is no answer: nobody goes on with it.
    assert ended == []
    assert not runner._live


def test_once_stopping_has_begun_no_thread_starts_another(stopping):
    """Threads that try again and again, as one does whose first program was ended."""
    tried = threading.Event()

    def work():
        while True:
            run(["sleep", "0.02"])
            tried.set()

    threads = [in_thread(work) for _ in range(4)]
    assert tried.wait(90)
    stopping()
    for thread in threads:
        thread.join(90)
    assert not any(thread.is_alive() for thread in threads)
    assert not runner._live


def test_the_main_thread_may_still_clean_up(stopping):
    stopping()
    assert run(["true"]).returncode == 0
    runner.begin()
    done = []
    thread = in_thread(lambda: done.append(run(["true"]).returncode))
    thread.join(90)
    assert done == [0]


def test_a_child_that_was_just_started_is_ended_too(stopping, monkeypatch):
    """Stopping begins after a thread has looked, and before its child is known."""
    started = []
    popen = subprocess.Popen

    def late(*args, **options):
        child = popen(*args, **options)
        started.append(child.pid)
        stopping()
        return child

    monkeypatch.setattr(subprocess, "Popen", late)
    thread = in_thread(lambda: run(["sleep", "600"]))
    thread.join(90)
    assert not thread.is_alive()
    assert gone(started[0])


def test_a_child_has_no_terminal_to_ask_at():
    """A password prompt fails at once, instead of waiting unseen."""
    done = run(["sh", "-c", ": < /dev/tty"])
    assert done.returncode != 0


def too_long(argv, pid):
    """Run what takes too long, with more and more time until it has said what it started."""
    for seconds in (0.5, 5, 50):
        with pytest.raises(TimeoutError):
            run(argv, timeout=seconds)
        if pid.exists() and pid.read_text():
            return


def test_what_takes_too_long_is_ended_with_all_it_started(tmp_path):
    pid = tmp_path / "pid"
    too_long(["sh", "-c", f"sleep 600 & echo $! > {pid}; wait"], pid)
    assert gone(int(pid.read_text()))


def test_what_leaves_its_group_and_keeps_the_pipe_is_not_waited_for(tmp_path):
    pid = tmp_path / "pid"
    program = f"setsid sh -c 'echo $$ > {pid}; exec sleep 600' & while ! test -s {pid}; do sleep 0.01; done"
    too_long(["sh", "-c", program], pid)
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_what_prints_too_much_is_ended():
    done = run(["cat", "/dev/zero"], timeout=30, most_output=1000)
    assert len(done.stdout) == 1001
    assert done.returncode == -signal.SIGKILL


def test_within_its_bounds_a_program_is_as_without_them():
    script = "read x; echo out $x; echo err >&2; exit 3"
    done = run(["sh", "-c", script], stdin="in\n", timeout=30, most_output=1000)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out in\n", "err\n")


@pytest.mark.parametrize("away", ["", "setsid "])
def test_whose_lines_are_followed_ends_though_others_hold_its_outputs(away):
    lines = []
    done = run(["sh", "-c", f"{away}sleep 20 & echo $! >&2"], on_line=lines.append)
    try:
        assert (done.returncode, done.stderr) == (0, f"{lines[0]}\n")
        assert away or gone(int(lines[0]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(lines[0]), signal.SIGKILL)


def test_of_a_flood_the_end_is_kept():
    # Twice as much as is kept, in lines that are long enough to be few.
    flood = "import sys\nfor n in range(100_000): print('line', '-' * 160, n, file=sys.stderr)"
    count = 0

    def on_line(_):
        nonlocal count
        count += 1

    done = run([PYTHON, "-c", flood], on_line=on_line)
    assert count == 100_000
    assert done.stderr.endswith("- 99999\n")
    assert len(done.stderr) <= runner.MOST_OUTPUT
