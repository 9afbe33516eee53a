"""What commands leave behind: processes that go on when the command has ended.

Each command leads a session of its own, whose process group is known. What left that
group is found on Linux by two more signs: this process adopts what loses its parent
(a *child subreaper*), and every process of a cell bears the cell's mark among its
variables. Elsewhere, who makes a session of its own gets away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from stead.pipeline.guard import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_MOMENT = 0.1
"""Seconds in which what is about to end (a tracker of resources …) may do so by itself."""
_HIDDEN = 5.0
"""Seconds at most for what shows nothing of itself yet: it is becoming another program."""
_LOOKS = 4
"""How often is looked at most for what was born while one looked."""
_PR_SET_CHILD_SUBREAPER = 36


def starting(system: str) -> dict[str, Any]:
    """Say how :class:`subprocess.Popen` starts a command apart from this process's signals.

    ``system`` is a ``sys.platform``.
    """
    if system == "win32":
        return {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}


def means(system: str) -> tuple[str, ...]:
    """Name what is sent to a command to end it, one after the other: names of signals.

    ``KILL_TREE`` stands for ending a process with all that it started, by force.
    """
    if system == "win32":
        return ("CTRL_BREAK_EVENT", "KILL_TREE")
    return ("SIGINT", "SIGTERM", "SIGKILL")


def tree_killer(pid: int) -> list[str]:
    """Give the command that ends a process with all that it started, on Windows."""
    return ["taskkill", "/F", "/T", "/PID", str(pid)]


def send(pid: int, name: str) -> None:
    """Send one of :func:`means` to the group that a command leads; it may be gone."""
    if sys.platform == "win32":  # pragma: no cover - other systems never run this
        import subprocess

        if name == "KILL_TREE":
            subprocess.call(tree_killer(pid), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            with contextlib.suppress(OSError):
                os.kill(pid, getattr(signal, name))
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, getattr(signal, name))


def adopt() -> None:
    """Become the parent of what loses its own, on Linux; elsewhere nothing happens."""
    if sys.platform != "linux" or _Adopting.begun:
        return
    import ctypes

    _Adopting.begun = True
    # A kernel that refuses leaves what the process groups know.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class _Adopting:
    begun = False


def end(groups: Iterable[int], mark: str, patience: float, *, at_once: bool = False) -> int:
    """End what is left of the groups and of what bears the mark; gives how many there were.

    They are asked first, and made to after ``patience`` seconds, or ``at_once``.
    """
    if sys.platform == "win32":
        return 0  # who is left has no living parent to be found by
    groups = tuple(groups)
    if not _left(groups, mark):
        return 0
    until = time.monotonic() + _MOMENT
    while not at_once and time.monotonic() < until:
        time.sleep(0.005)
        if not _left(groups, mark):
            return 0
    ended: set[int] = set()
    until = time.monotonic() + (0 if at_once else patience)
    asked: set[int] = set()
    # What is ended may leave something behind in its turn.
    while left := _left(groups, mark):
        late = time.monotonic() >= until
        for number in left:
            if late or number not in asked:
                _signal(number, signal.SIGKILL if late else signal.SIGTERM)
        asked |= left
        ended |= left
        if late and time.monotonic() >= until + 1.0:
            break  # in the hands of the kernel: a disk or a device that does not answer
        time.sleep(0.005)
    # Those of a group are counted where they were found one by one.
    return sum(number > 0 for number in ended) or len(ended)


def _signal(number: int, what: int) -> None:
    """Send a signal to a process, or, where the number is negative, to a group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, what)


def _left(groups: tuple[int, ...], mark: str) -> set[int]:
    """Give the processes that are there still; a group whose members are unknown, negative."""
    found = _marked(mark) if _Adopting.begun else set()
    for group in groups:
        _reap(-group)
        with contextlib.suppress(ProcessLookupError):
            try:
                os.killpg(group, 0)
            except PermissionError:
                continue  # of others, who took a number that had become free
            found.add(-group)
    return found


def _reap(number: int) -> bool:
    """Take notice of the end of adopted processes; says whether one had ended."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(number, os.WNOHANG)[0] != 0
    return False


def _marked(mark: str) -> set[int]:
    """Find adopted processes with the mark, and all below them.

    That there are none is said only when that is sure: who is becoming another program
    shows no variables for a moment, and who ends may have begun another after one had
    listed what there is.
    """
    sign = f"{MARK}={mark}".encode()
    here = os.getpid()
    until = time.monotonic() + _HIDDEN
    looks = 0
    while not _childless():
        parents, some_ended = _parents()
        mine = {pid: _bears(pid, sign) for pid, parent in parents.items() if parent == here}
        found = below(parents, (pid for pid, bears in mine.items() if bears))
        left = {pid for pid in found if not _reap(pid)}
        looks += 1
        hidden = None in mine.values() and time.monotonic() < until
        unsure = hidden or (some_ended and looks < _LOOKS)
        if left or not unsure:
            return left
        time.sleep(0.002)
    return set()


def below(parents: Mapping[int, int], top: Iterable[int]) -> set[int]:
    """Give these processes with all that descend from them; ``parents`` has everyone's parent."""
    found = set(top)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _childless() -> bool:
    """Say whether this process has no child at all, which is quickly asked."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _parents() -> tuple[dict[int, int], bool]:
    """Read every process's parent, and say whether some ended meanwhile.

    (Lists of children are not in every kernel.)
    """
    found = {}
    some_ended = False
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = _start(f"/proc/{name}/stat", 512)
            except OSError:
                some_ended = True
                continue
            # "PID (NAME) STATE PARENT …", and a name may have brackets in it.
            found[int(name)] = int(text[text.rindex(b")") + 1 :].split(None, 2)[1])
    return found, some_ended


def _start(path: str, size: int) -> bytes:
    """Read so many bytes at most, quicker than a file object does."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def _bears(pid: int, sign: bytes) -> bool | None:
    """Say whether a process has the mark, or one below it; of what has ended nobody knows.

    None where neither variables nor words are there to be seen, as is so of every process
    within the moment in which it becomes another program.
    """
    try:
        variables = _variables(pid)
        if not variables:
            stat = _start(f"/proc/{pid}/stat", 512)
            if stat[stat.rindex(b")") + 2 :][:1] in b"ZX":
                return False
            if not _start(f"/proc/{pid}/cmdline", 1):
                return None
            variables = _variables(pid)  # it may have become the other between these looks
    except OSError:
        return False
    return any(v == sign or v.startswith(sign + b"/") for v in variables.split(b"\0"))


def _variables(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()
