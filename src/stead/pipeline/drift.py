"""What was changed behind Stead's back, told from facts: compares, and looks at nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import hook_record
from stead.shells.state import APPLIED, RECORD, undo
from stead.values.activation import apply
from stead.values.drift import Drift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.activation import Activation
    from stead.values.drift import Installed, What


def of_packages(
    where: str,
    gone: Iterable[Installed],
    came: Iterable[Installed],
    declared: Mapping[tuple[str, str], str] | None = None,
) -> tuple[Drift, ...]:
    """Name the packages of a writable copy that are not as they were put there, sorted.

    ``gone`` and ``came`` are packages' records. Where conda removed or installed a package, the
    records of PyPI's kind that are the package's own are not told again. ``declared`` are the
    versions that are locked by now: a copy that was brought to one by hand has not drifted.
    """
    gone, came = list(gone), list(came)
    brought = {path for one in (*gone, *came) if one.ecosystem == "conda" for path in one.brings}

    def own(ones: list[Installed]) -> dict[tuple[str, str], Installed]:
        return {one.key: one for one in ones if one.path not in brought}

    before, now = own(gone), own(came)
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        what: What = "changed" if old and new else "added" if new else "removed"
        version = new.version if new else None
        anew = old is not None and old.version == version
        if declared is not None and declared.get(key) == version and not anew:
            continue
        found.append(
            Drift(
                "package",
                what,
                key[1],
                where,
                ecosystem=key[0],
                declared=old.version if old else "",
                found=new.version if new else "",
                installed=new,
            )
        )
    return tuple(found)


def of_build(build: str, rows: Iterable[tuple[str, What]]) -> tuple[Drift, ...]:
    """Name the files of a build that are not as it was sealed."""
    return tuple(Drift("build", what, path, build) for path, what in rows)


def of_variables(activation: Activation, caller: Mapping[str, str]) -> tuple[Drift, ...]:
    """Name the variables that the caller's shell has otherwise than the hook has set them, sorted.

    Only where it has applied just this environment. What was added to a list by hand
    belongs to the caller; an entry that is gone from one is told.
    """
    if APPLIED not in caller:
        return ()
    if caller.get(RECORD) != hook_record(activation, "").key:
        return ()
    expected = apply(activation.changes, undo(caller))
    found = []
    for name in sorted({c.name for c in activation.changes if c.kind in ("set", "prepend")}):
        had = caller.get(name)
        if had == expected.get(name) or (had is not None and _holds_all(name, had, activation)):
            continue
        what: What = "removed" if had is None else "changed"
        found.append(
            Drift("variable", what, name, declared=expected.get(name, ""), found=had or "")
        )
    return tuple(found)


def _holds_all(name: str, value: str, activation: Activation) -> bool:
    """Say whether a variable is a list that holds all entries which belong there."""
    changes = [c for c in activation.changes if c.name == name]
    return all(
        c.kind in ("prepend", "append")
        and set(c.value.split(c.separator)) <= set(value.split(c.separator))
        for c in changes
    )


def of_files(rows: Iterable[tuple[str, str, What]]) -> tuple[Drift, ...]:
    """Name the rendered files that were edited or taken away: (relative path, path, what)."""
    return tuple(Drift("file", what, name, path) for name, path, what in sorted(rows))
