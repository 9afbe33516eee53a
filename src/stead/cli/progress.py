"""Progress as the user sees it: the one place that renders it.

Bars with rate and remaining time on a terminal, a line now and then elsewhere.
Either shows nothing of work that is over before anyone would have wondered.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stead.values.durations import duration
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from stead.values.context import Progress, Task

BAR_AFTER = 0.2
"""Seconds of work before bars appear; importing what draws them takes half of that."""
LINE_AFTER = 1.0
LINE_EVERY = 5.0


def progress_for(stream: TextIO, is_tty: bool) -> Progress:
    """Give the progress display for ``stream``: bars on a terminal, lines elsewhere.

    It may be used from several threads. What it holds is released when its last
    task ends.
    """
    return Bars(stream) if is_tty else Lines(stream)


class Quiet:
    """Progress that shows nothing; ``notes`` keeps what was said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Task]:
        """Open a task that goes nowhere."""
        yield Work(title, unit, time.monotonic())

    def note(self, text: str) -> None:
        """Keep a line."""
        self.notes.append(text)


@dataclass
class Work:
    """How far one task has come; amounts are in its unit, times in monotonic seconds."""

    title: str
    unit: str
    started: float
    expected: int = 0
    done: int = 0
    said: bool = False
    on_change: Callable[[Work], None] | None = None

    def total(self, amount: int) -> None:
        """Set how much there is to do."""
        self.expected = amount
        if self.on_change is not None:
            self.on_change(self)

    def advance(self, amount: int = 1) -> None:
        """Report that much more as done."""
        self.done += amount
        if self.on_change is not None:
            self.on_change(self)

    def rate(self, now: float) -> float:
        """Give the units per second so far."""
        return self.done / max(now - self.started, 1e-3)

    def remaining(self, now: float) -> float | None:
        """Give the seconds to go at the rate so far, or None while unknown."""
        if not self.done or self.expected <= self.done:
            return None
        return (self.expected - self.done) / self.rate(now)


class Lines:
    """Plain lines: one when a task has taken a second, then every five, then its end."""

    def __init__(
        self, stream: TextIO, *, after: float = LINE_AFTER, every: float = LINE_EVERY
    ) -> None:
        self._stream = stream
        self._after = after
        self._every = every
        self._lock = threading.Lock()
        self._open: list[Work] = []
        self._ticker: threading.Thread | None = None
        self._idle = threading.Event()

    @contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Task]:
        """Open a task; its thread is shared by all that are open."""
        work = Work(title, unit, time.monotonic())
        with self._lock:
            self._open.append(work)
            if self._ticker is None:
                self._idle = threading.Event()
                self._ticker = threading.Thread(target=self._tick, args=(self._idle,), daemon=True)
                self._ticker.start()
        failed = True
        try:
            yield work
            failed = False
        finally:
            with self._lock:
                self._open.remove(work)
                if not self._open:
                    self._idle.set()
                    self._ticker = None
                if work.said and not failed:
                    self._say(summary(work, time.monotonic()))

    def note(self, text: str) -> None:
        """Say a line at once."""
        with self._lock:
            self._say(text)

    def _tick(self, idle: threading.Event) -> None:
        wait = self._after
        while not idle.wait(wait):
            wait = self._every
            with self._lock:
                if idle.is_set():
                    return
                now = time.monotonic()
                for work in self._open:
                    if now - work.started >= self._after:
                        work.said = True
                        self._say(describe(work, now))

    def _say(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody listens: no reason to stop working


class Bars:
    """Bars drawn by rich, which is imported when the first one appears."""

    def __init__(self, stream: TextIO, *, after: float = BAR_AFTER) -> None:
        self._stream = stream
        self._after = after
        self._lock = threading.RLock()
        self._open: dict[int, tuple[Work, int | None]] = {}
        self._display: Any = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Task]:
        """Open a bar; all bars stand together and vanish with the last."""
        work = Work(title, unit, time.monotonic(), on_change=self._changed)
        with self._lock:
            self._open[id(work)] = (work, None)
            if self._display is not None:
                self._add(work)
            elif self._timer is None:
                self._timer = threading.Timer(self._after, self._appear)
                self._timer.daemon = True
                self._timer.start()
        try:
            yield work
        finally:
            with self._lock:
                _, bar = self._open.pop(id(work))
                if self._display is not None and bar is not None:
                    self._display.remove_task(bar)
                if not self._open:
                    self._vanish()

    def note(self, text: str) -> None:
        """Say a line at once, above the bars."""
        with self._lock:
            if self._display is not None:
                self._display.console.print(text, markup=False, highlight=False, soft_wrap=True)
                return
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                pass

    def _appear(self) -> None:
        display = _display(self._stream)  # outside the lock: the import takes its time
        with self._lock:
            if not self._open or self._display is not None:
                return
            self._display = display
            for work, _ in list(self._open.values()):
                self._add(work)
            display.start()

    def _vanish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _add(self, work: Work) -> None:
        bar = self._display.add_task(
            work.title, total=work.expected or None, completed=work.done, work=work
        )
        self._open[id(work)] = (work, bar)

    def _changed(self, work: Work) -> None:
        if self._display is None:
            return
        with self._lock:
            _, bar = self._open.get(id(work), (work, None))
            if self._display is not None and bar is not None:
                self._display.update(bar, total=work.expected or None, completed=work.done)


def _display(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
    from rich.text import Text

    class State(ProgressColumn):
        """Amount, rate and remaining time, in the words of the plain lines."""

        def render(self, task: Any) -> Text:
            return Text(state(task.fields["work"], time.monotonic()), style="progress.remaining")

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        State(),
        console=Console(file=stream, force_terminal=True, highlight=False),
        transient=True,
        refresh_per_second=10,
    )


def describe(work: Work, now: float) -> str:
    """Give a line for a task that is under way."""
    said = state(work, now)
    return f"{work.title}: {said}" if said else f"{work.title} …"


def summary(work: Work, now: float) -> str:
    """Give the last line of a task that has ended."""
    took = duration(now - work.started)
    if not work.done:
        return f"{work.title}: done in {took}"
    return f"{work.title}: {amount(work.done, work.unit)} in {took}"


def state(work: Work, now: float) -> str:
    """Say amount, rate and remainder: ``12/40 packages, 3.2 packages/s, 9 s left``."""
    if not work.done and not work.expected:
        return ""
    if work.expected and work.unit == "B":
        parts = [f"{amount(work.done, 'B')} of {amount(work.expected, 'B')}"]
    elif work.expected:
        parts = [f"{work.done}/{amount(work.expected, work.unit)}"]
    else:
        parts = [amount(work.done, work.unit)]
    rate = work.rate(now)
    if work.done:
        parts.append(f"{amount(rate, 'B')}/s" if work.unit == "B" else f"{rate:.1f}/s")
    left = work.remaining(now)
    if left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def amount(value: float, unit: str) -> str:
    """Write an amount in its unit; bytes in steps of 1000, as downloads are counted."""
    if unit != "B":
        return f"{value:.0f} {unit}".rstrip()
    for name in ("B", "kB", "MB", "GB"):
        if value < 1000 or name == "GB":
            break
        value /= 1000
    return f"{value:.0f} B" if name == "B" else f"{value:.1f} {name}"
