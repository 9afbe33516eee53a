"""What a run is made of: jobs, the turn that each gets, and the word to stop."""

from __future__ import annotations

import contextlib

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from stead.values.suite import Result

    Kind = Literal["build", "environment", "cell"]


class Stop:
    """Whether a run is to end: asked once, in an orderly way; asked again, at once.

    :meth:`ask` may be called anywhere, in a signal handler too: it takes no lock.
    """

    def __init__(self) -> None:
        self.level = 0
        """How often an end was asked for."""
        self.signal = 0
        """The number of the first signal that asked; 0 where it was none."""
        self._listeners: dict[object, tuple[Callable[[int], None], bool]] = {}

    def ask(self, number: int = 0) -> None:
        """Ask for an end, and tell all who listen, those who came last first."""
        self.level += 1
        self.signal = self.signal or number
        for tell, _ in reversed(list(self._listeners.values())):
            tell(self.level)

    @contextlib.contextmanager
    def telling(self, tell: Callable[[int], None], *, ends: bool = False) -> Iterator[None]:
        """Have ``tell`` called with the level whenever an end is asked for, within the block.

        It is called at once where that has happened before, perhaps twice for one
        asking; it must not block and take no lock. ``ends`` says that it brings about
        the end of what the block waits for.
        """
        key = object()
        self._listeners[key] = tell, ends
        try:
            if self.level:
                tell(self.level)
            yield
        finally:
            del self._listeners[key]

    @property
    def ending(self) -> bool:
        """Whether somebody who was told is still at bringing something to its end."""
        return any(ends for _, ends in list(self._listeners.values()))


@dataclass(frozen=True)
class Turn:
    """What a job is given when its turn has come. All of it may be used from any thread."""

    job: str
    say: Callable[[Literal["step", "line", "detail"], str], None]
    """Makes an event of a step that begins, or of a line of output."""
    stop: Stop
    share: int = 1
    """How many processes this job may use by itself."""
    attempt: int = 1

    def step(self, text: str) -> None:
        """Say what begins."""
        self.say("step", text)

    def line(self, text: str) -> None:
        """Pass a line of output on."""
        self.say("line", text)

    def detail(self, text: str) -> None:
        """Pass on what a build says, which a person wants to see only where it fails."""
        self.say("detail", text)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done once, in a thread of its own.

    ``run`` gives how it ended; whatever it raises is a failure. It does not begin
    before all of ``needs`` have passed (else it is skipped) and all of ``after`` have
    ended, however they did. While it runs it alone holds its ``resources``.
    """

    name: str
    kind: Kind
    run: Callable[[Turn], Result]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    retries: int = 0
    """How often it is tried again when it failed."""
    seconds: float = 0
    """How long it is thought to take; 0 where nobody knows."""
    fail_fast: bool = False
    """Whether nothing more begins when this one failed."""
    environment: str = ""
    definition: str = ""
