"""The program ends itself when its work is done, and not before all was that others asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

END = """\
import atexit, sys, threading, time
import stead.__main__

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
def test_what_others_asked_for_at_the_end_is_done(words, code):
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
