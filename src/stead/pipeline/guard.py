"""Ends programs where this process can no longer do so: it was killed by force.

Programs lead sessions of their own, so nothing that ends this process reaches them by
itself. A shell beside it reads from a pipe which groups of processes there are. When
nobody holds the pipe's other end any more, it kills what it has not been told to forget;
and then, on Linux, what bears this process's mark: that has left its group, or had just
begun.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "STEAD_CELL"
"""The variable that marked processes bear; within others, behind the mark of those."""

_SCRIPT = """
exec 3<&0
{
    left= begun=
    while read -r what which; do
        case $what in
        group) left="$left -$which" ;;
        begin) begun="$begun $which" ;;
        forget | begun)
            kept=
            [ $what = forget ] && all=$left which=-$which || all=$begun
            for one in $all; do [ "$one" = "$which" ] || kept="$kept $one"; done
            [ $what = forget ] && left=$kept || begun=$kept
            ;;
        esac
    done <&3
    exec 3<&-
    [ -n "$left$begun" ] || exit
    [ -z "$left" ] || kill -s KILL -- $left
    # What is killed may have started something meanwhile, and what begins bears no mark at first.
    quiet=0 rounds=0
    while [ $quiet -lt 3 ] && [ $rounds -lt 100 ]; do
        quiet=$((quiet + 1)) rounds=$((rounds + 1))
        for one in $(grep -ls -- "$1" /proc/[0-9]*/environ); do
            one=${one#/proc/}
            kill -s KILL "${one%/environ}" && quiet=0
        done
        sleep 0.1
    done
} >/dev/null 2>&1 &
"""


class _Pipe:
    lock = threading.Lock()
    mark = ""
    end = -1


_numbers = itertools.count()


def mark(caller: Mapping[str, str]) -> str:
    """Give the mark of what this process starts, behind the one that it bears itself."""
    begin()
    return f"{caller[MARK]}/{_Pipe.mark}" if MARK in caller else _Pipe.mark


def begin() -> None:
    """Start the shell, once in a process. It is nobody's child, if called before adopting.

    Where there is none (or on Windows), programs go on until they end by themselves.
    """
    with _Pipe.lock:
        if _Pipe.mark:
            return
        _Pipe.mark = os.urandom(8).hex()
        if sys.platform == "win32":
            return
        source, target = os.pipe()
        try:
            subprocess.run(
                ["/bin/sh", "-c", _SCRIPT, "sh", _Pipe.mark],
                stdin=source,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            os.close(target)
        else:
            _Pipe.end = target
        finally:
            os.close(source)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Start a program within the block, and say there which: it is missed at no moment."""
    number = next(_numbers)
    _tell(f"begin {number}\n")
    try:
        yield
    finally:
        _tell(f"begun {number}\n")


def watch(group: int) -> None:
    """Have a group of processes ended, should this process be killed."""
    _tell(f"group {group}\n")


def forget(group: int) -> None:
    """Leave a group alone that has been seen to."""
    _tell(f"forget {group}\n")


def sweep() -> None:
    """Have what bears the mark ended with this process, however that ends.

    What was ended before its time may have left something elsewhere than in its group.
    """
    _tell(f"begin {next(_numbers)}\n")


def _tell(line: str) -> None:
    if _Pipe.end >= 0:
        try:
            # So short a line is written at once, whoever else writes.
            os.write(_Pipe.end, line.encode())
        except OSError:
            _Pipe.end = -1  # somebody has ended the shell
