"""The complete log in plain lines, and what stands at its end.

Also what all reporters have in common: they may be called from several threads, and
nobody listening any more is no reason to stop the tests.
"""

from __future__ import annotations

import threading
from collections import deque

from stead.matrix.reports import logs, summary, text
from stead.matrix.reports.facts import About
from stead.values.durations import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stead.matrix.reports.facts import Outlet
    from stead.values.context import Progress
    from stead.values.suite import Event, Result

AT_END = 1 << 18
"""Bytes of a failed job's output that are shown again at the end, where it is not the last."""

_KEPT = 200
"""Lines kept of a job whose log may not be there."""


class Plain:
    """Writes each line as it comes; behind the name of its job where several run at once.

    ``write`` gets text with its line ends. Close with :meth:`finish`.
    """

    def __init__(
        self, write: Callable[[str], object], outlet: Outlet, about: About | None = None
    ) -> None:
        self._write = write
        self.outlet = outlet
        self.about = about or About()
        self._lock = threading.RLock()
        self._kept: dict[tuple[str, str], deque[str]] = {}
        self._first = self._last = 0.0
        self._at_end: tuple[str, str] | None = None
        """The job that wrote last, as long as nothing else is between."""

    def event(self, event: Event) -> None:
        """Take note of what happened, and show it. May be called from any thread."""
        with self._lock:
            self._first = min(self._first or event.time, event.time)
            self._last = max(self._last, event.time)
            key = (event.kind, event.job)
            if event.what == "line":
                kept = self._kept.setdefault(key, deque(maxlen=_KEPT))
                kept.append(event.text[:4000])
            self.show(event)
            if event.what == "done" and (event.result is None or event.result.status in _QUIET):
                self._kept.pop(key, None)

    def finish(self, results: Iterable[Result], seconds: float | None = None) -> None:
        """Show the output of what failed, and the summary.

        ``seconds`` is how long all of it took; from the first event to the last if not given.
        """
        with self._lock:
            listed = list(results)
            took = self._last - self._first if seconds is None else seconds
            for one in listed:
                if one.status not in _QUIET and not self._stands_last(one):
                    self.failed(one)
            self.end(listed, took)

    def progress(self, usual: Progress) -> Progress:
        """Give what long work reports to meanwhile; ``usual`` is what it else would be."""
        return usual

    def stop(self) -> None:
        """Leave the terminal as others expect it; for a run that ends without results."""

    # -- what the kinds of reporters do each in their way

    def show(self, event: Event) -> None:
        """Show an event."""
        name = text.one_line(self._name(event.kind, event.job))
        if event.what == "line" or (event.what == "detail" and not self.outlet.terminal):
            said = text.encodable(event.text.removesuffix("\r"))
            self.say(f"{name} | {said}" if self.outlet.parallel else said)
            self._at_end = (event.kind, event.job)
        elif event.what == "step":
            self.say(f"{name} > {text.one_line(event.text)}")
        elif event.what == "retry":
            self.say(f"{name}: again{': ' if event.text else ''}{text.one_line(event.text)}")
        elif event.what == "done" and event.result is not None:
            self.say(ended(name, event.result))

    def failed(self, result: Result) -> None:
        """Show the output of a job that failed."""
        found = list(self._output(result, AT_END))
        if not found:
            return
        self.heading(result)
        for line in found:
            self.say(line)

    def heading(self, result: Result) -> None:
        """Announce the output of a job."""
        dash = "─" if self.outlet.symbols else "-"
        said = f"{summary.title(result)}: {result.status}"
        if self.outlet.colour:
            said = summary.painted(text.one_line(said), result.status)
        self.say()
        self.say(f"{dash * 2} {said} {dash * 2}")

    def end(self, results: list[Result], seconds: float) -> None:
        """Show the summary."""
        width = self.outlet.extent()[0] if self.outlet.terminal else None
        self.say()
        for line in summary.table(results, seconds, width=width, colour=self.outlet.colour):
            self.say(line)

    # -- common

    def say(self, line: str = "") -> None:
        """Write a line."""
        self.raw(line + "\n")

    def raw(self, shown: str) -> None:
        """Write text as it is, in characters that the outlet has."""
        if not self.outlet.symbols:
            shown = shown.encode("ascii", "replace").decode("ascii")
        try:
            self._write(shown)
        except (OSError, ValueError):
            pass  # nobody listens

    def _name(self, kind: str, job: str) -> str:
        return job if kind == "cell" else f"{summary.KINDS.get(kind, kind)} {job}"

    def _stands_last(self, result: Result) -> bool:
        """Whether the output of this job is what a reader sees right above."""
        return not self.outlet.parallel and self._at_end == (result.kind, result.job)

    def _output(self, result: Result, most: int) -> Iterator[str]:
        """Give the lines of a job's output, the last ``most`` bytes of it."""
        tail = logs.tail(result.log, most)
        if tail.omitted:
            yield f"[{tail.omitted} bytes before this: {result.log}]"
        if tail.text:
            yield from text.encodable(tail.text).rstrip("\n").split("\n")
        elif not result.log:
            yield from map(text.encodable, self._kept.get((result.kind, result.job), ()))


_QUIET = summary.GOOD | {"interrupted"}
"""Whose output is not shown again."""


def ended(name: str, result: Result) -> str:
    """Say in a line how a job ended."""
    took = f" in {duration(result.seconds)}" if result.seconds else ""
    why = summary.remark(result)
    return f"{name}: {result.status}{took}{f' ({why})' if why else ''}"
