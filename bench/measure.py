"""Timing: programs run by turns, and the median of each one's times."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


@dataclass(frozen=True)
class Row:
    """One line of the table. Times are medians in milliseconds.

    ``gate`` is the highest ratio ``ours / peer`` that passes. Where ``limit`` is
    set there is no peer, and ``ours`` itself must not be above it: a goal, which
    fails nothing. ``counts`` marks a row of counts instead of times.
    """

    name: str
    ours: float
    peer_name: str
    peer: float
    gate: float
    limit: bool = False
    counts: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.peer if self.peer else 0.0

    @property
    def holds(self) -> bool:
        return self.ours <= self.gate if self.limit or self.counts else self.ratio <= self.gate


@dataclass(frozen=True)
class Program:
    """A program to be timed.

    ``before`` makes things as they must be and is not timed; what it gives, if
    anything, is the directory to run in instead of ``cwd``.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    before: Callable[[], str | None] | None = None
    log: str = field(default=os.devnull)
    """Where standard error goes."""

    def time(self) -> float:
        """Run it once; gives milliseconds from before it is started until it has ended."""
        cwd = (self.before() if self.before else None) or self.cwd
        os.chdir(cwd)
        if self.before:
            os.sync()  # what that wrote and removed is not this program's to bring to the disk
        env = {**self.env, "PWD": cwd}
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        ]
        began = time.perf_counter_ns()
        # Started without a copy of this process, whose size would count otherwise.
        child = os.posix_spawn(self.argv[0], list(self.argv), env, file_actions=actions)
        _, status = os.waitpid(child, 0)
        took = (time.perf_counter_ns() - began) / 1e6
        if status:
            raise BenchError(f"{' '.join(self.argv)} failed in {cwd}: {self._said()}")
        return took

    def _said(self) -> str:
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()[-600:] or f"see {self.log}"
        except OSError:
            return ""


LEAST = 3
"""Rounds after which a ratio may be taken for known."""


def by_turns(
    timed: Mapping[str, Callable[[], Sequence[float] | float]], rounds: int, *, warm: int = 1
) -> dict[str, float]:
    """Time each in turn, ``rounds`` times over, and give each one's median.

    By turns, and in the opposite order every other round, so that whatever else
    the machine does meets all alike. The first ``warm`` rounds do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(-warm, rounds):
        for name, took in _round(timed, number):
            if number >= 0:
                times[name] += [took] if isinstance(took, float) else took
    return {name: statistics.median(values) for name, values in times.items()}


def against(
    ours: Callable[[], float],
    peers: Mapping[str, Callable[[], float]],
    gates: Mapping[str, float],
    rounds: int,
) -> dict[str, tuple[float, float]]:
    """Time ours and each peer by turns; gives ours and theirs as medians of the same rounds.

    A peer sits out as soon as even its best time and our worst (or its worst and our best)
    say the same of its gate: what takes seconds is not repeated to learn that it does.
    Every program has one round before that does not count.
    """
    mine: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    asked = dict(peers)
    for number in range(-1, rounds):
        if not asked:
            break
        for name, took in _round({"": ours, **asked}, number):
            if number >= 0:
                (theirs[name] if name else mine).append(took)
        asked = {n: p for n, p in asked.items() if not _known(mine, theirs[n], gates[n])}
    found = {}
    for name, values in theirs.items():
        found[name] = statistics.median(mine[: len(values)]), statistics.median(values)
    return found


def _known(ours: list[float], theirs: list[float], gate: float) -> bool:
    """Say whether the worst that was seen and the best agree about a gate."""
    if len(theirs) < LEAST:
        return False
    return max(ours) <= gate * min(theirs) or min(ours) > gate * max(theirs)


def _round(
    timed: Mapping[str, Callable[[], Sequence[float] | float]], number: int
) -> Iterator[tuple[str, Sequence[float] | float]]:
    for name in timed if number % 2 else reversed(list(timed)):
        yield name, timed[name]()
