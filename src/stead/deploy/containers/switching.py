"""The process that exchanges a recipe's containers, and goes back unless it is told to let them be.

It is started before anything is stopped, in a session of its own, and does all of the exchange
itself: so nothing that a killed deploy has begun goes on beside it. It holds the deploy's lock with
it, and hears of its end by the end of its standard input.

It reads lines of one word (``switch``, ``confirm``, ``revert``), and answers each with a line of
JSON: ``{"of": WORD}``, with ``message``, ``details`` and ``remedy`` where that did not work.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time

from stead.deploy.containers.engine import Engine
from stead.deploy.containers.generations import Generations
from stead.values.errors import DeployError, SteadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between tries to go back. After the last one it is left to the next deploy."""


class Ears:
    """Lines as they come, waited for no longer than one likes."""

    def __init__(self, source: IO[str]) -> None:
        self._heard: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(source,), daemon=True).start()

    def hear(self, timeout: float | None = None) -> str:
        """Give the next word; empty at the end, or when the time is over."""
        try:
            return self._heard.get(timeout=timeout)
        except queue.Empty:
            return ""

    def _listen(self, source: IO[str]) -> None:
        for line in source:
            self._heard.put(line.strip())
        self._heard.put("")


def exchange(
    generations: Generations,
    new: int,
    seconds: float,
    hear: Callable[[float | None], str],
    answer: Callable[..., None],
) -> None:
    """Switch when told to; confirm or go back as told, and go back where nothing is said."""
    if hear(None) != "switch":
        return
    try:
        generations.begin(new, os.getpgrp() if hasattr(os, "getpgrp") else 0)
        generations.exchange(new)
    except (SteadError, OSError) as exc:
        answer("switch", exc)
    else:
        answer("switch")
    if hear(seconds) == "confirm":
        try:
            generations.confirm(new)
        except (SteadError, OSError) as exc:
            answer("confirm", exc)
        else:
            answer("confirm")
            return
    for pause in (*_PAUSES, 0.0):
        try:
            generations.settle()
        except (SteadError, OSError) as exc:
            wrong: Exception | None = exc
            time.sleep(pause)
        else:
            wrong = None
            break
    answer("revert", wrong)


def said(word: str, wrong: Exception | None = None) -> str:
    """Write an answer."""
    value: dict[str, object] = {"of": word}
    if isinstance(wrong, DeployError):
        value |= {
            "message": wrong.message,
            "details": list(wrong.details),
            "remedy": wrong.remedy or "",
        }
    elif wrong is not None:
        value |= {"message": str(wrong)}
    return json.dumps(value)


def main(words: Sequence[str]) -> None:
    """ENGINE GRACE UNIT DIRECTORY GENERATION SECONDS."""
    program, grace, unit, directory, new, seconds = words
    # Who finds this process gone waits for what it has begun, which is of its group.
    engine = Engine(program, os.environ, int(grace), session=False)
    generations = Generations(engine, unit, directory)

    def answer(word: str, wrong: Exception | None = None) -> None:
        # Nobody may be there any more to read it.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(f"{said(word, wrong)}\n")
            sys.stdout.flush()

    exchange(generations, int(new), float(seconds), Ears(sys.stdin).hear, answer)


if __name__ == "__main__":
    main(sys.argv[1:])
    # What nobody reads is no error, and the thread that listens need not end.
    os._exit(0)
