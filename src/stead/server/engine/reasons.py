"""Errors of a step, as those who asked for the build read them; and which may pass by themselves."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from stead.values.errors import (
    ArtifactError,
    CollisionError,
    LockError,
    ManifestError,
    NetworkError,
    SteadError,
    StoreError,
    UnsatisfiableError,
)


class Kind(enum.StrEnum):
    """What went wrong."""

    UNSATISFIABLE = "unsatisfiable"
    FORBIDDEN = "forbidden"
    SPECIFICATION = "specification"
    PACKAGE = "package"
    NETWORK = "network"
    MEMORY = "memory"
    TIME = "time"
    STORE = "store"
    FAULT = "fault"

    @property
    def passes(self) -> bool:
        """Whether the same may well succeed later."""
        return self in (Kind.NETWORK, Kind.MEMORY)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: ``reason`` in a sentence, ``info`` with all that is known."""

    kind: Kind
    reason: str
    info: str

    def to_json(self) -> dict[str, str]:
        """Give it as a step's result."""
        return {"kind": self.kind.value, "reason": self.reason, "info": self.info}

    def without(self, directory: str) -> Failure:
        """Leave a directory's path out of what is said."""
        reason, info = self.reason.replace(directory, ""), self.info.replace(directory, "")
        return Failure(self.kind, reason, info)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Failure:
        """Read what :meth:`to_json` gave."""
        return cls(Kind(data["kind"]), data["reason"], data["info"])


_KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (UnsatisfiableError, Kind.UNSATISFIABLE),
    (NetworkError, Kind.NETWORK),
    (ManifestError, Kind.SPECIFICATION),
    (LockError, Kind.SPECIFICATION),
    (ArtifactError, Kind.PACKAGE),
    (CollisionError, Kind.PACKAGE),
    (StoreError, Kind.STORE),
    (MemoryError, Kind.MEMORY),
    (SteadError, Kind.SPECIFICATION),
)

LONGEST = 1000
"""Characters of a reason; all the rest stands beside it."""

_REFUSED = "refused the credentials"
"""A channel that wants credentials will want them later too."""


def failure_of(exc: BaseException) -> Failure:
    """Say what an exception of a step means."""
    kind = next((kind for one, kind in _KINDS if isinstance(exc, one)), Kind.FAULT)
    if isinstance(exc, SteadError):
        if kind is Kind.NETWORK and _REFUSED in exc.message:
            kind = Kind.PACKAGE
        reason = exc.message
        if kind is Kind.UNSATISFIABLE and exc.details:
            said = "; ".join(line.strip() for line in exc.details).replace(":; ", ": ")
            reason = f"{reason}: {said}"[:LONGEST]
        return Failure(kind, reason, str(exc))
    if isinstance(exc, MemoryError):
        return Failure(kind, "the memory that a step may use was not enough", repr(exc))
    return Failure(kind, f"the store failed: {type(exc).__name__}: {exc}", repr(exc))


def died(status: int, memory: int) -> Failure:
    """Say why a child ended without a result; ``status`` negative is a signal."""
    # 127 is the dynamic linker's, which had no memory to bring in what was called.
    if -status in (6, 9, 7, 11) or status in (127, 137):
        return Failure(
            Kind.MEMORY,
            f"a step was ended, probably because it needed more than {memory // 2**20} MiB of memory",
            f"signal {-status}",
        )
    return Failure(Kind.FAULT, f"a step ended with status {status}", f"status {status}")


def too_long(seconds: float) -> Failure:
    """Say that a step took longer than it may."""
    return Failure(
        Kind.TIME, f"a step took longer than the {seconds:g} seconds that it may", "timeout"
    )
