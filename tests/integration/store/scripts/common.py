"""What the scripts share: a small build, and ending at a chosen call to the system."""

from __future__ import annotations

import hashlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALLS = (
    "open",
    "write",
    "fsync",
    "close",
    "mkdir",
    "rename",
    "replace",
    "unlink",
    "rmdir",
    "chmod",
    "fchmod",
    "utime",
    "symlink",
)


def key(number: int) -> str:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return "".join("abcdefghijklmnop"[int(c, 16)] for c in digest[:20])


def fill(temporary: Path, final: Path) -> dict[str, object]:
    """Make a tree of a few directories; each file tells its own name and the build's."""
    for directory in ("bin", "lib", "lib/a", "lib/a/b"):
        os.mkdir(temporary / directory)
        for number in range(4):
            name = f"{directory}/file{number}"
            (temporary / name).write_text(f"{final}/{name}\n" * 50)
    os.symlink("file0", temporary / "bin" / "link")
    return {"files": 16}


def is_whole(build: Path) -> bool:
    """Say whether every file of :func:`fill` is there with its contents."""
    for directory in ("bin", "lib", "lib/a", "lib/a/b"):
        for number in range(4):
            name = f"{directory}/file{number}"
            if (build / name).read_text() != f"{build}/{name}\n" * 50:
                return False
    return os.readlink(build / "bin" / "link") == "file0"


def in_child(work: Callable[..., object], *arguments: object) -> int:
    """Run ``work(*arguments)`` in a child process; gives its pid. It ends with 0, or 1 for an error."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - a child must never go on as its parent
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a child; gives its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_at(number: int) -> None:
    """Have this process killed just before its ``number``-th change to the file system."""
    count = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def instead(*args: object, **kwargs: object) -> object:
            nonlocal count
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return call(*args, **kwargs)

        return instead

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
