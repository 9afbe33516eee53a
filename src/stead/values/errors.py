"""The tree of errors.

    SteadError
    ├── UsageError            the command line itself is wrong (exit code 2)
    ├── ManifestError         a file of the tree cannot be read as what it claims to be
    │   ├── ConfigurationError    variables, files and checks: all that is wrong at once
    │   ├── ContradictionError
    │   ├── CycleError
    │   └── NoPlaceError          no manifest at all
    ├── LockError
    │   ├── LockOutdatedError     the lock no longer answers the manifests
    │   └── UnsatisfiableError    no set of packages answers the request
    ├── ArtifactError         a package could not be had, or is not what the lock says
    │   └── HashMismatchError
    ├── CollisionError        two packages bring the same file
    ├── RegistryError         a registry of modules, or an item of one, cannot be had
    ├── InterpreterError      no interpreter fits
    ├── NetworkError
    ├── RemoteError           a store server does not do what it was asked for
    ├── StoreError            disk full, no permission, a damaged store
    ├── TrustError
    ├── TaskError
    ├── CheckError            what must hold before a process starts does not
    ├── DeployError           a machine or image does not hold what it should
    │   ├── ContactError          a machine cannot be reached, or not any more
    │   └── OccupiedError         somebody else deploys there at the moment
    └── SecretError           secrets could not be had: each with what was tried

Every error says what happened, where, and what to do next. Foreign exceptions
are translated where they enter, with the cause kept (``raise … from exc``).
The docstring of a class is its default message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.origin import Origin


class SteadError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(
        self,
        message: str = "",
        *,
        where: Origin | str | None = None,
        remedy: str = "",
        details: Sequence[str] = (),
    ) -> None:
        """Describe a failure.

        ``where`` is a place in a file or a name; ``remedy`` one sentence in the
        imperative; ``details`` further lines (the other half of a contradiction,
        a solver's reasons), shown between message and remedy.
        """
        self.message = message or (type(self).__doc__ or "").strip()
        self.where = where
        self.remedy = remedy
        self.details = tuple(details)
        super().__init__(self.message)

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        lines = [head, *(f"  {line}" for line in self.details)]
        if self.remedy:
            lines.append(f"  → {self.remedy}")
        return "\n".join(lines)


class UsageError(SteadError):
    """The command line cannot be understood."""

    exit_code = 2


class ManifestError(SteadError):
    """A manifest cannot be read."""


class ContradictionError(ManifestError):
    """Two entries contradict each other."""


class ConfigurationError(ManifestError):
    """The configuration does not hold together."""


class CycleError(ManifestError):
    """Entries refer to each other in a circle."""


class NoPlaceError(ManifestError):
    """There is no manifest here."""


class LockError(SteadError):
    """The lock cannot be used."""


class LockOutdatedError(LockError):
    """The lock does not answer what the manifests ask for."""


class UnsatisfiableError(LockError):
    """No set of packages satisfies the request."""


class ArtifactError(SteadError):
    """A package could not be obtained."""


class HashMismatchError(ArtifactError):
    """A file is not the one that was locked."""


class CollisionError(SteadError):
    """Two packages bring the same file."""


class RegistryError(SteadError):
    """An item of a registry could not be had."""


class InterpreterError(SteadError):
    """No Python interpreter fits the request."""


class NetworkError(SteadError):
    """The network, or a server on it, did not answer."""


class RemoteError(SteadError):
    """A store server does not do what it was asked for."""


class StoreError(SteadError):
    """The store cannot be read or written."""


class TrustError(SteadError):
    """The place is not trusted."""


class TaskError(SteadError):
    """A task cannot be run."""


class CheckError(SteadError):
    """What must hold before a process starts does not."""


class DeployError(SteadError):
    """A deployment did not succeed."""


class ContactError(DeployError):
    """The machine cannot be reached."""


class UnreachableError(ContactError):
    """Nobody answers there: the machine may not be there at all."""


class OccupiedError(DeployError):
    """Somebody else deploys there at the moment."""


class SecretError(SteadError):
    """Secrets could not be resolved."""
