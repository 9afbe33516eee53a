"""Saves what can be saved of a damaged lock."""

from __future__ import annotations

import re
from typing import Any

from stead.formats import _lock_toml
from stead.formats.toml_lines import Lines
from stead.values.errors import LockError
from stead.values.lock import Artifact, Lock, LockedEnvironment, Pin

DAMAGED = "(damaged: this was read from a lock that makes no sense as a whole)"
"""Stands in an environment's requests; no specification asks for it."""

_HEADER = re.compile(r"^\[(environment|pin|artifact)\.", re.MULTILINE)


def read(text: str) -> Lock:
    """Read both sides of each conflict, group by group; what cannot be read is left out.

    Where the sides disagree on a package, the first (one's own) counts.
    """
    sides = [_tables(side) for side in _sides(text.replace("\r\n", "\n"))]
    artifacts: dict[str, Artifact] = {}
    pins: dict[tuple[str, str, str], Pin] = {}
    listed: dict[tuple[str, str, str], tuple[str, dict[str, None]]] = {}
    for side in sides:
        for data in side:
            _collect(data, artifacts, pins, listed)
    environments = []
    for slot, (python, labels) in sorted(listed.items()):
        members: dict[tuple[str, str], Artifact] = {}
        for label in labels:
            if label in artifacts:
                artifact = artifacts[label]
                members.setdefault((artifact.ecosystem, artifact.name), artifact)
        kept = tuple(sorted(members.values(), key=lambda a: a.id))
        environments.append(LockedEnvironment(*slot, (DAMAGED,), python, kept))
    return Lock(tuple(environments), tuple(pins.values()))


def _sides(text: str) -> list[str]:
    """Undo a merge: the text as each side had it (with what merged cleanly from the other)."""
    mine: list[str] = []
    theirs: list[str] = []
    into: tuple[list[str], ...] = (mine, theirs)
    for line in text.split("\n"):
        if line.startswith("<<<<<<< "):
            into = (mine,)
        elif line.startswith("||||||| "):
            into = ()
        elif line == "=======":
            into = (theirs,)
        elif line.startswith(">>>>>>> "):
            into = (mine, theirs)
        else:
            for side in into:
                side.append(line)
    return ["\n".join(mine), "\n".join(theirs)]


def _tables(text: str) -> list[dict[str, Any]]:
    """Parse each group of lines by itself, so that damage stays where it is."""
    import tomllib

    starts = [found.start() for found in _HEADER.finditer(text)]
    tables = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        try:
            tables.append(tomllib.loads(text[start:end]))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
    return tables


def _collect(
    data: dict[str, Any],
    artifacts: dict[str, Artifact],
    pins: dict[tuple[str, str, str], Pin],
    listed: dict[tuple[str, str, str], tuple[str, dict[str, None]]],
) -> None:
    """Take what one group says, if it is sound."""
    listing = data.get("environment")
    try:
        if listing is not None:
            # The artifacts stand in other groups: only the list itself is looked at.
            ((place, names),) = listing.items()
            ((name, platforms),) = names.items()
            ((platform, table),) = platforms.items()
            labels = {str(label): None for label in table.get("artifacts", ())}
            python = str(table.get("python", ""))
            listed.setdefault((place, name, platform), (python, {}))[1].update(labels)
            return
        lock = _lock_toml.Reader({"version": 1, **data}, Lines(""), "")
        for label, table in data.get("artifact", {}).items():
            artifacts.setdefault(label, lock.artifact(label, lock.table(table)))
        for pin in lock.pins():
            pins.setdefault((pin.name, pin.location, pin.requested), pin)
    except (LockError, AttributeError, TypeError, ValueError):
        return
