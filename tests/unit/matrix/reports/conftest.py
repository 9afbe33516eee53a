"""Results and events as runs leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.values.suite import CommandResult, Event, Result

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def results(tmp_path) -> list[Result]:
    """One of each status, a package and an environment; what failed has a log."""
    log = tmp_path / "failed.log"
    log.write_text("collected 1 item\nE   assert 1 == 2\ntests/test_a.py:3: AssertionError\n")
    failed = CommandResult(("pytest", "-k", "a b"), 1, 2.5)
    return [
        Result("wheel-cpython312", "build", "passed", 1.25, key="b1", definition="wheel"),
        Result("sdist", "build", "passed", reused=True, key="b2", definition="sdist"),
        Result("py312", "environment", "passed", 0.4, key="e1", environment="py312"),
        Result(
            "(wheel) py312", "cell", "passed", 3.2, key="c1",
            commands=(CommandResult(("pytest",), 0, 3.1),), environment="py312", definition="wheel",
        ),
        Result(
            "(wheel) py313", "cell", "failed", 2.6, log=str(log), key="c2",
            commands=(failed,), environment="py313", definition="wheel",
        ),
        Result("py27", "cell", "skipped", reason="no interpreter answers py27", environment="py27"),
        Result("(sdist) py312", "cell", "flaky", 6.0, attempts=2, environment="py312", definition="sdist"),
        Result("slow", "cell", "timeout", 60.0, reason="longer than 60 s", environment="slow"),
        Result("docs", "cell", "interrupted", 1.0, reason="Ctrl-C", environment="docs"),
        Result("lint", "cell", "passed", reused=True, environment="lint"),
    ]  # fmt: skip


class Told:
    """What a reporter wrote, and events for it at times that advance by a second."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._time = iter(range(1_700_000_000, 1_800_000_000))

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def events(self, *told: tuple[str, str] | tuple[str, str, object], kind: str = "cell"):
        """Make events of (job, what) and (job, what, text or result)."""
        for job, what, *more in told:
            about = {"result": more[0]} if what == "done" else {"text": more[0] if more else ""}
            yield Event(job, what, next(self._time), kind, **about)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def fed(told: Told) -> Callable[..., None]:
    """Feed a reporter with events."""

    def feed(reporter, *events, kind: str = "cell") -> None:
        for event in told.events(*events, kind=kind):
            reporter.event(event)

    return feed
