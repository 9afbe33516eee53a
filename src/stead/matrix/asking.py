"""What is asked of a project's tests: where, which environments, with which arguments."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.platform import Platform


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which environments are chosen; nothing said means those that run by default.

    ``names`` are names or factor expressions, ``ALL`` for all. ``factors`` are sets of
    which one must hold as a whole; a set is written with dashes (``py312-django``).
    ``skip`` is a regular expression: names that begin with what it matches are left out.
    """

    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    skip: str = ""

    @property
    def nothing(self) -> bool:
        """Whether the choice is left to the project."""
        return not (self.names or self.labels or self.factors)


@dataclass(frozen=True, slots=True)
class Further:
    """A goal of a place that no layer describes: a command, for which nothing is installed.

    What it depends on may lie outside the project, so no earlier result stands for it.
    """

    name: str
    command: tuple[str, ...]
    directory: str
    description: str = ""
    labels: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about the tests of the project that a directory (absolute) belongs to.

    ``here`` is this machine. ``posargs`` are the arguments after ``--``, None where
    there was no ``--``. ``skip_missing`` says whether an interpreter that is not
    there is a skip; None leaves it to the project.
    """

    directory: str
    here: Platform
    user_home: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    posargs: tuple[str, ...] | None = None
    skip_missing: bool | None = None
    recreate: bool = False
    in_prefix: str = ""
    """An environment that is there, in which everything is to run."""
    install: bool = False
    """Whether the package may be put into it."""
    packages: tuple[str, ...] = ()
    """The only definitions to test against; empty for all that fit."""
    no_packages: bool = False
    terminal: bool = False
    """Whether standard output is a terminal (tox's ``{tty}``)."""
    overrides: tuple[str, ...] = ()
    """Values in place of those of tox's file, as on its command line."""
    work_dir: str = ""
    """Where tox's environments are to lie (absolute), if not where the project says."""
    hash_seed: str = ""
    """What the commands get as ``PYTHONHASHSEED``; empty leaves it alone."""
    further: tuple[Further, ...] = ()
    """Goals besides those of layers, where these or nothing else describe the tests."""
