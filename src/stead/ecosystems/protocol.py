"""What every ecosystem provides; the conformance suite holds each to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.distribution import Distribution
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact
    from stead.values.manifest import Channel, Index
    from stead.values.platform import Platform
    from stead.values.requirement import Requirement


@dataclass(frozen=True, slots=True)
class LockRequest:
    """What to lock.

    ``python`` is the version to lock for (``3.12``), empty when this ecosystem
    itself brings Python or none is wanted. ``provided`` are artifacts that other
    ecosystems have locked for the same environment already, ``distributions`` what these are
    to Python's packaging. ``old`` is the former answer: what still satisfies is
    kept, except ``context.upgrade``.
    ``root`` is the directory that relative paths in the lock are relative to.
    """

    requirements: tuple[Requirement, ...]
    platform: Platform
    root: str
    constraints: tuple[Requirement, ...] = ()
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    python: str = ""
    interpreter: Interpreter | None = None
    provided: tuple[Artifact, ...] = ()
    old: tuple[Artifact, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    exclude_newer: str = ""
    channel_priority: str = "strict"


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """Where to build.

    Files are written below ``prefix`` (a temporary directory on the store's file
    system) as they must stand when it is renamed to ``final``: no file may name
    ``prefix``. ``python`` is the executable that the tree's Python is: an
    outside interpreter, or None when conda's artifacts bring one, which then
    lies at ``prefix/bin/python``.
    """

    prefix: Path
    final: Path
    platform: Platform
    root: str
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    interpreter: Interpreter | None = None
    python: str = ""


class Ecosystem(Protocol):
    """One kind of packages."""

    @property
    def name(self) -> str:
        """The word before the colon in ``conda:numpy``."""

    def lock(self, request: LockRequest, context: Context) -> tuple[Artifact, ...]:
        """Choose artifacts; sorted by name.

        Raises UnsatisfiableError with the solver's reasons in plain words,
        NetworkError, or ArtifactError.
        """

    def build(self, artifacts: Sequence[Artifact], target: BuildTarget, context: Context) -> None:
        """Put the artifacts into ``target.prefix``, verified against their hashes.

        Raises HashMismatchError, CollisionError, ArtifactError, NetworkError.
        """

    def activation(self, prefix: Path, context: Context) -> tuple[Change, ...]:
        """Say what a process needs besides the prefix's programs being on ``PATH``.

        ``prefix`` is a finished build, at its final place.
        """

    def verify(self, prefix: Path, context: Context) -> tuple[str, ...]:
        """Name what the ecosystem's own records say is missing or changed, a line each."""
