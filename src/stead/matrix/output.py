"""What commands print: kept whole in a file as far as a limit lets it, and cut into lines."""

from __future__ import annotations

import contextlib
import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from stead.values.secret import Secret

MOST_LOG = 64 * 1024 * 1024
"""Bytes of a log that are kept: half from its beginning, at least half from its end."""
MOST_LINES = 200_000
"""Lines that are passed on; of what comes then, the last ones of each command are."""
LONGEST = 64 * 1024
"""Bytes of a line that are passed on at once; the rest follows as another line."""

_PIECE = 1024 * 1024
_TAIL = 40
"""Lines of a failed build's output that its error shows."""
_LAST_LINES = 100
_LAST_BYTES = 16 * 1024


class Log:
    """A file that gets all of an output, without its middle where there is too much of it.

    At any time the file reads well: its beginning, a line that says how much is left
    out, its end. A disk that is full ends the log (``fault`` says so), not the run.
    Several threads may write.
    """

    def __init__(self, path: str, most: int = MOST_LOG, *, append: bool = False) -> None:
        """Open ``path``, making its directory. Raises OSError.

        Without ``append`` it is another file than the one before, into which another
        run may be writing.
        """
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not append:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.path = path
        self.fault = ""
        self.left_out = 0
        """Bytes that are not in the file."""
        self._file: BinaryIO = open(path, "r+b" if append and os.path.exists(path) else "w+b")  # noqa: SIM115 (closed by close)
        self._file.seek(0, os.SEEK_END)
        self._size = self._file.tell()
        self._head = self._size + max(4096, most // 2)
        self._tail = max(4096, most // 2)
        self._whole = True
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Add bytes, as they are."""
        with self._writing():
            self._add(data)

    def line(self, text: str) -> None:
        """Add a line of Stead's own, at the beginning of a line."""
        with self._writing():
            start = b"" if self._whole else b"\n"
            self._add(start + text.encode("utf-8", "replace") + b"\n")

    def flush(self) -> None:
        """Let readers see what has been written."""
        with self._writing():
            if not self._file.closed:
                self._file.flush()

    def close(self) -> None:
        """Write the rest, and close the file; what comes later, of who got away, is dropped."""
        with self._writing():
            self._file.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError as exc:
                self.fault = self.fault or exc.strerror or str(exc)

    def _add(self, data: bytes) -> None:
        if not data or self.fault or self._file.closed:
            return
        self._file.write(data)
        self._whole = data.endswith(b"\n")
        self._size += len(data)
        if self._size > self._head + 2 * self._tail:
            self._drop_middle()

    def _drop_middle(self) -> None:
        """Move the end of the file to where its beginning ends."""
        file = self._file
        file.flush()
        source = self._size - self._tail
        # From a whole line on, where lines are not endless.
        file.seek(source)
        source += file.read(LONGEST).find(b"\n") + 1
        self.left_out += (
            source - self._head - len(self._note) if self.left_out else source - self._head
        )
        note = self._note
        target = self._head
        # Read before it is written over: the note is shorter than the first piece.
        pending = note
        while source < self._size:
            file.seek(source)
            piece = file.read(_PIECE)
            source += len(piece)
            file.seek(target)
            file.write(pending)
            target += len(pending)
            pending = piece
        file.seek(target)
        file.write(pending)
        target += len(pending)
        file.truncate(target)
        self._size = target

    @property
    def _note(self) -> bytes:
        # Of one length whatever the number, so that it can be told from what it stands before.
        return b"\n[... %015d bytes are left out here ...]\n" % self.left_out


class Said:
    """What a build says: passed on, though not without end, and its last lines kept."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._count = 0
        self._last: list[str] = []

    def line(self, text: str) -> None:
        self._count += 1
        self._last.append(text)
        if len(self._last) > 2 * _TAIL:
            del self._last[:_TAIL]
        if self._count <= MOST_LINES:
            self._log(text)
        elif self._count == MOST_LINES + 1:
            self._log("[what it says from here on is not shown]")

    def end(self) -> list[str]:
        """Give the last lines, with how many came before."""
        left = self._count - _TAIL
        return [f"… {left} lines before", *self._last[-_TAIL:]] if left > 0 else self._last


class Mask:
    """Puts something else in place of values that no log may show, as bytes come in.

    Values of fewer than four bytes stay: they would be found in every other word.
    """

    SHOWN = b"<secret>"
    _LEAST = 4

    def __init__(self, hidden: Iterable[Secret] = ()) -> None:
        values = {secret.reveal().encode("utf-8", "surrogateescape") for secret in hidden}
        # A value of several lines may come a line at a time.
        lines = {line for value in values for line in value.splitlines()}
        kept = (value for value in values | lines if len(value) >= self._LEAST)
        self._values = sorted(kept, key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Give what may be shown by now: what may be the beginning of a value is held back."""
        if not self._values:
            return data
        data = self._held + data
        for value in self._values:
            data = data.replace(value, self.SHOWN)
        held = max(_overlap(data, value) for value in self._values)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def end(self) -> bytes:
        """Give what was held back."""
        held, self._held = self._held, b""
        return held


def _overlap(data: bytes, value: bytes) -> int:
    """Say how many bytes at the end of ``data`` the value may begin with."""
    most = min(len(data), len(value) - 1)
    return next((n for n in range(most, 0, -1) if data.endswith(value[:n])), 0)


class Lines:
    """Cuts an output into lines of text, a bounded number of a bounded length.

    A byte that is not UTF-8 becomes the replacement character. Of what a carriage
    return writes over, the last is given, as a terminal shows it.
    """

    def __init__(self, most: int = MOST_LINES, longest: int = LONGEST) -> None:
        self._left = most
        self._longest = longest
        self._pending = b""
        self._over = 0
        """How many lines came after the limit since the last end."""
        self._last = b""
        """The end of these."""

    def feed(self, data: bytes) -> list[str]:
        """Give the lines that these bytes complete, without their ends."""
        if self._left <= 0:
            self._hold(data)
            return []
        *whole, rest = (self._pending + data).split(b"\n")
        while len(rest) > self._longest:
            whole.append(rest[: self._longest])
            rest = rest[self._longest :]
        self._pending = rest
        pieces = [piece for line in whole for piece in self._pieces(line)]
        given, more = pieces[: self._left], pieces[self._left :]
        self._left -= len(given)
        if not self._left:
            self._pending = b""
            self._hold(b"".join(piece + b"\n" for piece in more) + rest)
        return [_text(piece) for piece in given]

    @property
    def prompt(self) -> bool:
        """Whether the last line, which has no end yet, looks like a question to a person."""
        return self._pending.endswith((b"> ", b": ", b"? ", b") ", b"] "))

    def end(self) -> list[str]:
        """Give what is left at the end of a command: a line without an end, the last of too many."""
        if not self._over and not self._last:
            pending, self._pending = self._pending, b""
            return [_text(pending)] if pending else []
        lines = self._last.removesuffix(b"\n").split(b"\n")
        over = self._over + (not self._last.endswith(b"\n"))
        if len(lines) != over:  # of the first, there may be a part only
            lines = lines[1:] or lines
        lines = lines[-_LAST_LINES:]
        self._over, self._last = 0, b""
        left_out = over - len(lines)
        note = [f"[{left_out} lines are in the log alone]"] if left_out else []
        return [*note, *(_text(piece) for line in lines for piece in self._pieces(line))]

    def _hold(self, data: bytes) -> None:
        self._over += data.count(b"\n")
        self._last = (self._last + data[-_LAST_BYTES:])[-_LAST_BYTES:]

    def _pieces(self, line: bytes) -> list[bytes]:
        if len(line) <= self._longest:
            return [line]
        return [line[at : at + self._longest] for at in range(0, len(line), self._longest)]


def _text(line: bytes) -> str:
    shown = line.rstrip(b"\r")
    return shown[shown.rfind(b"\r") + 1 :].decode("utf-8", "replace")
