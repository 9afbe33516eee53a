"""What a step is given besides its values: the world, in one frozen value.

Steps never print, ask, read ``os.environ`` or the clock; they use what stands
here, and a test puts in what it likes.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Protocol

    from stead.values.item import ItemFile
    from stead.values.lock import Pin
    from stead.values.manifest import Use
    from stead.values.registry import Registry
    from stead.values.substitute import StoreAddress
else:
    Protocol = object


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that has ended. ``stdout`` and ``stderr`` are text."""

    returncode: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs a program to its end and gives what it said; never raises for its exit code."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        on_line: Callable[[str], None] | None = None,
        timeout: float | None = None,
        most_output: int | None = None,
    ) -> Completed:
        """Run ``argv``. ``env`` None means the caller's environment.

        ``on_line`` gets each line of standard error as it comes. ``timeout`` is in
        seconds: a program that takes longer is ended, and TimeoutError raised. One
        that prints more than ``most_output`` characters is ended, and what it said
        until then given: more than ``most_output`` on that stream.
        Raises :class:`~stead.values.errors.SteadError` when the program is missing.
        """


class Task(Protocol):
    """One bar or line of progress."""

    def total(self, amount: int) -> None:
        """Set how much there is to do, in the unit it was opened with."""

    def advance(self, amount: int = 1) -> None:
        """Report that much more as done."""


class Progress(Protocol):
    """Where long work reports to."""

    def task(self, title: str, *, unit: str = "") -> AbstractContextManager[Task]:
        """Open a bar; ``unit`` is ``B`` for bytes, else a word (``packages``)."""

    def note(self, text: str) -> None:
        """Say one line: what is waited for, what was skipped and why."""


class ReadsRegistries(Protocol):
    """Reads items of registries for modules that are used from one."""

    def pin(self, use: Use, known: Sequence[Registry], context: Context) -> Pin:
        """Say what a module means now: version and hash.

        ``known`` are the registries of the place. Raises SteadError.
        """

    def files(
        self, use: Use, pin: Pin, known: Sequence[Registry], context: Context
    ) -> Sequence[ItemFile]:
        """Give the files of a pinned item, written with the options that are chosen.

        Raises RegistryError where it is not what was pinned.
        """


@dataclass(frozen=True)
class Context:
    """The world as one command sees it."""

    home: Path
    """``$STEAD_HOME``."""
    environ: Mapping[str, str]
    """The caller's environment."""
    run: Runner
    progress: Progress
    now: Callable[[], float]
    """Seconds since the epoch."""
    offline: bool = False
    python_downloads: bool = True
    """Whether an interpreter may be fetched where none fits."""
    build_sources: bool = True
    """Whether source distributions may be built (an untrusted lock builds none)."""
    upgrade: frozenset[str] = field(default_factory=frozenset)
    """Names to take afresh when locking; ``*`` is all of them."""
    ask: Callable[[str], str | None] | None = None
    """Asks the person for a passphrase, without showing it; None where nobody can be asked."""
    substitutes: bool = True
    """Whether stores may be asked for what they have built."""
    stores: tuple[StoreAddress, ...] = ()
    """Stores that this command names, besides those of manifests and settings."""
    registries: ReadsRegistries | None = None
    """What reads registries of modules; None where they are not read."""
