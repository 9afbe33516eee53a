"""All checks at once: side by side, each in its time, and none of them for ever."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from stead.config.checks import gpu, machine, network, programs, variables
from stead.config.checks.answer import Answer, World
from stead.config.checks.bounds import MistakeError, seconds
from stead.values.checked import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.values.context import Runner
    from stead.values.kinds import Check
    from stead.values.platform import Platform
    from stead.values.secret import Secret
    from stead.values.table import Table

SIDE_BY_SIDE = 32
"""How many checks are made at one time."""

_GRACE = 5.0
"""Seconds past its time after which a check is left to itself: a name server or a
network file system that hangs cannot be interrupted."""

_KINDS: dict[str, Callable[[Check, World, float], Answer]] = {
    "command": programs.command,
    "cpu": machine.cpu,
    "glibc": machine.glibc,
    "gpu": gpu.gpu,
    "path": machine.path,
    "port": network.port,
    "run": programs.run,
    "space": machine.space,
    "url": network.url,
    "variable": variables.variable,
}


def evaluate(
    checks: Sequence[Check],
    *,
    table: Table,
    environ: Mapping[str, str],
    platform: Platform,
    run: Runner,
    clock: Callable[[], float] = time.monotonic,
    secrets: Sequence[Secret] = (),
    root: str = "/",
) -> tuple[Result, ...]:
    """Make checks, side by side; gives a result for each, in their order.

    ``environ`` is the environment of the process that is to start, ``run`` what
    runs commands and ends those that take too long. Values of ``secrets`` are
    taken out of all that is said. Whatever happens to a check, it has a result:
    nothing is raised but what interrupts the program itself.
    """
    from stead.config.checks.redact import Redaction

    if not checks:
        return ()
    world = World(table, environ, platform, run, root)
    redaction = Redaction(secrets)
    work = _Work(checks, world, clock)
    return tuple(redaction.result(result) for result in work.results())


class _Work:
    """Threads that make checks, and what came of them.

    The threads do not keep the program from ending: one may hang in a call that
    nothing interrupts.
    """

    def __init__(self, checks: Sequence[Check], world: World, clock: Callable[[], float]) -> None:
        self._checks = checks
        self._world = world
        self._clock = clock
        self._changed = threading.Condition()
        self._next = 0
        self._started: dict[int, float] = {}
        self._done: dict[int, Result] = {}
        self._limits = [_limit(check) for check in checks]

    def results(self) -> list[Result]:
        number = len(self._checks)
        side_by_side = min(number, SIDE_BY_SIDE)
        rounds = math.ceil(number / side_by_side)
        end = self._clock() + rounds * (max(self._limits) + _GRACE)
        for _ in range(side_by_side):
            threading.Thread(target=self._work, daemon=True).start()
        with self._changed:
            while len(self._done) < number:
                now = self._clock()
                self._give_up(now, all_=now >= end)
                self._changed.wait(0.05)
            self._next = number
            return [self._done[n] for n in range(number)]

    def _give_up(self, now: float, *, all_: bool) -> None:
        for number, check in enumerate(self._checks):
            if number in self._done:
                continue
            begun = self._started.get(number)
            limit = self._limits[number]
            if all_ or (begun is not None and now > begun + limit + _GRACE):
                said = f"no answer within {limit:g} s: {check.subject or check.name}"
                answer = Answer(False, said, "look at the network, or at what is mounted there")
                self._done[number] = _result(check, answer, now - (now if begun is None else begun))

    def _work(self) -> None:
        while True:
            with self._changed:
                number = self._next
                if number >= len(self._checks):
                    return
                self._next += 1
                begun = self._started[number] = self._clock()
            check = self._checks[number]
            answer = _answer(check, self._world, self._limits[number])
            with self._changed:
                self._done.setdefault(number, _result(check, answer, self._clock() - begun))
                self._changed.notify()


def _answer(check: Check, world: World, limit: float) -> Answer:
    try:
        require(check)
        return _KINDS[check.kind](check, world, limit)
    except MistakeError as exc:
        return Answer(False, str(exc), "correct the check")
    except Exception as exc:  # noqa: BLE001 (one check that breaks must not hide the others)
        return Answer(False, f"the check itself failed ({type(exc).__name__})", "report this")


def require(check: Check) -> None:
    """Raise MistakeError for a check that cannot be made as it is written."""
    from stead.config.checks import bounds

    seconds(check.timeout)
    kind, expect = check.kind, check.expect
    if kind in ("command", "run"):
        programs.require(check)
    elif kind not in ("cpu", "glibc", "gpu") and not check.subject:
        raise MistakeError("it does not say of what")
    if kind in ("path", "space"):
        machine.location(check)
    if kind == "path" and expect not in ("", "file", "directory"):
        raise MistakeError(f'`expect` of a path is "file" or "directory", not {expect!r}')
    if kind == "port":
        network.address(check.subject)
    elif kind == "url":
        network.split(check.subject)
        if expect:
            bounds.statuses(expect)
    elif kind in ("command", "glibc") and expect:
        bounds.versions(expect)
    elif kind == "cpu" and expect:
        bounds.at_least(expect)
    elif kind == "space" or (kind == "gpu" and expect):
        bounds.size(expect)
    if kind == "gpu" and check.subject.strip().lower() not in ("", *gpu.MAKERS):
        raise MistakeError(f"{check.subject!r} makes no GPU: write one of {', '.join(gpu.MAKERS)}")


def _limit(check: Check) -> float:
    try:
        return seconds(check.timeout)
    except MistakeError:
        return 1.0


def _result(check: Check, answer: Answer, took: float) -> Result:
    by = f" (needed by {check.by})" if check.by and not answer.ok else ""
    remedy = "" if answer.ok else check.message or answer.remedy
    return Result(check, answer.ok, answer.message + by, remedy, answer.details, took)
