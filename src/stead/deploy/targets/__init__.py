"""Kinds of targets behind one protocol; one file per kind.

A target is one node: one recipe on one machine, in one directory, or as one image. Its order of
use is ``facts`` (reads, changes nothing), then ``apply``. Every kind passes
:class:`stead.testing.targets.TargetSuite`.
"""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO, Literal, Protocol

    from stead.values.deployment import Facts, Health, Part, Payload

    Report = Callable[[str, str], None]
    """Gets each step as it begins: one of :data:`STEPS`, and a word on it for people."""
else:
    Protocol = object

GENERATION = "@GENERATION@"
"""Stands for a generation's number in a payload: it is not known before the machine is asked, and
must not change the payload's digest. Replaced in paths, arguments, values and contents alike."""

STEPS = ("begin", "send", "release", "switch", "check", "confirm", "collect")
"""Of an apply, in their order. Until ``switch`` the old generation runs on untouched; between it
and ``confirm`` the machine goes back by itself when it hears nothing more."""


def generation_directory(root: str, recipe: str, number: int | str = GENERATION) -> str:
    """Give the absolute path of a generation: where its rendered files lie (``…/files/NAME``)."""
    return f"{root}/recipes/{recipe}/generations/{number}"


def data_directory(root: str, recipe: str) -> str:
    """Give the absolute path of what a recipe's services keep: it outlives generations."""
    return f"{root}/recipes/{recipe}/data"


def tree_directory(root: str, key: str) -> str:
    """Give the absolute path of a tree."""
    return f"{root}/trees/{key}"


def own_tree_directory(root: str, recipe: str, key: str) -> str:
    """Give the absolute path of a tree that lies with its generation."""
    return f"{generation_directory(root, recipe)}/code/{key}"


@dataclass(frozen=True, slots=True)
class Node:
    """Which node, and what may be done there."""

    recipe: str
    root: str = ""
    """Absolute on the machine; empty for ``~/.local/share/stead-node``."""
    sudo: Literal["never", "services"] = "never"
    services: Literal["auto", "systemd", "supervise"] = "auto"
    log_blocks: int = 8192
    """Blocks of 512 bytes that a log of ours may have; as many more lie in the one before it."""
    settling: float = 2.0
    """Seconds that every service must stay up before a switch is confirmed, whatever is checked."""
    patience: float = 60.0
    """Seconds without a word from here after which the machine goes back by itself, and another
    deploy may begin."""
    project: str = ""
    """Whose recipe it is: another project's of the same name is left alone. Empty asks nothing."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A payload with all that is needed to bring it somewhere."""

    payload: Payload
    digest: str
    """Of the payload: an equal one that runs already changes nothing."""
    record: str
    """``payload.json``: what is kept on the machine, shown and compared; without any secret."""
    write: Callable[[Part, IO[bytes]], None]
    """Writes a part's tar, whose sha256 is the part's digest."""
    within: Callable[[Callable[[str], str]], tuple[str, ...]] | None = None
    """Asks checks of what only an image's inside tells, of what runs a program of ``sh`` there. Gives
    warnings; raises CheckError."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply, or a rollback, did."""

    changed: bool
    generation: int
    sent: int = 0
    """Bytes that went to the machine."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A service as the machine sees it."""

    name: str
    state: Literal["running", "stopped", "failed", "restarting"]
    pid: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Deployed:
    """A generation on the machine."""

    number: int
    digest: str
    made: float
    """Seconds since the epoch, by the machine's clock."""
    current: bool = False
    confirmed: bool = True
    """False for one that was switched to, and has not been checked yet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a node."""

    generation: int = 0
    """0: nothing is deployed."""
    digest: str = ""
    services: tuple[Running, ...] = ()
    generations: tuple[Deployed, ...] = ()
    held_by: str = ""
    """Who deploys there at the moment."""


class Target(Protocol):
    """One node. Errors: :class:`~stead.values.errors.DeployError` and its kinds."""

    name: str
    address: str
    """The machine; empty for this one."""

    def facts(self) -> Facts:
        """Read what the machine is and has: one round trip, nothing is changed there."""

    def examine(self, program: str) -> str:
        """Run a program of ``sh`` that only reads, on the machine; gives what it prints.

        Empty where there is no machine to ask yet, as for an image.
        """

    def ask(self, check: Health) -> str:
        """Ask once whether a port or an address answers, as seen from the machine.

        Gives what is wrong; empty where nothing is, or nobody can be asked.
        """

    def running(self) -> str:
        """Give the ``payload.json`` of the current generation; empty where there is none."""

    def apply(self, delivery: Delivery, report: Report | None = None) -> Applied:
        """Bring a payload there, switch to it, check it, keep it or go back.

        Nothing is changed where it runs already. Raises DeployError where it did not come to run;
        then the machine runs what it ran before, or goes back to that within ``patience``.
        """

    def status(self) -> Standing:
        """Say what runs there."""

    def logs(self, service: str = "", lines: int = 200) -> Iterator[str]:
        """Give the last lines of a service's output, or of all, each behind its service's name."""

    def rollback(self, generation: int = 0, report: Report | None = None) -> Applied:
        """Switch to an earlier generation (0: the one before), check it, keep it or go back."""

    def run(self, command: str, arguments: Sequence[str] = ()) -> int:
        """Run a one-off command of the current generation; gives its exit code.

        Its output goes to this program's.
        """

    def remove(self) -> None:
        """Stop the recipe there, and remove its generations and what only they needed."""

    def close(self) -> None:
        """End the connection. Services run on."""


__all__ = [
    "GENERATION",
    "STEPS",
    "Applied",
    "Delivery",
    "Deployed",
    "Node",
    "Running",
    "Standing",
    "Target",
    "data_directory",
    "generation_directory",
    "own_tree_directory",
    "tree_directory",
]
