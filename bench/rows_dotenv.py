"""Rows about reading a `.env`: Stead's reader and python-dotenv's, in one process."""

from __future__ import annotations

import io
import random
import time
from typing import TYPE_CHECKING

from measure import Row, by_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World


def rows(world: World) -> list[Row]:
    """Time reading 1,000 lines of the kinds that such files have."""
    from dotenv import dotenv_values

    from stead.formats import dotenv

    thousand = _text(1_000)
    ours = _timed(lambda: dotenv.read(thousand, "/place/.env"))
    peer = _timed(lambda: dotenv_values(stream=io.StringIO(thousand)))
    assert {e.name: e.value for e in dotenv.read(thousand, "/e")} == dotenv_values(
        stream=io.StringIO(thousand)
    )
    ms = by_turns({"ours": ours, "peer": peer}, world.rounds(40, 10))
    return [Row("reading a `.env` of 1,000 lines", ms["ours"], "python-dotenv", ms["peer"], 1.0)]


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter_ns()
        work()
        return (time.perf_counter_ns() - began) / 1e6

    return once


def _text(lines: int) -> str:
    """Make a file: plain values, both kinds of quotes, comments, and some of several lines."""
    chosen = random.Random(5)
    kinds = (
        "NAME_{n}=value-{n}\n",
        "NAME_{n}=value-{n}\n",
        "NAME_{n}=https://example.org:8{n:04}/path?query={n}\n",
        'NAME_{n}="some words, {n}"\n',
        "NAME_{n}='p4$$w0rd {n}' # said of it\n",
        "export NAME_{n}=\n",
        "# what stands below\n",
        "\n",
    )
    return "".join(chosen.choice(kinds).format(n=n) for n in range(lines))
