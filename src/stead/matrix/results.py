"""What came of cells in earlier runs, kept at home for each place.

For ``--since-success``: a cell runs again when it did not pass, or when something it
depends on is not as it was then. And for the order of a parallel run: those that took
long last time begin first. The file lies among the records of the place::

    places/at/home/ann/scans/.stead@/results@/results.json
"""

from __future__ import annotations

import json
import os
import time

from stead.store.atomic import stage, storage
from stead.store.locking import exclusive
from stead.store.places import make_private, place_directory
from stead.values.digest import short_key
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from stead.values.suite import Result, Status, Work

DIRECTORY = "results@"
"""Beside the environments of a place; no environment can have this name."""

_VERSION = 1
_KEPT = 180 * 86_400
"""Seconds after which a cell that did not run again is forgotten."""
_ENDS: tuple[Status, ...] = ("passed", "flaky", "failed", "timeout")
_PASSED: tuple[Status, ...] = ("passed", "flaky")

_PASSING = frozenset(
    {
        "CI", "COLORTERM", "COLUMNS", "DISPLAY", "FORCE_COLOR", "HOME", "LINES", "LOGNAME", "NO_COLOR",
        "OLDPWD", "PATH", "PWD", "PY_COLORS", "PYTHONHASHSEED", "SHELL", "SHLVL", "TEMP", "TERM",
        "TERMINFO", "TMP", "TMPDIR", "USER", "USERNAME", "WINDOWID",
    }
)  # fmt: skip
"""Variables of who calls and from where: no result is to depend on them."""


@dataclass(frozen=True, slots=True)
class Known:
    """How a cell last ended, and what it depended on then.

    ``facts`` are digests by the names of what they are of; none where nobody looked.
    ``seconds`` is how long the
    cell took when it last came to its end; ``when`` is in seconds since the epoch.
    """

    status: Status
    facts: Mapping[str, str]
    seconds: float
    when: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a cell is to run, and why or why not."""

    run: bool
    reason: str


def facts(
    work: Work, environment: str, sources: str, caller: Mapping[str, str]
) -> Mapping[str, str]:
    """Digest what a cell's result depends on, by the words for it.

    ``environment`` is the key of the environment with its package; ``sources`` the
    digest of the project's files, which the commands may read. Of the caller's
    variables, those count that the work names (a pattern says nothing about which
    matter), except those of the person and the terminal.
    """
    names = {name for name in work.pass_env if not set(name) & set("*?[")} - _PASSING
    return {
        "environment": environment,
        "sources": sources,
        "commands": short_key(
            [
                work.before,
                work.commands,
                work.after,
                work.directory,
                [one for one in work.set_env if one[0] not in _PASSING],
                work.ignore_errors,
            ]
        ),
        "variables": short_key({n: v for n, v in caller.items() if n in names}),
    }


def choose(now: Mapping[str, str], known: Known | None) -> Choice:
    """Decide whether a cell runs, from what it depends on now and how it ended before."""
    if known is None:
        return Choice(run=True, reason="it has not run before")
    if known.status not in _PASSED:
        how = "took too long" if known.status == "timeout" else "failed"
        return Choice(run=True, reason=f"it {how} last time")
    if not known.facts:
        return Choice(run=True, reason="nobody noted what it depended on when it passed")
    changed = [name for name in {**known.facts, **now} if known.facts.get(name) != now.get(name)]
    if changed:
        verb = "are" if len(changed) > 1 or changed[0].endswith("s") else "is"
        what = " and ".join(filter(None, [", ".join(changed[:-1]), changed[-1]]))
        return Choice(run=True, reason=f"its {what} {verb} not as when it passed")
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.when))
    return Choice(run=False, reason=f"nothing that it depends on changed since it passed, {at}")


class Results:
    """The results of a place. Several runs may read and keep at the same time."""

    def __init__(self, home: str | os.PathLike[str], root: str) -> None:
        """Take the project in the directory ``root``; nothing is read yet."""
        self._home = os.fspath(home)
        self._directory = os.path.join(place_directory(home, root), DIRECTORY)
        self._path = os.path.join(self._directory, "results.json")

    def known(self) -> dict[str, Known]:
        """Read what is known of cells, by label. What cannot be read is not known."""
        return {label: one for label, held in self._read().items() if (one := _known(held))}

    def keep(self, ended: Iterable[tuple[Result, Mapping[str, str]]], now: float) -> None:
        """Keep results with the facts from before they ran; ``now`` is in seconds since the epoch.

        What did not come to its end leaves things as they were. Raises StoreError.
        """
        new = {
            result.job: {
                "status": result.status,
                "facts": dict(facts),
                "seconds": round(result.seconds, 3),
                "when": now,
            }
            for result, facts in ended
            if result.status in _ENDS and not result.reused
        }
        if not new:
            return
        with storage(self._directory):
            make_private(self._home, self._directory)
        lock = os.path.join(self._directory, "lock")
        with exclusive(lock, note=_quiet, description="keeping results"), storage(self._path):
            cells = {
                label: held
                for label, held in self._read().items()
                if (one := _known(held)) and one.when > now - _KEPT
            }
            text = json.dumps({"version": _VERSION, "cells": {**cells, **new}})
            # A loss of power may take it: then everything runs once more.
            os.replace(stage(self._path, text.encode(), 0o600, sync=False), self._path)

    def _read(self) -> dict[str, Any]:
        try:
            with open(self._path, "rb") as file:
                held = json.loads(file.read())
        except (OSError, ValueError):
            return {}
        cells = held.get("cells") if isinstance(held, dict) else None
        return cells if isinstance(cells, dict) and held.get("version") == _VERSION else {}


def _known(held: Any) -> Known | None:
    """Make a value of what a file holds of a cell; None where it is not what it should be."""
    try:
        status, found = held["status"], held["facts"]
        seconds, when = float(held["seconds"]), float(held["when"])
        if status not in _ENDS or not isinstance(found, dict):
            return None
    except (KeyError, TypeError, ValueError):
        return None
    return Known(status, {str(k): str(v) for k, v in found.items()}, seconds, when)


def _quiet(_: str) -> None:
    """Say nothing: it takes a moment at most."""
