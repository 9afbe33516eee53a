"""Whether a generation that was started is well: its checks, and that its services stay up."""

from __future__ import annotations

import contextlib
import time

from stead.deploy.health import described, wait_for
from stead.values.errors import DeployError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.deploy.connection import Connection
    from stead.deploy.containers.engine import Container
    from stead.deploy.containers.generations import Generations
    from stead.deploy.targets import Report
    from stead.values.deployment import Health


class Holding:
    """Asks generations of one unit. What does not hold raises DeployError."""

    def __init__(self, generations: Generations, here: Connection, settling: float) -> None:
        """``here`` reaches ports of this machine; all must stay up for ``settling`` seconds."""
        self._generations = generations
        self._here = here
        self._settling = settling

    def hold(
        self,
        number: int,
        checks: Sequence[Health],
        report: Report,
        still: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask all checks of a generation. ``still`` is called between tries, and may raise."""
        since = time.monotonic()
        first = {c.name: (c.started, c.restarts) for c in self._of(number)}
        for check in checks:
            report("check", described(check))
            wait_for(
                check,
                self._here,
                lambda left, check=check: self._command(check, number, left),  # type: ignore[misc]
                still,
            )
        while True:
            still()
            last = time.monotonic() >= since + self._settling
            self._see_up(number, first)
            if last:
                return
            time.sleep(max(self._settling / 5, 0.05))

    def _command(self, check: Health, number: int, seconds: float) -> str:
        every = self._of(number)
        one = next((c for c in every if c.service == check.service), every[0] if every else None)
        if one is None:
            return "its container is gone"
        engine = self._generations.engine
        try:
            code, said = engine.inside(one.name, check.command, seconds)
        except TimeoutError:
            # No engine ends it but with its container. All the time of the check is over with it.
            with contextlib.suppress(DeployError):
                engine.stop(one.name)
            return f"it did not end within {seconds:.3g} s"
        return "" if code == 0 else f"it ended with {code}: {said.strip()[-200:]}"

    def _see_up(self, number: int, first: dict[str, tuple[float, int]]) -> None:
        """See that all run, and none has ended since. Raises DeployError."""
        found = {c.name: c for c in self._of(number)}
        for name, begun in first.items():
            one = found.get(name)
            if one is None or one.state != "running" or (one.started, one.restarts) != begun:
                raise DeployError(
                    f"the service {one.service if one else name} does not stay up",
                    remedy="`stead run` it here, or see what it said; a command that is to end "
                    "belongs in [app.NAME.commands]",
                )

    def _of(self, number: int) -> list[Container]:
        return [c for c in self._generations.all() if c.generation == number]
