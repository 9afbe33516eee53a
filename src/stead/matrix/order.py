"""The order in which environments run: each behind those it depends on, else as listed."""

from __future__ import annotations

import heapq

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Circle(ValueError):  # noqa: N818 (what it is, not what went wrong)
    """Names that wait for each other, the first again at the end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(" → ".join(names))


def ordered(names: Sequence[str], before: Mapping[str, Sequence[str]]) -> list[str]:
    """Order names so that those ``before`` one stand in front of it.

    Of those that can come next, the first in ``names`` does (so does tox). Raises
    :class:`Circle`.
    """
    place = {name: at for at, name in enumerate(names)}
    waits = {name: {b for b in before.get(name, ()) if b in place} for name in names}
    behind: dict[str, list[str]] = {name: [] for name in names}
    for name, others in waits.items():
        for other in others:
            behind[other].append(name)
    left = {name: len(others) for name, others in waits.items()}
    ready = [place[name] for name in names if not left[name]]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for other in behind[name]:
            left[other] -= 1
            if not left[other]:
                heapq.heappush(ready, place[other])
    if len(order) < len(names):
        raise Circle(_circle(names, waits, set(order)))
    return order


def _circle(names: Sequence[str], waits: Mapping[str, set[str]], done: set[str]) -> tuple[str, ...]:
    """Walk from a name that cannot run to one that it waits for, until one comes again."""
    path: list[str] = []
    name = next(n for n in names if n not in done)
    while name not in path:
        path.append(name)
        name = next(n for n in names if n in waits[name] and n not in done)
    return (*path[path.index(name) :], name)
