"""A whole run is stopped from outside: Ctrl-C on a terminal, signals, the terminal closed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pexpect
import pytest

DRIVER = """
import json, os, signal, sys, threading
from stead.matrix import commands, scheduler
from stead.matrix.limits import Limits
from stead.matrix.running import Job, Stop
from stead.values.suite import Ready, Result, Work
from stead.values.testenv import TestCommand

what, parallel = sys.argv[1], int(sys.argv[2])
ready = Ready("k", "/p", "/p", ())

def sh(text):
    return TestCommand(("sh", "-c", text))

def cell(name, text, **work):
    terms = commands.Terms(os.environ, os.path.abspath(f"{name}.log"))
    here = Work(commands=(sh(text),), directory=os.getcwd(), **work)
    return Job(name, "cell", lambda turn: commands.run(here, ready, terms, turn))

note = "echo $$ >{0}.pid; setsid sleep 1000 & sleep 1000 & echo READY {0}; "
wait = "while :; do sleep 0.02; done"
polite = "trap 'exit 3' INT; " + note + wait
deaf = "trap '' INT TERM HUP QUIT; " + note + wait

def stuck(turn):
    turn.line("READY stuck")
    threading.Event().wait()

jobs = {
    "polite": [cell(n, polite.format(n), interrupt_timeout=1000) for n in "abc"],
    "deaf": [cell(n, deaf.format(n)) for n in "ab"],
    "patient": [cell("a", deaf.format("a"), interrupt_timeout=1000)],
    "after": [cell("a", polite.format("a"), after=(sh("echo AFTER"),), after_interrupt=True)],
    "stuck": [Job("stuck", "build", stuck)],
}[what]
jobs.append(cell("never", "echo NEVER"))

def emit(event):
    if event.what == "line":
        print(event.text, flush=True)

stop = Stop()
results = scheduler.run(jobs, Limits(parallel), emit, stop)
with open("end.part", "w") as file:
    json.dump({"signal": stop.signal, **{n: r.status for n, r in results.items()}}, file)
os.rename("end.part", "end")
"""


@pytest.fixture
def arguments(tmp_path):
    """Give how a run is started; what is still there of it at the end fails the test."""
    (tmp_path / "driver.py").write_text(DRIVER)
    yield lambda what, parallel: [sys.executable, str(tmp_path / "driver.py"), what, str(parallel)]
    left = [int(n) for n in os.listdir("/proc") if n.isdigit() and stands(n) == str(tmp_path)]
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []


def stands(pid):
    """Give the directory that a process stands in; nothing for one that has ended."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


@pytest.fixture
def run(arguments, tmp_path):
    """Start a run on a terminal of its own."""
    begun = []

    def start(what, parallel=3, ready="abc"):
        program, *rest = arguments(what, parallel)
        begun.append(pexpect.spawn(program, rest, cwd=tmp_path, encoding="utf-8", timeout=60))
        for _ in ready:
            begun[0].expect("READY")
        return begun[0]

    yield start
    for one in begun:
        if not one.closed:
            one.close(force=True)


def outcome(tmp_path):
    deadline = time.monotonic() + 60
    while not (tmp_path / "end").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return json.loads((tmp_path / "end").read_text())


STOPPED = {"a": "interrupted", "b": "interrupted", "c": "interrupted", "never": "interrupted"}


def test_ctrl_c_stops_all_that_runs_and_begins_nothing(run, tmp_path):
    child = run("polite")
    child.sendintr()
    child.expect(pexpect.EOF)
    assert "NEVER" not in child.before
    assert outcome(tmp_path) == {"signal": signal.SIGINT, **STOPPED}


def test_ctrl_c_ends_who_does_not_hear_it(run, tmp_path):
    child = run("deaf", parallel=2, ready="ab")
    child.sendintr()
    child.expect(pexpect.EOF)
    assert outcome(tmp_path)["b"] == "interrupted"


def test_ctrl_c_twice_does_not_wait(run, tmp_path):
    child = run("patient", parallel=1, ready="a")
    child.sendintr()
    time.sleep(0.3)
    assert child.isalive()
    child.sendintr()
    child.expect(pexpect.EOF)
    assert outcome(tmp_path)["a"] == "interrupted"


def test_ctrl_c_lets_commands_after_run_if_they_are_to(run, tmp_path):
    child = run("after", parallel=1, ready="a")
    child.sendintr()
    child.expect("AFTER")
    child.expect(pexpect.EOF)
    assert outcome(tmp_path)["a"] == "interrupted"


def test_ctrl_c_does_not_wait_for_a_job_that_cannot_hear(run, tmp_path):
    child = run("stuck", parallel=1, ready="a")
    child.sendintr()
    child.expect(pexpect.EOF)
    assert outcome(tmp_path)["stuck"] == "interrupted"


def test_a_closed_terminal_stops_all(run, tmp_path):
    child = run("polite")
    child.ptyproc.fileobj.close()
    child.closed = child.ptyproc.closed = True
    child.ptyproc.wait()
    assert outcome(tmp_path) == {"signal": signal.SIGHUP, **STOPPED}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_stop_all(arguments, tmp_path, number):
    child = subprocess.Popen(arguments("polite", 3), cwd=tmp_path, stdout=subprocess.PIPE)
    with child:
        for _ in "abc":
            child.stdout.readline()
        child.send_signal(number)
        child.stdout.read()
    assert outcome(tmp_path) == {"signal": number, **STOPPED}


def test_a_reader_who_leaves_stops_all(arguments, tmp_path):
    child = subprocess.Popen(
        arguments("polite", 1), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with child:
        child.stdout.readline()
        child.stdout.close()
        # The next line cannot be written; without one, nobody notices.
        os.kill(int((tmp_path / "a.pid").read_text()), signal.SIGINT)
        assert b"BrokenPipeError" in child.stderr.read()
    assert child.returncode != 0


def test_what_is_ignored_stays_ignored(arguments, tmp_path):
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *arguments("polite", 3)]
    child = subprocess.Popen(ignoring, cwd=tmp_path, stdout=subprocess.PIPE)
    with child:
        for _ in "abc":
            child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert child.poll() is None
        child.terminate()
        child.stdout.read()
    assert outcome(tmp_path)["signal"] == signal.SIGTERM
