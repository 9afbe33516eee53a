"""Signals while a child runs: what this process does with them meanwhile."""

from __future__ import annotations

import contextlib
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@contextlib.contextmanager
def handling(wanted: Mapping[Sequence[str], Callable[[int, object], None]]) -> Iterator[None]:
    """Have signals, by their names, handled within the block, and as before after it.

    Those that the system does not have are passed over; what the caller has ignored
    (nohup) stays ignored.
    """
    before = {}
    try:
        for names, handler in wanted.items():
            for name in names:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
