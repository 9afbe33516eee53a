"""The machine's lease, kept by saying so again and again while a deploy works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from stead.values.errors import ContactError, SteadError

if TYPE_CHECKING:
    from collections.abc import Callable


class Keeper:
    """Renews a lease in a thread of its own; a context."""

    def __init__(self, renew: Callable[[], None], patience: float) -> None:
        """``renew`` raises where the lease is lost; it is called thrice within ``patience``."""
        self._renew = renew
        self._pause = patience / 3
        self._over = threading.Event()
        self._lost: SteadError | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(self._pause)

    def check(self) -> None:
        """Raise what went wrong meanwhile."""
        if self._lost is not None:
            raise self._lost

    def _keep(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self._renew()
            except SteadError as exc:
                self._lost = exc
                return
            except OSError as exc:
                self._lost = ContactError(
                    f"the machine cannot be told that this deploy is at work: {exc.strerror or exc}"
                )
                return
