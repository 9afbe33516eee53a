"""Several nodes: asked together, then changed side by side, in batches, until one fails."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, Literal, TypeVar

from stead.values.errors import SteadError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from concurrent.futures import Future

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


def batches(nodes: Sequence[Where]) -> list[tuple[int, list[list[Where]]]]:
    """Divide nodes as their targets say: of each, how many at once, and its batches in order."""
    found = []
    for name in dict.fromkeys(n.target.name for n in nodes):
        own = [n for n in nodes if n.target.name == name]
        target = own[0].target
        size = target.serial or len(own)
        found.append(
            (max(1, target.parallel), [own[at : at + size] for at in range(0, len(own), size)])
        )
    return found


def roll_out(
    nodes: Sequence[Where],
    apply: Callable[[Where], Applied],
    said: Callable[[Outcome], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Change nodes; ``said`` hears of each as it ends.

    Targets go side by side, each within its own bound and batch after batch. With the first
    node that fails no further one begins, of whichever target, and what has begun is brought
    to its end. So it is where the caller is interrupted, or ``said`` raises.
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

    # Closed whatever happens, so that nothing further begins before an error goes on.
    with closing(_side_by_side(batches(nodes), one, failed)) as outcomes:
        for outcome in outcomes:
            found[outcome.where.name] = outcome
            if outcome.state != "not begun":
                said(outcome)
    return tuple(found.get(n.name, Outcome(n, "not begun")) for n in nodes)


def _side_by_side(
    lanes: Sequence[tuple[int, list[list[Where]]]],
    act: Callable[[Where], Outcome],
    stop: threading.Event,
) -> Generator[Outcome, None, None]:
    every = [batch for _, all_of in lanes for batch in all_of]
    if len(lanes) <= 1 and all(len(batch) == 1 for batch in every):
        # In this thread, so that who interrupts it does not wait for what is asked there.
        for (node,) in every:
            yield act(node)
        return
    waiting = [(most, [list(batch) for batch in all_of]) for most, all_of in lanes]
    running: dict[Future[Outcome], int] = {}
    with ThreadPoolExecutor(sum(min(most, max(map(len, b))) for most, b in lanes)) as pool:
        try:
            while True:
                for lane, (most, left) in enumerate(waiting):
                    mine = sum(of == lane for of in running.values())
                    if left and not left[0] and not mine:
                        left.pop(0)
                    while left and left[0] and mine < most and not stop.is_set():
                        running[pool.submit(act, left[0].pop(0))] = lane
                        mine += 1
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    yield future.result()
        except BaseException:
            # Leaving the pool waits for all that it holds: what has not begun must not begin.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
