"""Locks between processes that no crash can leave behind.

The system's own file locks are used: they end with the process that holds
them, however it ends. The file's text only tells those who wait whom they wait
for; nothing depends on it.

Unlinking a lock's file while holding it is safe: whoever waited on the old file
sees that the name no longer means it, and starts over.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from _thread import get_ident  # `threading` takes long to load

from stead.store.atomic import storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    Note = Callable[[str], None]

PATIENCE = 0.2
"""Seconds that one waits before saying so."""


_handed: dict[int, tuple[int, ...]] = {}
"""Descriptors that programs get which a thread starts, by the thread's number."""


def handed_on() -> tuple[int, ...]:
    """Give the descriptors of locks that programs hold as well which this thread starts now."""
    return _handed.get(get_ident(), ())


class Lock:
    """A held lock; :meth:`release` or the end of the process gives it back."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    @contextlib.contextmanager
    def handing_on(self) -> Iterator[None]:
        """Have the programs hold the lock as well that this thread starts within the block.

        Should this process be killed, others wait until these have ended too. A
        release gives the lock back whoever holds it as well.
        """
        thread, before = get_ident(), handed_on()
        _handed[thread] = (*before, self._fd)
        try:
            yield
        finally:
            if before:
                _handed[thread] = before
            else:
                del _handed[thread]

    @property
    def fd(self) -> int:
        return self._fd

    def describe(self, description: str) -> None:
        """Say, for those who wait, who holds this and what for."""
        text = json.dumps({"pid": os.getpid(), "doing": description, "since": time.time()})
        # The note is a courtesy: a full disk must not stop whoever frees it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0) if hasattr(os, "pwrite") else os.write(
                self._fd, text.encode()
            )

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; ``remove`` takes its file away too (exclusive locks only)."""
        if self._fd < 0:
            return
        if remove:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        fd, self._fd = self._fd, -1
        _unlock(fd)
        os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire(
    path: str | os.PathLike[str],
    *,
    shared: bool = False,
    wait: bool = True,
    create: bool = True,
    note: Note | None = None,
    description: str = "",
) -> Lock | None:
    """Take a lock; None if ``wait`` is false and another process has it.

    ``note`` is told what is waited for: what for, which process, since when.
    ``description`` says what the holder does, for those who wait
    (``making the build abc-demo``). Without ``create`` the file must be there.
    Raises StoreError where no lock can be made.
    """
    path = os.fspath(path)
    with storage(path):
        while True:
            fd = _open(path) if create else _open_existing(path, shared=shared)
            try:
                if not _lock(fd, shared=shared, block=False):
                    if not wait:
                        os.close(fd)
                        return None
                    _wait(fd, shared=shared, note=note)
                if _is_current(fd, path):
                    held = Lock(path, fd)
                    if description:
                        held.describe(description)
                    return held
                os.close(fd)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.close(fd)
                raise


@contextlib.contextmanager
def exclusive(
    path: str | os.PathLike[str],
    *,
    note: Note,
    description: str,
    remove: bool = False,
    hand_on: bool = False,
) -> Iterator[Lock]:
    """Hold a lock alone for the block, waiting for it if need be.

    ``remove`` takes the lock's file away at the end, for locks with many names.
    ``hand_on`` is for what programs change: see :meth:`Lock.handing_on`.
    """
    lock = acquire(path, note=note, description=description)
    assert lock is not None
    try:
        with lock.handing_on() if hand_on else contextlib.nullcontext():
            yield lock
    finally:
        lock.release(remove=remove)


@contextlib.contextmanager
def shared(path: str | os.PathLike[str], *, note: Note, description: str) -> Iterator[Lock]:
    """Hold a lock together with others for the block; keeps out who wants it alone."""
    lock = acquire(path, shared=True, note=note, description=description)
    assert lock is not None
    try:
        yield lock
    finally:
        lock.release()


def try_exclusive(path: str | os.PathLike[str], *, description: str = "") -> Lock | None:
    """Take a lock alone if nobody has it, else None. Never waits."""
    return acquire(path, wait=False, description=description)


def holder(path: str | os.PathLike[str]) -> str:
    """Give the description of who has a lock alone; empty where nobody has.

    The lock is shared for a moment, in which nobody else can take it alone. Raises StoreError.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        return ""
    if (free := acquire(path, shared=True, wait=False)) is not None:
        free.release()
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return str(json.load(file)["doing"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o644)


def _open_existing(path: str, *, shared: bool) -> int:
    """Open a lock's file with no more rights than needed: a full disk is no obstacle."""
    if not shared:
        with contextlib.suppress(PermissionError):
            return os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


def _is_current(fd: int, path: str) -> bool:
    """Say whether ``path`` still names the file that was locked."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)


def _wait(fd: int, *, shared: bool, note: Note | None) -> None:
    end = time.monotonic() + PATIENCE
    pause = 0.002
    while time.monotonic() < end:
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
        if _lock(fd, shared=shared, block=False):
            return
    if note is not None and (told := _waiting(fd)):
        note(told)
    _lock(fd, shared=shared, block=True)


def _waiting(fd: int) -> str:
    """Say who is waited for; nothing where it is another thread of this process."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        holder = json.loads(os.read(fd, 4096))
        if holder["pid"] == os.getpid():
            return ""
        age = max(0, int(time.time() - holder["since"]))
        if is_alive(int(holder["pid"])):
            since = f" for {age} s" if age else ""
            return f"waiting for process {holder['pid']}, {holder['doing']}{since}"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return "waiting for another process that is at work in the store"


def is_alive(pid: int) -> bool:
    """Say whether a process is there; on Windows always yes."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


if sys.platform == "win32":  # pragma: no cover - other systems never run this

    def _lock(fd: int, *, shared: bool, block: bool) -> bool:
        import ctypes
        import msvcrt
        from ctypes import wintypes

        class Overlapped(ctypes.Structure):
            _fields_ = [
                ("internal", ctypes.c_void_p),
                ("internal_high", ctypes.c_void_p),
                # A byte far past the text: a locked range cannot be read by others.
                ("offset", wintypes.DWORD),
                ("offset_high", wintypes.DWORD),
                ("event", wintypes.HANDLE),
            ]

        lock_file = ctypes.WinDLL("kernel32", use_last_error=True).LockFileEx
        where = Overlapped(None, None, 0, 1, None)
        flags = (0 if shared else 2) | (0 if block else 1)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        if lock_file(handle, flags, 0, 1, 0, ctypes.byref(where)):
            return True
        code = ctypes.get_last_error()
        if code in (33, 997):
            return False
        raise ctypes.WinError(code)

    def _unlock(fd: int) -> None:
        """Leave it to closing the file, which no other process has."""

else:
    import fcntl

    def _lock(fd: int, *, shared: bool, block: bool) -> bool:
        """Lock the open file; False if ``block`` is false and another has it."""
        operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(fd, operation if block else operation | fcntl.LOCK_NB)
        except OSError as exc:
            if not block and exc.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def _unlock(fd: int) -> None:
        """Give the lock back, also where another process has the same open file."""
        fcntl.flock(fd, fcntl.LOCK_UN)
