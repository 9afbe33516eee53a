"""Errors as the user sees them: the one place that renders them.

Exit codes: 0 done; 1 Stead could not; 2 the command line is wrong; 70 a fault
in Stead itself; 130 interrupted (143, 129: terminated, hung up); 141 nobody
reads the output. ``stead run`` otherwise ends with the code of its command.
"""

from __future__ import annotations

import errno
import os
import sys

from stead.values.errors import SteadError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType, ModuleType, TracebackType
    from typing import Self, TextIO

EXIT_FAULT = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_WRONG_KIND = {
    errno.EISDIR: ("is a directory where a file is wanted", "move it away, or name it otherwise"),
    errno.ENOTDIR: (
        "leads through a file where a directory is wanted",
        "look at the path (`ls -ld` on each part), and at STEAD_HOME if it is below it",
    ),
    errno.ENAMETOOLONG: (
        "is a longer path than the file system takes",
        "use shorter names, or set STEAD_HOME to a directory nearer to the root",
    ),
    errno.ELOOP: (
        "leads through symbolic links that go in a circle",
        "look where they lead (`namei -l`), and correct one",
    ),
}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Ended(BaseException):
    """A signal asked the program to end; like KeyboardInterrupt, it unwinds everything."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def render(error: BaseException, stream: TextIO, color: bool, *, debug: bool = False) -> int:
    """Write what went wrong to ``stream`` and give the exit code.

    With ``debug`` the traceback comes first, whatever the error is.
    """
    error = _sole(error)
    if isinstance(error, KeyboardInterrupt):
        # A terminal has shown ^C where the cursor stood.
        begun = "\n" if stream.isatty() else ""
        _write(stream, begun + _paint("interrupted", "33", color))
        return EXIT_INTERRUPTED
    if isinstance(error, Ended):
        _write(stream, _paint("terminated", "33", color))
        return 128 + error.number
    if isinstance(error, BrokenPipeError):
        return EXIT_BROKEN_PIPE
    if debug:
        import traceback

        _write(stream, _clean("".join(traceback.format_exception(error)).rstrip("\n")))
    if not isinstance(error, SteadError):
        known = _from_os(error) if isinstance(error, OSError) else None
        if known is None:
            _write(stream, _fault(error, color, debug=debug))
            return EXIT_FAULT
        error = known
    _write(stream, _describe(error, color))
    return error.exit_code


class guard:  # noqa: N801 - read at its use: ``with guard() as outcome``
    """Run a command and turn whatever it raises into a message and an exit code.

    ::

        with guard() as outcome:
            outcome.code = command(…)
        return outcome.code

    Within it SIGTERM and SIGHUP unwind like Ctrl-C, and all three first end the
    children that worker threads wait for. SystemExit passes. Without arguments:
    standard error, coloured on a terminal unless NO_COLOR says otherwise, and a
    traceback if ``STEAD_DEBUG`` is set.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        color: bool | None = None,
        debug: bool | None = None,
    ) -> None:
        self.code = 0
        self._stream = stream if stream is not None else sys.stderr
        self._color = wants_color(self._stream) if color is None else color
        given = os.environ.get("STEAD_DEBUG", "")
        self._debug = given not in ("", "0") if debug is None else debug
        self._former: dict[int, object] = {}
        self._ignoring = sys.unraisablehook

    def __enter__(self) -> Self:
        import signal

        sys.unraisablehook = self._ignored
        if runner := _runner():
            runner.begin()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # A signal that the caller ignores (nohup) stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                try:
                    self._former[number] = signal.signal(number, _on_signal)
                except ValueError:
                    break  # only the main thread gets signals
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            try:
                if error is None or isinstance(error, SystemExit):
                    # Here, because at the interpreter's end nobody would catch what it raises.
                    sys.stdout.flush()
                    return False
            except OSError as exc:
                error = exc
            self.code = render(error, self._stream, self._color, debug=self._debug)
            _drop_output()
            return True
        finally:
            self._restore()

    def _ignored(self, told: UnraisableHookArgs) -> None:
        """Send a signal again that came where Python passes over whatever is raised."""
        if isinstance(told.exc_value, KeyboardInterrupt | Ended):
            _send_again(told.exc_value)
        else:
            self._ignoring(told)

    def _restore(self) -> None:
        import signal

        sys.unraisablehook = self._ignoring
        for number, former in self._former.items():
            signal.signal(number, former)  # type: ignore[arg-type]


def wants_color(stream: TextIO) -> bool:
    """Say whether text to ``stream`` may carry colours (a terminal, and no objection)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _runner() -> ModuleType | None:
    """Give the module of the runner once it is there: a signal may come amid its import."""
    runner = sys.modules.get("stead.cli.runner")
    return runner if hasattr(runner, "LOADED") else None


def _send_again(error: KeyboardInterrupt | Ended) -> None:
    import _thread
    import signal
    import time

    number = error.number if isinstance(error, Ended) else signal.SIGINT
    main = _thread.get_ident()

    def send() -> None:
        time.sleep(0.01)  # until what cannot be interrupted is over
        if sys.platform == "win32":
            signal.raise_signal(number)
        else:
            signal.pthread_kill(main, number)  # it may wait in a call of the system

    _thread.start_new_thread(send, ())


def _on_signal(number: int, _frame: FrameType | None) -> None:
    if runner := _runner():
        if runner.defer(number):
            return
        runner.stop_all()
    import signal

    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)


def _sole(error: BaseException) -> BaseException:
    """Take an error out of what wraps it: a group of one (task groups), or, for an interrupt
    amid the making of a class, the interpreter's own error up to Python 3.11.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt | Ended):
        return error.__cause__
    return error


def _from_os(error: OSError) -> StoreError | None:
    path = error.filename2 or error.filename
    name = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    if error.errno in _NO_SPACE:
        return StoreError(
            f"no space is left on the file system of {name}" if name else "no space is left",
            remedy="make room (`stead gc` removes what no place uses), "
            "or set STEAD_HOME to a directory on another disk",
        )
    if error.errno == errno.EROFS:
        return StoreError(
            f"{name or 'a file'} is on a file system that is read-only",
            remedy="work in a directory that can be written, or set STEAD_HOME to one",
        )
    if error.errno in _NOT_ALLOWED:
        return StoreError(
            f"no permission for {name or 'a file'}",
            remedy="look at its owner and mode (`ls -ld`), or set STEAD_HOME to a directory of yours",
        )
    if error.errno in _WRONG_KIND and name:
        says, remedy = _WRONG_KIND[error.errno]
        return StoreError(f"{name} {says}", remedy=remedy)
    return None


def _describe(error: SteadError, color: bool) -> str:
    """Lay an error out: message with its place, details, remedy."""
    where = _paint(f"{_clean(str(error.where))}: ", "1", color) if error.where else ""
    lines = [_paint("error:", "1;31", color) + f" {where}{_clean(error.message)}"]
    lines += [f"  {_clean(line)}" for detail in error.details for line in detail.split("\n")]
    if error.remedy:
        lines.append("  " + _paint("→", "36", color) + f" {_clean(error.remedy)}")
    return "\n".join(lines)


def _fault(error: BaseException, color: bool, *, debug: bool) -> str:
    kind = type(error).__name__
    said = _clean(" ".join(str(error).split()))
    lines = [
        _paint("error:", "1;31", color)
        + f" a fault in Stead: {kind}"
        + (f": {said}" if said else "")
    ]
    if not debug:
        lines.append(
            "  " + _paint("→", "36", color) + " run it again with STEAD_DEBUG=1 for the traceback, "
            "and report that"
        )
    return "\n".join(lines)


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and text else text


def _write(stream: TextIO, text: str) -> None:
    """Write lines; a stream that is gone or cannot show a character is no second error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "→".encode(encoding)
    except (UnicodeError, LookupError):
        text = text.replace("→", "->")
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text + "\n")
        stream.flush()
    except (OSError, ValueError):
        pass


def _clean(text: str) -> str:
    """Make what a terminal would obey visible: messages quote files of strangers."""
    if text.isprintable():
        return text
    return "".join(
        c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def _drop_output() -> None:
    """Point a broken standard output elsewhere, so that the last flush is silent."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, sys.stdout.fileno())
            os.close(sink)
        except (OSError, ValueError):
            pass
