"""How fast a directory grows: the progress of a program that reports none itself."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.context import Task

EVERY = 0.5
"""Seconds between two looks."""


@contextlib.contextmanager
def watched(directory: str, task: Task, *, every: float = EVERY) -> Iterator[None]:
    """Report to ``task``, in bytes, what a directory grows by while the block lasts.

    What is there is counted by size. How much it will be is known to nobody here,
    so there is a rate and no remainder.
    """
    before = size_of(directory)
    done = threading.Event()
    told = 0

    def look() -> None:
        nonlocal told
        grown = size_of(directory) - before
        if grown > told:
            task.advance(grown - told)
            told = grown

    def watch() -> None:
        while not done.wait(every):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        look()


def size_of(directory: str) -> int:
    """Give the bytes of all files below a directory; what goes away meanwhile counts as nothing."""
    total = 0
    waiting = [directory]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
