"""The board: a picture of all jobs on a terminal, drawn over itself while they run.

It takes no more of the terminal than there is, and asks for the size each time. It is
written in one piece, and only when it has changed, so that nothing flickers. It
vanishes at the end: what stays is the output of what failed, and the summary.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from stead.matrix.reports import summary, text
from stead.matrix.reports.plain import Plain
from stead.values.durations import duration
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stead.matrix.reports.facts import About, Outlet
    from stead.values.context import Progress, Task
    from stead.values.suite import Event, Result, Status

EVERY = 0.1
"""Seconds between two pictures."""

State = Literal["waiting", "running"]

_MARKS: dict[str, tuple[str, str]] = {
    "waiting": ("·", "."),
    "running": ("›", ">"),
    "passed": ("✓", "+"),
    "flaky": ("✓", "+"),
    "skipped": ("-", "-"),
    "interrupted": ("■", "!"),
    "timeout": ("✗", "x"),
    "failed": ("✗", "x"),
}

_BEGIN, _END = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
"""The picture is to appear at once (where the terminal knows that), without the cursor in it."""


@dataclass(slots=True)
class Row:
    """One job as the board knows it. ``since`` is when its state began, ``last`` its last line."""

    name: str
    kind: str
    state: State | Status = "waiting"
    since: float = 0
    seconds: float = 0
    last: str = ""

    @property
    def urgency(self) -> int:
        """Say what is left out last where there is no room for all."""
        if self.state == "running":
            return 0
        if self.state == "waiting":
            return 2
        return 3 if self.state in summary.GOOD else 1

    @property
    def shown(self) -> bool:
        """Whether it has a place: cells always, the others while there is something to see."""
        return self.kind == "cell" or self.urgency < 2


def picture(
    rows: Sequence[Row],
    now: float,
    size: tuple[int, int],
    *,
    symbols: bool,
    colour: bool,
    took: float,
) -> list[str]:
    """Draw the rows and a line that counts them, in at most ``size`` columns and rows.

    One row of the terminal is left for the cursor. What there is no room for is
    counted: what is over and went well first, then what waits.
    """
    width, height = max(size[0] - 1, 1), max(size[1] - 1, 1)
    there = [row for row in rows if row.shown]
    room = height - 1
    if len(there) > room:
        by_urgency = sorted(range(len(there)), key=lambda n: (there[n].urgency, n))
        there = [there[n] for n in sorted(by_urgency[:room])]
    name_width = min(max((text.columns(r.name) for r in there), default=0), max(8, width // 2))
    lines = [_line(r, now, width, name_width, symbols=symbols, colour=colour) for r in there]
    return [*lines, text.cut(_count(rows, len(there), took), width)]


def _line(row: Row, now: float, width: int, name_width: int, *, symbols: bool, colour: bool) -> str:
    mark = _MARKS[row.state][0 if symbols else 1]
    seconds = now - row.since if row.state == "running" else row.seconds
    # Whole seconds while it runs: tenths would be read by nobody and drawn ten times a second.
    took = duration(float(int(seconds))).replace(".0 s", " s") if row.state == "running" else ""
    if row.state not in ("running", "waiting") and seconds:
        took = duration(seconds)
    ellipsis = "…" if symbols else "~"
    name = text.cut(row.name, name_width, ellipsis)
    name += " " * (name_width - text.columns(name))
    said = f"{mark} {name}  {took:>10}  {row.last or row.state}"
    said = text.cut(said.rstrip(), width, ellipsis)
    if colour and row.state in summary.COLOURS:
        said = f"\x1b[{summary.COLOURS[row.state]}m{said[:1]}\x1b[0m{said[1:]}"
    return said


def _count(rows: Sequence[Row], there: int, took: float) -> str:
    cells: list[str] = [row.state for row in rows if row.kind == "cell"]
    counted = [(state, cells.count(state)) for state in (*summary.STATUSES, "running", "waiting")]
    said = ", ".join(f"{number} {state}" for state, number in counted if number)
    hidden = sum(1 for row in rows if row.shown) - there
    more = f" ({hidden} not shown)" if hidden else ""
    return f"{said or 'preparing'}{more}, {duration(float(int(took))).replace('.0 s', ' s')}"


class Board(Plain):
    """Shows a run as a picture that is drawn anew until all is done."""

    def __init__(
        self, write: Callable[[str], object], outlet: Outlet, about: About | None = None
    ) -> None:
        super().__init__(write, outlet, about)
        self._rows: dict[tuple[str, str], Row] = {}
        self._drawn: list[str] = []
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None

    def show(self, event: Event) -> None:
        """Change a row; the next picture has it."""
        if self._ticker is None and not self._over.is_set():
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()
        key = (event.kind, event.job)
        row = self._rows.get(key)
        if row is None:
            name = text.one_line(self._name(event.kind, event.job))
            row = self._rows[key] = Row(name, event.kind, since=event.time)
        if event.what == "started":
            row.state, row.since = "running", event.time
        elif event.what in ("line", "detail"):
            if event.text.strip():
                row.last = event.text
        elif event.what == "step":
            row.last = event.text
        elif event.what == "retry":
            row.last = f"again: {event.text}" if event.text else "again"
        elif event.what == "done" and event.result is not None:
            row.state, row.seconds = event.result.status, event.result.seconds
            row.last = summary.remark(event.result)

    def finish(self, results: Iterable[Result], seconds: float | None = None) -> None:
        """Take the picture away, and show what stays."""
        self.stop()
        super().finish(results, seconds)

    def stop(self) -> None:
        """Draw no more, and take away what is drawn."""
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()
        with self._lock:
            self._erase()

    def progress(self, usual: Progress) -> Progress:
        """Give a progress that leaves the terminal to the picture; its notes stand above that."""
        return _Above(self)

    def note(self, said: str) -> None:
        """Write a line above the picture."""
        with self._lock:
            self._erase()
            self.say(text.encodable(said))
            if not self._over.is_set() and self._ticker is not None:
                self.draw()

    def draw(self) -> None:
        """Draw the picture as of now, if it is another one."""
        with self._lock:
            size = self.outlet.extent()
            now = self.outlet.now()
            lines = picture(
                [_quoted(row) for row in self._rows.values()],
                now,
                size,
                symbols=self.outlet.symbols,
                colour=self.outlet.colour,
                took=max(0.0, now - self._first),
            )
            if lines == self._drawn:
                return
            shown = "".join(f"{line}\x1b[K\n" for line in lines)
            self.raw(f"{_BEGIN}{_up(self._drawn, size[0])}{shown}\x1b[J{_END}")
            self._drawn = lines

    def _erase(self) -> None:
        if self._drawn:
            # Cleared from its first row on, tmux would keep a screen for its history.
            below = "\x1b[2K\n\x1b[J\x1b[1A"
            self.raw(_up(self._drawn, self.outlet.extent()[0]) + below)
            self._drawn = []

    def _tick(self) -> None:
        while not self._over.wait(EVERY):
            self.draw()


class _Above:
    """Progress whose amounts nobody sees, because the rows tell what is being done."""

    def __init__(self, board: Board) -> None:
        self._board = board

    @contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Task]:
        yield _Silent()

    def note(self, text: str) -> None:
        self._board.note(text)


class _Silent:
    def total(self, amount: int) -> None:
        """See :class:`~stead.values.context.Task`."""

    def advance(self, amount: int = 1) -> None:
        """See :class:`~stead.values.context.Task`."""


def _quoted(row: Row) -> Row:
    """Clean the last line when it is drawn: most lines never are."""
    row.last = text.one_line(row.last).strip()
    return row


def _up(drawn: Sequence[str], width: int) -> str:
    """Go to the picture's beginning. A terminal that became narrower has broken its lines."""
    rows = sum(max(1, -(-text.columns(text.page(line)) // max(width, 1))) for line in drawn)
    return f"\r\x1b[{rows}A" if rows else ""
