"""When a build that failed for a passing reason is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Capped exponential backoff with jitter; times in seconds."""

    times: int = 5
    first: float = 2.0
    factor: float = 3.0
    most: float = 300.0

    def wait(self, retries: int, chance: random.Random | None = None) -> float | None:
        """Say how long to wait after so many retries; None where that was enough.

        Between half of the step and all of it: builds that failed together do not come
        back together.
        """
        if retries >= self.times:
            return None
        step = min(self.most, self.first * self.factor**retries)
        return step * (chance or random.SystemRandom()).uniform(0.5, 1.0)
