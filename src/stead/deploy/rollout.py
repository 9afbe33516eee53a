"""Several nodes: asked together, then changed in batches, side by side, until one fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import TYPE_CHECKING, Literal, TypeVar

from stead.values.errors import SteadError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from stead.deploy.recipes import Where
    from stead.deploy.targets import Applied

    T = TypeVar("T")
    N = TypeVar("N")

State = Literal["done", "unchanged", "failed", "not begun"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one node."""

    where: Where
    state: State
    applied: Applied | None = None
    error: SteadError | None = None


def together(
    nodes: Sequence[N], act: Callable[[N], T], most: int = 16
) -> list[tuple[N, T | None, SteadError | None]]:
    """Do something with each node side by side; gives, in their order, its result or its error."""

    def one(node: N) -> tuple[N, T | None, SteadError | None]:
        try:
            return node, act(node), None
        except SteadError as exc:
            return node, None, exc

    if len(nodes) <= 1:
        return [one(node) for node in nodes]
    with ThreadPoolExecutor(min(most, len(nodes))) as pool:
        return list(pool.map(one, nodes))


def batches(nodes: Sequence[Where]) -> Iterator[tuple[int, list[Where]]]:
    """Divide nodes as their targets say: how many at once, and which make a batch."""
    targets = list(dict.fromkeys(n.target.name for n in nodes))
    for name in targets:
        own = [n for n in nodes if n.target.name == name]
        target = own[0].target
        size = target.serial or len(own)
        for at in range(0, len(own), size):
            yield target.parallel, own[at : at + size]


def roll_out(
    nodes: Sequence[Where],
    apply: Callable[[Where], Applied],
    said: Callable[[Outcome], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Change node after node; ``said`` hears of each as it ends.

    With the first that fails no further one begins, and what has begun is brought to its end.
    So it is where the caller is interrupted, or ``said`` raises.
    """
    found: dict[str, Outcome] = {}
    failed = threading.Event()

    def one(node: Where) -> Outcome:
        if failed.is_set():
            return Outcome(node, "not begun")
        try:
            applied = apply(node)
        except SteadError as exc:
            failed.set()
            return Outcome(node, "failed", error=exc)
        return Outcome(node, "done" if applied.changed else "unchanged", applied)

    for most, batch in batches(nodes):
        if failed.is_set():
            break
        # Closed whatever happens, so that nothing further begins before an error goes on.
        with closing(_side_by_side(batch, one, most, failed)) as outcomes:
            for outcome in outcomes:
                found[outcome.where.name] = outcome
                if outcome.state != "not begun":
                    said(outcome)
    return tuple(found.get(n.name, Outcome(n, "not begun")) for n in nodes)


def _side_by_side(
    batch: Sequence[Where], act: Callable[[Where], Outcome], most: int, stop: threading.Event
) -> Generator[Outcome, None, None]:
    if len(batch) == 1:
        # In this thread, so that who interrupts it does not wait for what is asked there.
        yield act(batch[0])
        return
    with ThreadPoolExecutor(max(1, min(most, len(batch)))) as pool:
        try:
            for future in as_completed([pool.submit(act, node) for node in batch]):
                yield future.result()
        except BaseException:
            # Leaving the pool waits for all that it holds: what has not begun must not begin.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
