"""Ends commands where this process can no longer do so: it was killed by force.

Commands lead sessions of their own, so nothing that ends this process reaches them by
itself. A shell beside it reads from a pipe which groups of processes there are. When
nobody holds the pipe's other end any more, it kills what it has not been told to forget.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

_SCRIPT = """
exec 3<&0
{
    left=
    while read -r what number; do
        case $what in
        +) left="$left -$number" ;;
        -)
            kept=
            for one in $left; do [ "$one" = "-$number" ] || kept="$kept $one"; done
            left=$kept
            ;;
        esac
    done <&3
    [ -z "$left" ] || kill -s KILL -- $left
} >/dev/null 2>&1 &
"""


class _Pipe:
    lock = threading.Lock()
    begun = False
    end = -1


def begin() -> None:
    """Start the shell, once in a process. It is nobody's child, if called before adopting.

    Where there is none (or on Windows), commands go on until they end by themselves.
    """
    with _Pipe.lock:
        if _Pipe.begun or sys.platform == "win32":
            return
        _Pipe.begun = True
        source, target = os.pipe()
        try:
            subprocess.run(
                ["/bin/sh", "-c", _SCRIPT],
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


def watch(group: int) -> None:
    """Have a group of processes ended, should this process be killed."""
    _tell(f"+ {group}\n")


def forget(group: int) -> None:
    """Leave a group alone that has been seen to."""
    _tell(f"- {group}\n")


def _tell(line: str) -> None:
    if _Pipe.end >= 0:
        try:
            # So short a line is written at once, whoever else writes.
            os.write(_Pipe.end, line.encode())
        except OSError:
            _Pipe.end = -1  # somebody has ended the shell
