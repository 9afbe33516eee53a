"""A child that has the terminal: what a shell in a shell needs, and a question on it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from stead.pipeline.signals import handling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GRACE = 5.0
"""Seconds that a shell gets to end when its terminal is gone."""

_END = ("SIGHUP", "SIGTERM")
_FROM_TERMINAL = ("SIGINT", "SIGQUIT", "SIGTSTP")


def run_shell(argv: Sequence[str], environ: Mapping[str, str], cwd: str) -> tuple[int, bool]:
    """Run an interactive shell to its end; gives its exit code, and whether it was to end.

    That is so where the terminal was closed, or this process was asked to end: the
    shell gets SIGHUP then, as from a terminal. Afterwards the terminal is as it was.
    Raises OSError where the shell cannot be started.
    """
    asked: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def end(number: int, _: object) -> None:
        asked.append(number)
        for child in children:
            _hang_up(child)

    def leave_to_child(_: int, __: object) -> None:
        """Not SIG_IGN, which the child would inherit."""

    with handling({_END: end, _FROM_TERMINAL: leave_to_child}), _terminal_kept():
        child = subprocess.Popen(list(argv), env=dict(environ), cwd=cwd)
        children.append(child)
        if asked:
            _hang_up(child)
        with _not_outlived_by(child.pid):
            code = _ended(child, asked)
    hung_up = bool(asked) or code == -getattr(signal, "SIGHUP", 1)
    return (code if code >= 0 else 128 - code), hung_up


def _ended(child: subprocess.Popen[bytes], asked: list[int]) -> int:
    while True:
        try:
            return child.wait(GRACE if asked else 1.0)
        except subprocess.TimeoutExpired:
            if asked:
                child.kill()
                return child.wait()


_WATCH = """\
read -r _ && exit
sleep 0.2 || sleep 1
kill -HUP "$1" && kill -CONT "$1"
for _ in 1 2 3 4 5; do sleep 1; kill -0 "$1" || exit; done
kill -KILL "$1"
"""


@contextlib.contextmanager
def _not_outlived_by(pid: int) -> Iterator[None]:
    """Have a shell ended, as by a closed terminal, if this process is killed meanwhile.

    Else both it and the shell around it would read what is typed. A process waits for the
    end of a pipe whose other end is here alone, and which the kernel closes. The shell around
    takes the terminal back before.
    """
    watch = None
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            watch = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "sh", str(pid)],
                env={"PATH": os.defpath},
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    try:
        yield
    finally:
        if watch is not None:
            watch.communicate(b"\n")


def _hang_up(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(getattr(signal, "SIGHUP", signal.SIGTERM))
        if hasattr(signal, "SIGCONT"):
            child.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Give the terminal back its settings, and itself the terminal: a killed shell does neither."""
    if sys.platform == "win32":
        yield
        return
    import termios

    try:
        settings = termios.tcgetattr(0)
    except (termios.error, OSError):
        yield
        return
    try:
        yield
    finally:
        # Who is not in the foreground is stopped for this, unless it ignores the signal.
        former = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with contextlib.suppress(OSError, termios.error):
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
        signal.signal(signal.SIGTTOU, former)


def choose(question: str, answers: Mapping[str, str], otherwise: str) -> str:
    """Ask until one of the answers comes: letter → meaning; gives the meaning.

    ``otherwise`` is what the end of input, a closed terminal or Ctrl-C mean.
    """
    try:
        while True:
            print(question, end=" ", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                print(file=sys.stderr)
                return otherwise
            word = line.strip().lower()
            for letter, meaning in answers.items():
                if word and (word == letter or meaning.startswith(word)):
                    return meaning
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return otherwise
    except OSError:
        return otherwise
