"""The exact artifacts that satisfy a spec's packages.

One shape serves every ecosystem: an artifact is a name, a version, the files
that carry it with their hashes, and ``extra``: what only its ecosystem
understands. File names are relative to a named index or channel, so that a
mirror can serve them.
"""

from __future__ import annotations

from stead.values.digest import digest
from stead.values.frozen import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from stead.values.requirement import Source

LOCK_VERSION = 1


@dataclass(frozen=True, slots=True)
class File:
    """A file of an artifact; ``size`` is in bytes, 0 where unknown."""

    name: str
    sha256: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Artifact:
    """One locked package.

    ``depends`` are the requirement texts of its ecosystem, for ``tree`` and
    ``why``. ``extra`` holds JSON values only; two artifacts of one identity are
    equal on every platform or differ in ``files``/``extra``.
    """

    ecosystem: str
    name: str
    version: str
    index: str = ""
    files: tuple[File, ...] = ()
    depends: tuple[str, ...] = ()
    source: Source | None = None
    extra: tuple[tuple[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """A name for this artifact, unique within a lock: ``conda/numpy-2.1.0-py312_0``."""
        build = self.get("build")
        return f"{self.ecosystem}/{self.name}-{self.version}" + (f"-{build}" if build else "")

    def get(self, key: str, default: Any = None) -> Any:
        return dict(self.extra).get(key, default)


@dataclass(frozen=True, slots=True)
class LockedEnvironment:
    """One place × environment × platform.

    ``place`` is relative to the workspace root with ``/`` (``.`` for the root).
    ``requests`` are the sorted texts of what was asked, one per requirement,
    channel, index and option: the lock answers a spec if and only if they agree.
    ``python`` is the minor version locked against (``3.12``), empty without Python.
    """

    place: str
    environment: str
    platform: str
    requests: tuple[str, ...] = ()
    python: str = ""
    artifacts: tuple[Artifact, ...] = ()

    @property
    def digest(self) -> str:
        """The same in whatever order the artifacts stand: a merge may change it."""
        artifacts = sorted(self.artifacts, key=lambda a: a.id)
        return digest({"python": self.python, "artifacts": artifacts})

    def of(self, ecosystem: str) -> tuple[Artifact, ...]:
        return tuple(a for a in self.artifacts if a.ecosystem == ecosystem)

    @property
    def slot(self) -> tuple[str, str, str]:
        return (self.place, self.environment, self.platform)


@dataclass(frozen=True, slots=True)
class Pin:
    """A used module at the revision that its request meant."""

    name: str
    location: str
    requested: str
    commit: str
    subdirectory: str = ""
    working: str = ""
    """The working copy that is used instead of the commit: its directory, from the root."""
    version: str = ""
    """Of a registry's item, whose ``location`` is ``registry:NAME``."""
    integrity: str = ""
    """``sha256:…`` of a registry's item."""

    def __str__(self) -> str:
        """Say what is used: a revision with its commit, or the copy that is worked on."""
        if self.integrity:
            return f"{self.version} ({self.integrity.removeprefix('sha256:')[:12]})"
        if self.working:
            return f"working copy {self.working} of {self.commit[:12]}"
        asked = self.requested
        named = asked and not self.commit.startswith(asked.lower())
        return f"{asked} ({self.commit[:12]})" if named else self.commit[:12]


@dataclass(frozen=True, slots=True)
class PinChange:
    """One module that differs between two locks; ``before`` or ``after`` is None where it is not."""

    name: str
    before: Pin | None = None
    after: Pin | None = None

    def __str__(self) -> str:
        if self.after is None:
            return f"- module {self.name} {self.before}"
        if self.before is None:
            return f"+ module {self.name} {self.after}"
        was, now = self.before, self.after
        if (was.location, was.subdirectory) == (now.location, now.subdirectory):
            return f"~ module {self.name} {was} → {now}"
        return f"~ module {self.name} {_address(was)} {was} → {_address(now)} {now}"


def pin_changes(before: Iterable[Pin], after: Iterable[Pin]) -> tuple[PinChange, ...]:
    """Say what differs between the modules of one place, by name."""
    was, now = {p.name: p for p in before}, {p.name: p for p in after}
    return tuple(
        PinChange(name, was.get(name), now.get(name))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    )


def _address(pin: Pin) -> str:
    return pin.location + (f"#{pin.subdirectory}" if pin.subdirectory else "")


@dataclass(frozen=True, slots=True)
class Lock:
    """The content of one ``stead.lock``."""

    environments: tuple[LockedEnvironment, ...] = ()
    pins: tuple[Pin, ...] = ()
    version: int = field(default=LOCK_VERSION)

    def find(self, place: str, environment: str, platform: str) -> LockedEnvironment | None:
        slot = (place, environment, platform)
        return next((e for e in self.environments if e.slot == slot), None)

    def with_environment(self, env: LockedEnvironment) -> Lock:
        """Give the lock with this environment added, or in place of its slot's."""
        others = (e for e in self.environments if e.slot != env.slot)
        return replace(self, environments=tuple(sorted((*others, env), key=lambda e: e.slot)))
