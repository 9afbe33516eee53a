"""Kinds of environments, one file each, behind one protocol; a third party's through entry points.

A kind finds an environment that is there, or makes it, and says what a process in it
gets. What an environment is to hold comes as a value, :class:`Asked`; where the caller's
variables are needed, they are in the context. A kind never runs the environment's
commands and never asks who calls it.
"""

from __future__ import annotations

from stead.values.errors import UsageError
from stead.values.frozen import dataclass
from stead.values.names import ENVIRONMENT_PLUGINS, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.suite import Environment, Product

    Log = Callable[[str], None]
    """Takes a line about what is done, for the log of the environment."""
else:
    Protocol = object

BUILT_IN = ("venv", "conda", "existing")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be there: an environment with the package under test, if any.

    ``root`` is the absolute directory of the project. ``afresh`` says that nothing made
    or resolved before is to be used again.
    """

    environment: Environment
    product: Product | None
    root: str
    afresh: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """An environment that is there.

    ``key`` is as :meth:`EnvironmentKind.key` says. ``prefix`` is where its commands find
    it, ``store`` the tree itself; the two are one for what lies in no store. ``programs``
    are absolute directories for ``PATH``, first wins.
    """

    key: str
    prefix: str
    store: str
    programs: tuple[str, ...]


class EnvironmentKind(Protocol):
    """One kind of environments; the conformance suite holds each to it.

    Whatever method is called in whatever order, by several threads and processes at
    once: an environment is used only when it is whole, and is made by one of them.
    """

    @property
    def name(self) -> str:
        """The word that an environment names as its kind."""

    @property
    def installs(self) -> tuple[str, ...]:
        """The formats of packages that can be installed: ``wheel``, ``sdist``, ``conda`` …"""

    def key(self, asked: Asked, context: Context) -> str:
        """Digest all that the environment depends on, without making or fetching anything.

        Two environments of one key hold the same; where one changes, so does its key.
        """

    def find(self, asked: Asked, context: Context) -> Made | None:
        """Give the environment if it is there and holds what is asked; this must be quick."""

    def create(self, asked: Asked, context: Context, log: Log) -> Made:
        """Make the environment, in place of an older one, or find that somebody just has.

        Killed at any point, it leaves nothing that :meth:`find` takes for whole. Raises
        subclasses of :class:`stead.values.errors.SteadError`.
        """

    def activation(self, asked: Asked, made: Made, context: Context) -> tuple[Change, ...]:
        """Say what its processes need besides its programs being on ``PATH``."""

    def verify(self, made: Made, context: Context) -> tuple[str, ...]:
        """Name what is missing in it or changed, a line each."""


def kind(name: str) -> EnvironmentKind:
    """Give the kind of that name, from here or from a plugin. Raises UsageError."""
    if name == "venv":
        from stead.matrix.venv import Venv

        return Venv()
    if name == "conda":
        from stead.matrix.conda import Conda

        return Conda()
    if name == "existing":
        from stead.matrix.existing import Existing

        return Existing()
    from importlib.metadata import entry_points

    for point in entry_points(group=ENVIRONMENT_PLUGINS, name=name):
        plugin: EnvironmentKind = point.load()()
        return plugin
    known = names()
    like = nearest(name, known)
    raise UsageError(
        f"unknown kind of environment {name!r}",
        remedy=f"did you mean {like}?" if like else f"known are {', '.join(known)}",
    )


def names() -> tuple[str, ...]:
    """Name all kinds there are, those of plugins last."""
    from importlib.metadata import entry_points

    plugins = {point.name for point in entry_points(group=ENVIRONMENT_PLUGINS)}
    return (*BUILT_IN, *sorted(plugins - {*BUILT_IN}))
