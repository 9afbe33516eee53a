"""Checkouts of git modules, below ``$STEAD_HOME/modules``: their use, and their collection.

A checkout ``KEY`` never changes; its modification time says when it was last
asked for. One being made is called ``.KEY-PID``.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree, storage

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stead.store.gc import Removed
    from stead.store.layout import Layout

RECENT = 86400.0
"""Seconds for which a checkout that was asked for stays, whoever names it.

A command asks for it long before it writes the lock that says so.
"""

LEAST = 600.0
"""The shortest such time: commands that are running now are not to lose theirs."""

_OFTEN = 60.0
_GONE = ".gone-"


def asked_for(checkout: Path, now: float) -> None:
    """Note that a checkout is about to be used."""
    with contextlib.suppress(OSError):
        if now - os.stat(checkout).st_mtime > _OFTEN:
            os.utime(checkout, (now, now))


def collect(
    layout: Layout,
    used: Collection[str],
    *,
    now: float,
    recent: float = RECENT,
    dry_run: bool = False,
) -> list[Removed]:
    """Remove checkouts that no place uses and nobody has asked for lately.

    ``used`` are the keys that locks and records name. What a process died over is
    removed too. Raises StoreError.
    """
    from stead.store.gc import Removed, exclusive_bytes
    from stead.store.roots import modules_of_processes

    directory = layout.home / "modules"
    removed = []
    recent = max(recent, LEAST)
    with storage(directory):
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            return []
        spent = [n for n in names if n not in used and not _is_recent(directory / n, now, recent)]
        running = modules_of_processes(layout) if spent else set()
        for name in spent:
            if name in running:
                continue
            path = directory / name
            leftover = name.startswith(".")
            size = exclusive_bytes(path)
            if not dry_run and not _remove(path, now, recent):
                continue
            why = "its process has ended" if leftover else "no place uses it"
            kind = "leftover" if leftover else "module"
            removed.append(Removed(kind, f"modules/{name}", size, why))
    return removed


def _is_recent(path: Path, now: float, recent: float) -> bool:
    try:
        return now - os.lstat(path).st_mtime < recent
    except FileNotFoundError:
        return True


def _remove(path: Path, now: float, recent: float) -> bool:
    """Take a checkout away in one step. False where it was asked for at the last moment."""
    aside = (
        path if path.name.startswith(_GONE) else path.with_name(f"{_GONE}{path.name.lstrip('.')}")
    )
    if aside != path:
        if os.path.lexists(aside):
            remove_tree(aside)
        os.rename(path, aside)
        if _is_recent(aside, now, recent):
            os.rename(aside, path)
            return False
    remove_tree(aside)
    return True
