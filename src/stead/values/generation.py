"""One entry of an environment's history."""

from __future__ import annotations

from stead.values.frozen import asdict, dataclass, field
from stead.values.lock import Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KINDS = ("change", "undo", "redo", "rollback", "fetched", "restore")


@dataclass(frozen=True, slots=True)
class Generation:
    """An environment as it was: what asked for it, what it came to, when, by whom and why.

    Nothing here is secret: a secret is known by its reference, what a ``.env`` or
    the caller's shell says is left out, and so is what a command line may hold of it.
    """

    number: int
    """Counts from 1 in each place and environment; the order of history, whatever the clock says."""
    time: float
    """Seconds since the epoch."""
    who: str
    place: str
    environment: str
    platform: str
    command: tuple[str, ...] = ()
    """The words after ``stead``; none where an edit by hand was noticed."""
    reason: str = ""
    spec: str = ""
    """Digest of what is asked and configured, the ``.env`` left out."""
    lock: str = ""
    """Digest of what is locked for the environment; empty where nothing is."""
    build: str = ""
    """``<key>-<name>``; empty for an environment without packages, or not built then."""
    root: str = "."
    """The workspace root relative to the place."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Manifests, relative to the root, each with the sha256 of its content."""
    lock_file: str = ""
    """sha256 of the place's part of the lock; empty without a lock."""
    lock_at_home: bool = False
    """Whether the lock lies with the user, not in the tree."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Name → text; for a secret its reference."""
    modules: tuple[Pin, ...] = ()
    """The modules from git that are used, as the lock pins them."""
    kind: str = "change"
    at: int = 0
    """The generation whose state this is: its own number, unless undo or redo went to another."""
    base: int = 0
    """The generation that undo and redo compare with: as ``at``, but for one in which
    changes of the user's own were kept, that which would be here without them."""
    parent: int = 0
    """What undo goes to; 0 at the beginning."""
    redo: tuple[int, ...] = ()
    """Where redo goes to, and the generation that says where it goes after that."""
    origin: str = ""
    """Of one that came from another clone: who made it, and its name there."""
    pinned: bool = False
    closed: bool = False
    """Whether ``files``, the lock and what is not there say all that this was made from: no
    ``.env``, module, file elsewhere or value of the caller's took part."""

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = asdict(self)
        return data


def from_json(data: Mapping[str, Any]) -> Generation:
    """Read what :meth:`Generation.as_json` gave. Raises ValueError for anything else."""
    try:
        known = {n: data[n] for n in Generation.__match_args__ if n in data}
        for name in ("command", "redo"):
            known[name] = tuple(known.get(name, ()))
        known["modules"] = tuple(Pin(**pin) for pin in known.get("modules", ()))
        made = Generation(**known)
        if not isinstance(made.number, int) or not isinstance(made.time, int | float):
            raise TypeError("number and time are numbers")  # noqa: TRY301
        dict(made.files), dict(made.variables)
    except (TypeError, KeyError) as exc:
        raise ValueError(f"this is no generation: {exc}") from exc
    return made
