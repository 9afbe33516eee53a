"""Logs of CI services, folded: a section for each job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.matrix.reports import github, logs, text
from stead.matrix.reports.plain import Plain, ended

if TYPE_CHECKING:
    from stead.values.suite import Event, Result


class _Folded(Plain):
    """A job's lines between a beginning and an end of a section.

    Where several run at once, each is shown as a whole when it is done.
    """

    def show(self, event: Event) -> None:
        """Open a section when a job starts, close it when it is done."""
        name = text.one_line(self._name(event.kind, event.job))
        if self.outlet.parallel:
            if event.what == "done" and event.result is not None:
                self._whole(ended(name, event.result), event)
        elif event.what == "started":
            self.begin(name, event.time)
        elif event.what == "done" and event.result is not None:
            self.close(event.time)
            self.say(ended(name, event.result))
        else:
            super().show(event)

    def _whole(self, title: str, event: Event) -> None:
        assert event.result is not None
        if event.result.status == "skipped" or not event.result.log:
            self.say(title)
            return
        self.begin(title, event.time)
        for line in logs.lines(event.result.log):
            self.say(text.encodable(line))
        self.close(event.time)

    def begin(self, title: str, time: float) -> None:
        """Begin a section."""
        raise NotImplementedError

    def close(self, time: float) -> None:
        """End the section that is open."""
        raise NotImplementedError


class GitHub(_Folded):
    """A log of GitHub Actions, with an annotation for each failure."""

    def begin(self, title: str, time: float) -> None:
        self.say(f"::group::{github.data(title)}")

    def close(self, time: float) -> None:
        self.say("::endgroup::")

    def end(self, results: list[Result], seconds: float) -> None:
        super().end(results, seconds)
        for line in github.commands(results, self.about):
            self.say(line)


class GitLab(_Folded):
    """A log of GitLab CI."""

    _open = ""
    _number = 0

    def begin(self, title: str, time: float) -> None:
        self._number += 1
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", title)[:60]
        self._open = f"stead_{self._number}_{name}"
        self.raw(f"\x1b[0Ksection_start:{time:.0f}:{self._open}[collapsed=true]\r\x1b[0K{title}\n")

    def close(self, time: float) -> None:
        self.raw(f"\x1b[0Ksection_end:{time:.0f}:{self._open}\r\x1b[0K\n")
