"""The process runner: the one place that starts a program and waits for it.

Each child gets a session of its own. A Ctrl-C therefore reaches Stead alone,
which then ends the child with all that the child has started; and a program
that would ask for a password at the terminal fails at once instead of waiting
behind a progress bar.
"""

from __future__ import annotations

import contextlib
import os
import sys

from stead.values.context import Completed
from stead.values.errors import SteadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import IO, Any

GRACE = 3.0
"""Seconds that an interrupted child gets to clean up before it is killed."""

MOST_OUTPUT = 8 * 1024 * 1024
"""Characters that are kept, from the end, of what a child says whose lines are handed on."""
_LAST_WORDS = 0.5
"""Seconds for reading what a child has left in its pipes, where others hold them open."""

_live: set[subprocess.Popen[str]] = set()


class _Start:
    """Whether the main thread is just starting a child, and what signal came meanwhile.

    Raised in the middle of that, an interrupt would leave a child that nobody knows.
    """

    running = False
    pending = 0


class _Stop:
    """Whether everything is to end: no other thread than the main one starts anything then.

    The main thread hears of it by an exception, and may need a program to clean up.
    """

    begun = False


def defer(number: int) -> bool:
    """Take a signal for later if a child is just being started; for signal handlers."""
    if _Start.running:
        _Start.pending = number
    return _Start.running


def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
    most_output: int | None = None,
) -> Completed:
    """Run ``argv`` to its end; the :class:`~stead.values.context.Runner` of the program.

    Output is read as UTF-8; a byte that is none becomes a surrogate escape, so
    that paths survive. ``on_line`` gets each line of standard error, without its
    end, as it comes (a carriage return ends a line too); of both outputs the last
    ``MOST_OUTPUT`` characters are given then. Such a child ends also where this process is
    killed by force, and what it leaves in its group, holding its outputs open, ends with it.
    Without ``stdin`` the child reads an empty file. A death by signal gives a negative
    ``returncode``.
    With ``timeout`` (seconds) or ``most_output`` (characters), ``on_line`` is not called.

    Raises TimeoutError when ``timeout`` is over, and SteadError where the program or ``cwd`` is missing or may not be run.
    Whatever else is raised here (an interrupt, an error of ``on_line``) first
    ends the child's process group. After :func:`stop_all` a thread other than the
    main one gets SystemExit, which ends it in silence: what a child ended by force
    has said is no answer, and another one would outlive the program.
    """
    import signal
    import subprocess
    import threading

    guard = _guard() if on_line is not None else None
    where: dict[str, Any] = {"creationflags": 0x200}
    if os.name != "nt":
        where = {"start_new_session": True}
    if guard is not None:
        env = {**(os.environ if env is None else env), guard.MARK: guard.mark(os.environ)}
        where |= _handed_on()
    main = threading.current_thread() is threading.main_thread()
    _Start.running = _Start.running or main
    if not main:
        _end_thread_if_stopping()
    try:
        with guard.starting() if guard else contextlib.nullcontext():
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="surrogateescape",
                **where,
            )
            if guard:
                guard.watch(child.pid)
        _live.add(child)
    except (OSError, ValueError) as exc:
        raise _not_started(argv, cwd, exc) from exc
    finally:
        if main:
            _Start.running = False
    try:
        if not main:
            # Stopping may have begun before the child was known to those who end them.
            _end_thread_if_stopping()
        if main and _Start.pending:
            pending, _Start.pending = _Start.pending, 0
            signal.raise_signal(pending)
        if timeout is not None or most_output is not None:
            stdout, stderr = _bounded(child, stdin, timeout, most_output)
        elif on_line is None:
            stdout, stderr = child.communicate(stdin)
        else:
            stdout, stderr = _follow(child, stdin, on_line)
    except BaseException:
        _end(child)
        if guard:
            guard.sweep()
        raise
    finally:
        if guard:
            if _Stop.begun:
                guard.sweep()
            guard.forget(child.pid)
        _live.discard(child)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                _close(stream)
    if not main:
        _end_thread_if_stopping()
    return Completed(child.returncode, stdout, stderr)


def _guard() -> ModuleType:
    from stead.pipeline import guard

    return guard


def _handed_on() -> dict[str, Any]:
    """Give what lets a child hold the locks of who writes where it writes."""
    from stead.store.locking import handed_on

    return {"pass_fds": handed_on()} if os.name != "nt" else {}


def stop_all(*, hard: bool = False) -> None:
    """Ask every running child to end, without waiting; safe in a signal handler.

    Needed where children are waited for in worker threads, which no interrupt
    reaches. None is started there until :func:`begin`. ``hard`` ends them by force.
    """
    _Stop.begun = True  # first: who misses this is found among the living
    for child in tuple(_live):
        _signal(child, hard=hard)


def begin() -> None:
    """Let children be started again: another command begins."""
    _Stop.begun = False


def _end_thread_if_stopping() -> None:
    if _Stop.begun:
        raise SystemExit


def _follow(
    child: subprocess.Popen[str], stdin: str | None, on_line: Callable[[str], None]
) -> tuple[str, str]:
    """Read both outputs, handing on lines of standard error from this thread.

    From this thread, because ``on_line`` may raise and may not be thread-safe.
    """
    import queue
    import threading

    assert child.stdout is not None
    assert child.stderr is not None
    out, err = _End(), _End()
    said: queue.Queue[str] = queue.Queue(1000)
    over = threading.Event()

    def hand(piece: str) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                said.put(piece, timeout=1)
                return

    threads = [
        threading.Thread(target=_read, args=(child.stdout, out.add), daemon=True),
        threading.Thread(target=_read, args=(child.stderr, hand), daemon=True),
    ]
    if child.stdin is not None:
        threads.append(threading.Thread(target=_feed, args=(child.stdin, stdin or ""), daemon=True))
    for thread in threads:
        thread.start()
    threading.Thread(target=_await, args=(child, threads, hand), daemon=True).start()
    try:
        while piece := said.get():
            err.add(piece)
            on_line(piece.rstrip("\n"))
        child.wait()
    except BaseException:
        _end(child)
        raise
    finally:
        over.set()
        _give_up(child, threads)
    return out.text(), err.text()


class _End:
    """The end of an output: as much of it as is kept."""

    def __init__(self) -> None:
        import collections

        self._pieces: collections.deque[str] = collections.deque()
        self._size = 0

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        while self._size > MOST_OUTPUT:
            self._size -= len(self._pieces.popleft())

    def text(self) -> str:
        return "".join(tuple(self._pieces))


def _read(stream: IO[str], take: Callable[[str], None]) -> None:
    try:
        while piece := stream.readline(MOST_OUTPUT):
            take(piece)
    except ValueError:
        pass  # closed under our hands
    finally:
        _close(stream)


def _await(
    child: subprocess.Popen[str], readers: Sequence[threading.Thread], end: Callable[[str], None]
) -> None:
    """Say when a child has ended and its outputs are read, whoever else holds these open."""
    child.wait()
    for reader in readers:
        reader.join(_LAST_WORDS)
    if any(reader.is_alive() for reader in readers):
        _signal(child, hard=True)
        for reader in readers:
            reader.join(_LAST_WORDS)
    end("")


def _bounded(
    child: subprocess.Popen[str], stdin: str | None, timeout: float | None, most: int | None
) -> tuple[str, str]:
    """Read both outputs for a time, each up to a number of characters.

    Raises TimeoutError; the caller ends the child then.
    """
    import subprocess
    import threading
    import time

    until = None if timeout is None else time.monotonic() + timeout
    said: dict[str, str] = {}

    def read(name: str, stream: IO[str]) -> None:
        try:
            said[name] = stream.read(-1 if most is None else most + 1)
            if most is not None and len(said[name]) > most:
                _signal(child, hard=True)
                while stream.read(65536):
                    pass
        except ValueError:
            pass  # closed under our hands, after the time was over
        finally:
            _close(stream)

    def left() -> float | None:
        return None if until is None else max(0.0, until - time.monotonic())

    assert child.stdout is not None
    assert child.stderr is not None
    threads = [
        threading.Thread(target=read, args=("out", child.stdout), daemon=True),
        threading.Thread(target=read, args=("err", child.stderr), daemon=True),
    ]
    if child.stdin is not None:
        threads.append(threading.Thread(target=_feed, args=(child.stdin, stdin or ""), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(left())
    try:
        if not any(thread.is_alive() for thread in threads):
            child.wait(left())
            return said.get("out", ""), said.get("err", "")
    except subprocess.TimeoutExpired:
        pass
    _end(child)
    _give_up(child, threads)
    raise TimeoutError


def _give_up(child: subprocess.Popen[str], threads: Sequence[threading.Thread]) -> None:
    """Leave the pipes open that something still holds which has left the child's group.

    Closing them would wait for who reads them, who waits for that.
    """
    for thread in threads:
        thread.join(_LAST_WORDS)
    if any(thread.is_alive() for thread in threads):
        child.stdin = child.stdout = child.stderr = None


def _feed(pipe: IO[str], text: str) -> None:
    try:
        pipe.write(text)
    except (BrokenPipeError, ValueError):
        pass  # a child need not read what it is given
    finally:
        _close(pipe)


def _close(stream: IO[str]) -> None:
    try:
        stream.close()
    except (BrokenPipeError, ValueError):
        pass


def _end(child: subprocess.Popen[str]) -> None:
    """End a child and its process group: first politely, then not."""
    import subprocess

    _signal(child, hard=False)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also after a polite end: what the child had started may still be there.
        _signal(child, hard=True)
        child.wait()


def _signal(child: subprocess.Popen[str], *, hard: bool) -> None:
    import signal

    if sys.platform == "win32":
        # /T takes the tree; without /F a console program never hears of it.
        import subprocess

        subprocess.call(
            ["taskkill", "/F", "/T", "/PID", str(child.pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return
    try:
        # The session's id is the child's: it stays the group's as long as one member lives.
        os.killpg(child.pid, signal.SIGKILL if hard else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        pass


def _not_started(argv: Sequence[str], cwd: str | None, exc: OSError | ValueError) -> SteadError:
    program = argv[0] if argv else ""
    if isinstance(exc, ValueError):  # a NUL in an argument or a variable
        return SteadError(f"cannot start {program!r}: {exc}")
    if cwd is not None and not os.path.isdir(cwd):
        return SteadError(f"cannot start {program!r} in {cwd}: no such directory")
    if isinstance(exc, FileNotFoundError):
        return SteadError(
            f"the program {program!r} was not found",
            remedy="install it, or put its directory on PATH",
        )
    if isinstance(exc, PermissionError):
        return SteadError(
            f"the program {program!r} may not be run",
            remedy="look at its permissions, and whether its file system allows programs",
        )
    return SteadError(f"cannot start {program!r}: {exc.strerror or exc}")


LOADED = True
"""Says that all of this module is there: the last line to be executed."""
