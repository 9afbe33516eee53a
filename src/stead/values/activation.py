"""What a process gets: changes to variables, as data.

An activation is a list of changes, applied in order. Applying it twice gives
what applying it once gives: ``prepend`` first takes the entry out wherever it
stands. Every shell's rendering, and :func:`apply` below, mean the same.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from stead.values.manifest import Task


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one variable.

    ============  ==========================================================
    ``set``       the variable gets this value
    ``unset``     the variable goes away
    ``default``   set, unless the variable exists (even if empty)
    ``prepend``   put before the list in the variable, after removing it there
    ``append``    put after the list, likewise
    ============  ==========================================================
    """

    kind: Literal["set", "unset", "default", "prepend", "append"]
    name: str
    value: str = ""
    separator: str = ":"


@dataclass(frozen=True, slots=True)
class Activation:
    """Everything a process of one environment gets, and what that depends on."""

    place: str
    root: str
    environment: str
    changes: tuple[Change, ...] = ()
    build: str = ""
    """Absolute path of the build; empty for an environment without packages."""
    requires: tuple[str, ...] = ()
    """Absolute paths that must exist: the build, an interpreter outside the store."""
    inputs: tuple[str, ...] = ()
    """Absolute paths of files that this was computed from."""
    absent: tuple[str, ...] = ()
    """Absolute paths whose appearance would change it."""
    tasks: tuple[Task, ...] = ()
    needs_python: str = ""
    """Why a run cannot start without Python; empty when it can."""
    digest: str = field(default="", compare=False)
    """Digest of the spec it answers."""


DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a POSIX system's programs are, for a caller that has no ``PATH`` (``env -i``, some cron).

Each ``sh`` makes up another one then; what runs must not depend on which it is.
"""


def apply(changes: Iterable[Change], environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment that results from changing ``environ``."""
    result = dict(environ)
    for change in changes:
        name, value = change.name, change.value
        if change.kind == "set":
            result[name] = value
        elif change.kind == "unset":
            result.pop(name, None)
        elif change.kind == "default":
            result.setdefault(name, value)
        else:
            old = result.get(name, "")
            rest = [e for e in old.split(change.separator) if e != value] if old else []
            entries = [value, *rest] if change.kind == "prepend" else [*rest, value]
            result[name] = change.separator.join(entries)
    return result


def what_else(tasks: Iterable[Task]) -> str:
    """Say which tasks could have been meant by a command that is not there; empty without any."""
    named = ", ".join(task.name for task in tasks)
    return f"; tasks here: {named}" if named else ""
