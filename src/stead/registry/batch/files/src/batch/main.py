"""The same work on each of many files: in parallel, and resumed where it stopped.

Each output is written whole or not at all, and says what it was made of: the content of its input and the
version of the work. A run makes those that are missing or made of something else, so that a run after a kill
goes on, and a run after a success does nothing. A file whose work fails does not stop the others.

Nothing is printed or logged here. Memory is bounded: no more files are under way than twice the workers.
"""

from __future__ import annotations

import csv
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from batch.utils import InputError, alone, digest, is_made_of, write_result

VERSION = "1"
"""Of the work: change it when ``summarise`` changes, and all outputs are made anew."""

CSV = "CSV files (UTF-8, comma) with a header line and rows as long as it"

Work = Callable[[str], Any]
"""Path of an input → what JSON can hold. It runs in a process of its own."""


@dataclass(frozen=True)
class Failure:
    """An input whose work failed."""

    input: str
    error: str


@dataclass(frozen=True)
class Report:
    """What a run did: names of inputs, in order."""

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    """There already, made of the same content by the same work."""
    failed: tuple[Failure, ...]


def summarise(path: str) -> dict[str, Any]:
    """The work: rows of a CSV file, and of each numeric column its count, mean, deviation and range.

    An empty cell counts as missing; a column with anything but numbers is left out. Means and
    deviations (of the sample) by Welford's method (Technometrics 4 (1962) 419–420), so that a file
    is read once and need not fit into memory. Raises InputError.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if not header:
                raise InputError("it is empty", CSV)
            rows, columns = 0, [_Column() for _ in header]
            for row in lines:
                if len(row) != len(header):
                    raise InputError(
                        f"line {lines.line_num} has {len(row)} cells under {len(header)} names", CSV
                    )
                rows += 1
                for column, cell in zip(columns, row, strict=True):
                    column.take(cell)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"it cannot be read ({reason})", CSV) from error
    named = zip(header, columns, strict=True)
    return {
        "rows": rows,
        "columns": {name: column.summary() for name, column in named if column.count},
    }


def run(
    inputs: Sequence[str],
    output: str,
    *,
    work: Work = summarise,
    version: str = VERSION,
    workers: int = 0,
) -> Report:
    """Do the work on each input, and write ``output/NAME.json`` for each.

    ``workers`` processes work at a time, as many as there are processors where it is 0. Raises
    InputError for what keeps all of it from being done; what fails for one input is in the report.
    """
    names = [os.path.basename(path) for path in inputs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"two inputs have the name {min(twice)}")
    if workers < 0:
        raise InputError(f"{workers} workers are none")
    done: set[str] = set()
    skipped: set[str] = set()
    failed: dict[str, str] = {}
    count = workers or os.cpu_count() or 1
    # Workers that start afresh are alike on all systems, and inherit neither threads nor the lock.
    fresh = multiprocessing.get_context("spawn")
    with alone(output), ProcessPoolExecutor(count, fresh, _end_with_parent) as pool:
        todo = ((path, os.path.join(output, f"{os.path.basename(path)}.json")) for path in inputs)
        jobs = ((path, (path, target, work, version)) for path, target in todo)
        for path, future in _bounded(pool, jobs, 2 * count):
            name = os.path.basename(path)
            try:
                (done if future.result() else skipped).add(name)
            except BrokenProcessPool:
                failed[name] = "its process ended, or that of another input did"
            except Exception as error:  # noqa: BLE001  # whatever the work raises is the report's
                failed[name] = str(error) or type(error).__name__
    return Report(
        tuple(name for name in names if name in done),
        tuple(name for name in names if name in skipped),
        tuple(Failure(name, failed[name]) for name in names if name in failed),
    )


def _end_with_parent() -> None:
    """In a worker: end when the run was killed, and leave Ctrl-C to the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one(path: str, target: str, work: Work, version: str) -> bool:
    """Make one output, in a worker; False where it is there already."""
    key = f"{version}:{digest(path)}"
    if is_made_of(target, key):
        return False
    write_result(target, key, work(path))
    return True


def _bounded(
    pool: ProcessPoolExecutor, jobs: Iterable[tuple[str, tuple[Any, ...]]], most: int
) -> Iterator[tuple[str, Future[bool]]]:
    """Give what has ended, with no more than ``most`` jobs waiting or under way."""
    under_way: dict[Future[bool], str] = {}
    for path, arguments in jobs:
        try:
            future = pool.submit(_one, *arguments)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        under_way[future] = path
        if len(under_way) >= most:
            for ended in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(ended), ended
    for ended in wait(under_way).done:
        yield under_way[ended], ended


class _Column:
    """Count, mean, deviation and range of the numbers of a column, one after the other."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf
        self.numeric = True

    def take(self, cell: str) -> None:
        if not self.numeric or not cell.strip():
            return
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.numeric, self.count = False, 0
            return
        self.count += 1
        change = value - self.mean
        self.mean += change / self.count
        self.squares += change * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)

    def summary(self) -> dict[str, float]:
        deviation = math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0
        return {
            "count": self.count,
            "mean": self.mean,
            "deviation": deviation,
            "low": self.low,
            "high": self.high,
        }
