"""What going to a generation would change: each file as it is, and as it would be."""

from __future__ import annotations

import os

from stead.pipeline.files import VERSION_CONTROL
from stead.store.places import place_directory
from stead.values.errors import ManifestError, StoreError
from stead.values.frozen import dataclass, replace
from stead.values.lock import Lock
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.history.texts import AllTexts, Texts
    from stead.store.generations import History
    from stead.values.generation import Generation
    from stead.values.lock import Pin

_LOCK = "stead.lock"


@dataclass(frozen=True, slots=True)
class Plan:
    """Contents by absolute path, None for no file."""

    before: dict[str, bytes | None]
    after: dict[str, bytes | None]
    merged: tuple[str, ...] = ()
    """Files into which something is brought beside changes of the user's own."""
    kept: tuple[str, ...] = ()
    """Manifests in which such changes stay: these are not as the target has them."""

    @property
    def edits(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """What changes: path → content before and after."""
        before = self.before
        return {p: (before[p], new) for p, new in self.after.items() if before[p] != new}


def planned(history: History, now: Generation, target: Generation, texts: AllTexts) -> Plan:
    """Bring what ``target`` has, with its ``texts``, into the place as it is.

    ``now`` is what the place is compared with: what differs from that is the user's own.
    Raises ManifestError where both have changed the same.
    """
    before: dict[str, bytes | None] = {}
    after: dict[str, bytes | None] = {}
    merged, kept = [], []
    ours, others = paths_of(history, now, now.files), paths_of(history, target, target.files)
    gone = paths_of(history, target, texts.absent(target))
    conflicts: list[str] = []
    for path in sorted({*ours, *others}):
        mine = content(path)
        name = ours.get(path, "")
        base = mine if _is(mine, now.files.get(name)) else history.text(now, name)
        theirs = texts.text(target, others[path]) if path in others else None
        if theirs is None and path not in gone:
            continue  # it took no part then, which does not mean that it was not there
        before[path] = mine
        if mine is None:
            after[path] = theirs  # it comes back where it was removed: nothing is lost by that
        elif theirs in (base, mine):
            after[path] = mine
        elif mine == base:
            after[path] = theirs
        elif base is None or theirs is None:
            after[path] = mine
            conflicts += _told_whole(path, theirs)
        else:
            after[path], lines = _merge(path, base, mine, theirs)
            conflicts += lines
            if after[path] != theirs:
                merged.append(path)
        if after[path] != theirs:
            kept.append(path)
    if conflicts:
        raise ManifestError(
            f"generation {target.number} and what was changed since contradict each other",
            details=conflicts,
            remedy="nothing was written; settle these lines by hand, then try again",
        )
    path = lock_path(history, now)
    before[path] = mine = content(path)
    after[path] = _lock(history, now, target, texts, mine, path=path)
    return Plan(before, after, tuple(merged), tuple(kept))


def _is(mine: bytes | None, sha: str | None) -> bool:
    """Say whether a file is as recorded, which needs nothing of the record but its digest."""
    return mine is not None and sha256(mine).hexdigest() == sha


def root_of(history: History, generation: Generation) -> str:
    """Give where the root of a generation is now: the tree was moved, or the place in it or out of it."""
    then = os.path.normpath(os.path.join(generation.place, generation.root))
    if _is_below(history.place, then):
        return then
    root = os.path.normpath(os.path.join(history.place, generation.root))
    if os.path.relpath(history.place, root) != os.path.relpath(generation.place, then):
        return history.place
    above = [n for n in generation.files if not _is_below(os.path.join(then, n), generation.place)]
    marks = (os.path.join(root, name) for name in (*VERSION_CONTROL, _LOCK, *above))
    return root if any(map(os.path.lexists, marks)) else history.place


def renamed(history: History, generation: Generation) -> bool:
    """Say whether the place had another name in its tree, or another tree."""
    return slot_place(generation) != _slot(history.place, root_of(history, generation))


def _is_below(path: str, directory: str) -> bool:
    return os.path.relpath(path, directory).split(os.sep)[0] != os.pardir


def paths_of(history: History, generation: Generation, names: Iterable[str]) -> dict[str, str]:
    """Give where a generation's names are now, each with the name.

    A place that was moved out of its tree has left what stands there outside of it.
    """
    then = os.path.normpath(os.path.join(generation.place, generation.root))
    root = root_of(history, generation)
    alone = root == history.place and generation.place != then
    found = {}
    for name in names:
        path = os.path.normpath(os.path.join(then, name))
        if _is_below(path, generation.place):
            path = os.path.join(history.place, os.path.relpath(path, generation.place))
        elif alone:
            continue
        else:
            path = os.path.normpath(os.path.join(root, name))
        found[path] = name
    return found


def removed(history: History, generation: Generation) -> list[str]:
    """Give the manifests of a generation that are gone. Raises StoreError."""
    return [p for p in paths_of(history, generation, generation.files) if content(p) is None]


def _merge(path: str, base: bytes, mine: bytes, theirs: bytes) -> tuple[bytes, list[str]]:
    from stead.formats.merging_lines import merge

    texts = [t.decode("utf-8", "surrogateescape") for t in (base, mine, theirs)]
    text, conflicts = merge(*texts)
    if conflicts and path.endswith(".toml"):
        from stead.formats.merging_keys import merge_keys

        merged = merge_keys(*texts)
        text, conflicts = (text, conflicts) if merged is None else (merged, ())
    lines = []
    for conflict in conflicts:
        now, then = conflict.apart
        lines.append(f"{path}:{conflict.line}:")
        lines += [f"  now:  {line.rstrip()}" for line in now or ("(taken out)",)]
        lines += [f"  then: {line.rstrip()}" for line in then or ("(not there)",)]
    return text.encode("utf-8", "surrogateescape"), lines


def _told_whole(path: str, theirs: bytes | None) -> list[str]:
    if theirs is None:
        return [f"{path}: was not there then, and was changed since"]
    return [f"{path}: came since with another content"]


def _lock(
    history: History,
    now: Generation,
    target: Generation,
    texts: Texts,
    mine: bytes | None,
    *,
    path: str,
) -> bytes | None:
    """Give the lock's content: the place's own part as in the target, what others have as it is.

    Another environment of the place goes back only where what was asked for it does.
    """
    base = mine if _is(mine, now.lock_file) else history.lock_text(now)
    theirs = texts.lock_text(target)
    moved = renamed(history, now) or renamed(history, target)
    if mine is None:
        base = None  # as a manifest that was removed, it comes back
    if theirs in (base, mine) and not moved:
        return mine
    if mine == base and theirs is not None and not moved:
        return theirs
    from stead.formats import stead_lock

    place = _slot(history.place, root_of(history, now))

    def read(data: bytes | None, of: Generation | None = None) -> Lock:
        lock = Lock() if data is None else stead_lock.read(data.decode("utf-8"), path)
        if of is None:
            return lock
        name = slot_place(of)
        environments = (
            replace(e, place=place) if e.place == name else e for e in lock.environments
        )
        return replace(lock, environments=tuple(environments))

    held, was, then = read(mine), read(base, now), read(theirs, target)
    result = held
    for slot in sorted({e.slot for lock in (held, was, then) for e in lock.environments}):
        if slot[0] != place:
            continue
        a, b, c = held.find(*slot), was.find(*slot), then.find(*slot)
        own = slot[1] == history.environment
        asked = (b.requests if b else None) != (c.requests if c else None)
        if b == c or not (own or asked) or (a != b and not own):
            continue
        rest = tuple(e for e in result.environments if e.slot != slot)
        result = replace(result, environments=rest)
        result = result.with_environment(c) if c is not None else result
    pins = {(p.name, p.location, p.requested): p for p in (*held.pins, *then.pins)}
    result = replace(result, pins=tuple(pins[key] for key in sorted(pins)))
    if not result.environments and not result.pins:
        return None
    return mine if result == held else stead_lock.write(result).encode()


def slot_place(generation: Generation) -> str:
    """Give what a generation's lock calls the place."""
    root = os.path.normpath(os.path.join(generation.place, generation.root))
    return _slot(generation.place, root)


def _slot(place: str, root: str) -> str:
    return os.path.relpath(place, root).replace(os.sep, "/")


def digest_of(lock: Lock, place: str, environment: str, pins: Iterable[Pin]) -> str:
    """Give what a generation knows a place's environment by in a lock; empty where it has none."""
    from stead.formats import stead_lock  # going back to what is there needs none of it

    own = tuple(e for e in lock.environments if (e.place, e.environment) == (place, environment))
    return sha256(stead_lock.write(Lock(own, tuple(pins))).encode()).hexdigest() if own else ""


def lock_path(history: History, now: Generation) -> str:
    if now.lock_at_home:
        return os.path.join(place_directory(history.home, history.place), _LOCK)
    return os.path.join(root_of(history, now), _LOCK)


def content(path: str) -> bytes | None:
    """Read a file, None where there is none. Raises StoreError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise StoreError(f"this cannot be read: {exc.strerror}", where=path) from exc
