"""What a file comes to that is staged, and that somebody may have changed meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCK = "stead.lock"
ABORTED = "aborted@"
"""Beside the transaction: texts that nothing else has any more, by when they were dropped."""
_KEPT = 20


@dataclass(frozen=True, slots=True)
class Merged:
    """A file: as it was when it was staged, as the place has it, as it is staged, and the outcome.

    None stands for no file.
    """

    path: str
    seen: bytes | None
    place: bytes | None
    staged: bytes | None
    content: bytes | None = None
    conflicts: tuple[str, ...] = ()


def effective(file: Merged) -> Merged:
    """Give a file with its content, or with what contradicts itself in it."""
    if file.place in (file.seen, file.staged):
        return replace(file, content=file.staged)
    if os.path.basename(file.path) == LOCK and file.staged is not None:
        return replace(file, content=_locks(file))
    if file.seen is None or file.place is None or file.staged is None:
        what = (
            "was removed since"
            if file.place is None
            else "was changed since, and is staged to be removed"
            if file.staged is None
            else "came since with another content"
        )
        return replace(file, conflicts=(f"{file.path}: {what}",))
    from stead.formats.merging_lines import merge

    texts = [
        data.decode("utf-8", "surrogateescape") for data in (file.seen, file.place, file.staged)
    ]
    text, conflicts = merge(*texts)
    lines: list[str] = []
    for conflict in conflicts:
        lines.append(f"{file.path}:{conflict.line}:")
        if os.path.basename(file.path) == ".env":
            lines[-1] += " changed in two ways (its values are not shown)"
            continue
        lines += _told("now:   ", conflict.mine, "(taken out)")
        lines += _told("staged:", conflict.theirs, "(taken out)")
    return replace(file, content=text.encode("utf-8", "surrogateescape"), conflicts=tuple(lines))


def _told(head: str, lines: Sequence[str], empty: str) -> list[str]:
    return [f"  {head} {line.rstrip()}" for line in lines or (empty,)]


def _locks(file: Merged) -> bytes | None:
    """Merge locks environment by environment; where both changed one, the staged one counts.

    What then does not answer the manifests any more is locked anew.
    """
    from stead.formats import stead_lock
    from stead.values.errors import LockError
    from stead.values.lock import Lock

    def parsed(data: bytes | None) -> Lock:
        return Lock() if data is None else stead_lock.read(data.decode("utf-8"), file.path)

    try:
        seen, place, staged = parsed(file.seen), parsed(file.place), parsed(file.staged)
    except (LockError, UnicodeDecodeError):
        return file.staged
    kept = []
    for slot in sorted({e.slot for lock in (place, staged) for e in lock.environments}):
        was, now, new = seen.find(*slot), place.find(*slot), staged.find(*slot)
        if (chosen := now if new == was else new) is not None:
            kept.append(chosen)
    pins = {(p.name, p.location, p.requested): p for p in (*place.pins, *staged.pins)}
    merged = replace(
        staged, environments=tuple(kept), pins=tuple(pins[key] for key in sorted(pins))
    )
    return stead_lock.write(merged).encode("utf-8")


def keep_aside(directory: str, place: str, texts: Mapping[str, bytes | None], now: float) -> str:
    """Keep texts of files beside a transaction's directory; gives where, empty without any.

    The last few times that something was kept stay. Raises StoreError.
    """
    from stead.store.atomic import remove_tree, write_file
    from stead.store.places import make_private

    held = {path: text for path, text in texts.items() if text is not None}
    if not held:
        return ""
    top = os.path.join(os.path.dirname(directory), ABORTED)
    make_private(os.path.dirname(directory), top)
    former = sorted(int(n) for n in os.listdir(top) if n.isdigit())
    # The order is that of the numbers, also where the clock was set back.
    kept = os.path.join(top, str(max([int(now), *(n + 1 for n in former[-1:])])))
    for path, text in held.items():
        name = os.path.relpath(path, place).replace("..", "_up")
        write_file(os.path.join(kept, name), text, 0o600)
    for number in former[: -_KEPT + 1]:
        remove_tree(os.path.join(top, str(number)))
    return kept


def changed_environments(
    before: bytes | None, after: bytes | None, slot: tuple[str, str, str]
) -> tuple[str, ...]:
    """Name the environments of a slot's place and platform, but its own, that locks have otherwise."""
    from stead.formats import stead_lock
    from stead.values.errors import LockError
    from stead.values.lock import Lock

    def held(data: bytes | None) -> Lock:
        try:
            return Lock() if data is None else stead_lock.read(data.decode("utf-8"), LOCK)
        except (LockError, UnicodeDecodeError):
            return Lock()

    place, own, platform = slot
    was, now = held(before), held(after)
    slots = {e.slot for lock in (was, now) for e in lock.environments}
    return tuple(
        sorted(
            s[1]
            for s in slots
            if (s[0], s[2]) == (place, platform) and s[1] != own and was.find(*s) != now.find(*s)
        )
    )


def changed_parts(before: bytes | None, after: bytes | None) -> set[tuple[str, str, str]]:
    """Give the slots that two locks have otherwise; none where one is not there or not readable."""
    from stead.formats import stead_lock
    from stead.values.errors import LockError

    try:
        was, now = (
            stead_lock.read(b.decode("utf-8"), LOCK) for b in (before, after) if b is not None
        )
    except (LockError, ValueError):
        return set()
    slots = {e.slot for lock in (was, now) for e in lock.environments}
    return {slot for slot in slots if was.find(*slot) != now.find(*slot)}
