"""What every ecosystem provides; the conformance suite holds each to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
    lies at ``prefix/bin/python``. ``survey`` is where a builder leaves what it saw
    of the tree; one that is done with it replaces files, and writes none in place.
    """

    prefix: Path
    final: Path
    platform: Platform
    root: str
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    interpreter: Interpreter | None = None
    python: str = ""
    survey: Survey | None = None


class Survey(Protocol):
    """What a builder saw of the files that it linked, kept so that nobody looks twice."""

    def look(self, tree: Path) -> Mapping[str, int]:
        """List a tree; gives path → size as ``lstat`` has it, without directories."""

    def vouch(self, record: str, sizes: Mapping[str, int]) -> None:
        """Say which files a package's record carries the sha256 of, by path, with size or -1.

        ``record`` is the path of that record; all paths are relative to the tree.
        """

    def tell(
        self,
        tree: Path,
        made: Iterable[str],
        files: Mapping[str, list[tuple[list[str], list[int], list[int], list[int]]]],
    ) -> None:
        """Say what the builder has put there itself, just now and alone.

        ``made`` are directories that were not there before. ``files`` gives all files of
        some of them, as lists of names, modes, sizes and times (mtime, in nanoseconds): hard
        links, read-only, and vouched for by a record.
        """


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
