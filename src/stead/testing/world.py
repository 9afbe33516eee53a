"""A world for tests: a context whose home is a scratch directory and whose progress remembers."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stead.cli.runner import run
from stead.values.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Reported:
    """One bar as it was left. Amounts are in its unit."""

    title: str
    unit: str = ""
    whole: int = 0
    done: int = 0

    def total(self, amount: int) -> None:
        self.whole = amount

    def advance(self, amount: int = 1) -> None:
        self.done += amount


@dataclass
class Recorder:
    """Progress that shows nothing and remembers everything."""

    tasks: list[Reported] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Reported]:
        reported = Reported(title, unit)
        self.tasks.append(reported)
        yield reported

    def note(self, text: str) -> None:
        self.notes.append(text)


def make_context(home: str | Path, **changes: Any) -> Context:
    """Give a context with the real runner and clock; ``changes`` are fields of it.

    Its environment holds ``PATH`` and ``HOME`` only, unless ``environ`` says otherwise.
    """
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
    context = Context(home=Path(home), environ=environ, run=run, progress=Recorder(), now=time.time)
    return replace(context, **changes)


def recorder(context: Context) -> Recorder:
    """Give the recorder of a context made here."""
    assert isinstance(context.progress, Recorder)
    return context.progress
