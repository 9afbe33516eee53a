"""The program ends as soon as its work is done, and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

END = """\
import atexit, sys, threading, time
import stead.__main__

class Late:
    def __del__(self):
        print("taken apart")

late = Late()
atexit.register(print, "asked for")

def work():
    time.sleep(0.2)
    print("worked")

sys.argv = ["stead", *sys.argv[1:]]
%s
sys.exit(stead.__main__.main())
"""


def ended(more, *words):
    argv = [sys.executable, "-c", END % more, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["nothing-like-it"], 2)])
def test_nothing_is_taken_apart_and_all_that_was_asked_for_is_done(words, code):
    found, lines = ended("", *words)
    assert found == code
    assert lines[-1] == "asked for"


def test_others_that_work_are_waited_for():
    code, lines = ended("threading.Thread(target=work).start()", "--version")
    assert code == 0
    assert "worked" in lines


def test_a_thread_that_need_not_end_is_not_waited_for():
    code, lines = ended("threading.Thread(target=work, daemon=True).start()", "--version")
    assert (code, lines[-1]) == (0, "asked for")
