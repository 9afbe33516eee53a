"""Doing what may fail for files as they will be, before the first of them is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.history.plan import content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.history.plan import Plan
    from stead.pipeline.steps import Prepared
    from stead.pipeline.transaction import Staging

    Make = Callable[[Mapping[str, str | None], Staging], Prepared]
    """Does every step for files as they would be (path → text, None for no file); what it
    would write, the staging takes. Raises SteadError."""


class Ahead:
    """A place as it will be when a plan has been carried out; the steps may add a lock to it."""

    def __init__(self, plan: Plan, make: Make) -> None:
        """Do the steps. Raises SteadError; nothing has changed then."""
        self.plan = plan
        self._after = dict(plan.after)
        self._texts = {path: _text(held) for path, held in plan.after.items()}
        self.done = make(self._texts, self)

    def overlay(self) -> dict[str, str | None]:
        """Give the texts; what is staged later is in them too, for who records what was done."""
        return self._texts

    def content(self, path: str) -> bytes | None:
        return self._after[path] if path in self._after else content(path)

    def stage(self, files: Mapping[str, bytes | None], expect: Mapping[str, bytes | None]) -> None:
        """Take what the steps would write; ``expect`` is of the place that is not yet."""
        self._after |= files
        self._texts |= {path: _text(held) for path, held in files.items()}

    @property
    def edits(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """What changes: path → content before and after."""
        before = self.plan.before
        now = {path: before[path] if path in before else content(path) for path in self._after}
        return {p: (now[p], new) for p, new in self._after.items() if now[p] != new}


def _text(held: bytes | None) -> str | None:
    return None if held is None else held.decode("utf-8", "surrogateescape")
