"""Going back, and forward again: manifests and lock as a generation has them.

What the user has changed since stays: a manifest is merged line by line, the lock
environment by environment. All files change together through the journal, or none
does. A ``.env`` is never touched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.store.generations import History, write_entry
from stead.store.places import place_directory
from stead.values.errors import ManifestError, SteadError, StoreError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.history.who import Cause
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.generation import Generation

_LOCK = "stead.lock"


@dataclass(frozen=True, slots=True)
class Went:
    """What going to another generation did. ``files`` are those that changed."""

    generation: Generation
    """The new entry."""
    target: Generation
    files: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    """Files in which changes of the user's own stay."""
    rebuilt: bool = False
    private: tuple[str, ...] = ()
    """Files named ``.env``, which stay as they are."""
    copies: tuple[str, ...] = ()
    """What there is to say of working copies: none is made, and none removed."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Where to go, and what the new entry says of undo and redo."""

    target: Generation
    at: int
    """0 for the new entry itself."""
    parent: int
    redo: tuple[int, ...] = ()


def undo(history: History, context: Context, cause: Cause, make: Callable[[], Prepared]) -> Went:
    """Go to what was before the last change. Raises StoreError at the beginning."""

    def step(now: Generation) -> _Step:
        if not now.parent:
            raise StoreError(
                "there is nothing to undo",
                where=f"{history.place}, environment {history.environment}",
                remedy=_elsewhere(history) or "`stead log` lists what was recorded",
            )
        target = history.get(now.parent)
        return _Step(target, target.at, target.parent, (now.at, now.number))

    return _go(history, context, replace(cause, kind="undo"), step, make)


def redo(history: History, context: Context, cause: Cause, make: Callable[[], Prepared]) -> Went:
    """Go to what was last undone. Raises StoreError where nothing was."""

    def step(now: Generation) -> _Step:
        if not now.redo:
            raise StoreError(
                "there is nothing to redo",
                where=f"{history.place}, environment {history.environment}",
                remedy="only what was undone, and nothing changed since, can be done again",
            )
        target = history.get(now.redo[0])
        return _Step(target, target.at, target.parent, _redo_after(history, now))

    return _go(history, context, replace(cause, kind="redo"), step, make)


def rollback(
    history: History, number: int, context: Context, cause: Cause, make: Callable[[], Prepared]
) -> Went:
    """Go to a generation; ``undo`` takes that back. Raises StoreError for one that is not there."""

    def step(now: Generation) -> _Step:
        return _Step(history.get(number), 0, now.at)

    return _go(history, context, replace(cause, kind="rollback"), step, make)


def _redo_after(history: History, now: Generation) -> tuple[int, ...]:
    """Give where redo goes next, once it has gone where ``now`` says.

    That is what could be redone before the undo that ``now`` stands for.
    """
    return history.get(now.redo[1]).redo


def _elsewhere(history: History) -> str:
    """Say which environment of the place was changed last, if it is another one."""
    from stead.store.generations import environments

    others = []
    for name in environments(history.home, history.place):
        last = History(history.home, history.place, name).last()
        if name != history.environment and last is not None and last.parent:
            others.append((last.time, name))
    return f"`stead undo -e {max(others)[1]}` undoes the last change there" if others else ""


def _go(
    history: History,
    context: Context,
    cause: Cause,
    step: Callable[[Generation], _Step],
    make: Callable[[], Prepared],
) -> Went:
    """Restore what a step leads to, and record it.

    ``make`` does every step of the pipeline, for what is merged and for a build that
    is gone. If that fails where nothing was merged, the files are put back.
    """
    from stead.history.refs import commit
    from stead.store.edits import edit_files
    from stead.store.journal import recover
    from stead.store.layout import Layout
    from stead.store.locking import exclusive
    from stead.values.digest import short_key

    layout = Layout(context.home)
    for line in recover(layout, context.progress.note):
        context.progress.note(line)
    now = history.last()
    if now is None:
        raise StoreError(
            "nothing has been recorded here yet",
            where=history.place,
            remedy=_elsewhere(history)
            or "the first `stead add`, `set`, `lock` or `run` begins the history",
        )
    guard = layout.locks / f"lock-{short_key(_lock_path(history, now))}"
    description = f"going back in {history.place}"
    with exclusive(guard, note=context.progress.note, description=description):
        history = History(context.home, history.place, history.environment)
        now = history.last() or now
        going = step(now)
        base = history.find(now.base) or now
        before, after, merged = _planned(history, base, going.target)
        edits = {p: (before[p], new) for p, new in after.items() if before[p] != new}
        gone = going.target.build and not os.path.isdir(layout.store / going.target.build)
        rebuilt = bool(merged or gone)
        reason = f"{cause.kind} in {history.place}"
        if not rebuilt:
            # The record and the files are one change: who is killed has done both, or none.
            def write(path: str, line: bytes) -> None:
                edit_files(layout, edits, reason, beside={path: line})

            recorded = _recorded(
                history, going, (), None, context=context, cause=cause, write=write
            )
        else:
            edit_files(layout, edits, reason)
    if rebuilt:
        try:
            done = make()
        except SteadError as exc:
            back = {p: (new, old) for p, (old, new) in edits.items()}
            edit_files(layout, back, f"{reason}, taken back")
            raise _cannot(exc, going.target) from exc
        recorded = _recorded(history, going, merged, done, context=context, cause=cause)
    commit(history, recorded, context)
    return Went(
        recorded,
        going.target,
        tuple(edits),
        merged,
        rebuilt,
        _private(history, now),
        _copies(history, now, going.target),
    )


def _planned(
    history: History, now: Generation, target: Generation
) -> tuple[dict[str, bytes | None], dict[str, bytes | None], tuple[str, ...]]:
    """Give every file before and after, and those in which the user's own changes stay."""
    before: dict[str, bytes | None] = {}
    after: dict[str, bytes | None] = {}
    merged = []
    gone = history.absent(target)
    conflicts: list[str] = []
    for name in sorted({*now.files, *target.files}):
        path = os.path.normpath(os.path.join(history.place, now.root, name))
        base, theirs = history.text(now, name), history.text(target, name)
        if theirs is None and name not in gone:
            continue  # it took no part then, which does not mean that it was not there
        mine = _read(path)
        before[path] = mine
        if theirs in (base, mine):
            after[path] = mine
        elif mine == base:
            after[path] = theirs
        elif base is None or mine is None or theirs is None:
            after[path] = mine
            conflicts += _told_whole(path, mine, theirs)
        else:
            after[path], lines = _merge(path, base, mine, theirs)
            conflicts += lines
            if after[path] != theirs:
                merged.append(path)
    if conflicts:
        raise ManifestError(
            f"generation {target.number} and what was changed since contradict each other",
            details=conflicts,
            remedy="nothing was written; settle these lines by hand, then try again",
        )
    path = _lock_path(history, now)
    before[path] = mine = _read(path)
    after[path] = _lock(history, now, target, mine, path)
    return before, after, tuple(merged)


def _merge(path: str, base: bytes, mine: bytes, theirs: bytes) -> tuple[bytes, list[str]]:
    from stead.history.merge import merge

    texts = [t.decode("utf-8", "surrogateescape") for t in (base, mine, theirs)]
    text, conflicts = merge(*texts)
    lines = []
    for conflict in conflicts:
        lines.append(f"{path}:{conflict.line}:")
        lines += [f"  now:  {line.rstrip()}" for line in conflict.mine or ("(taken out)",)]
        lines += [f"  then: {line.rstrip()}" for line in conflict.theirs or ("(not there)",)]
    return text.encode("utf-8", "surrogateescape"), lines


def _told_whole(path: str, mine: bytes | None, theirs: bytes | None) -> list[str]:
    if mine is None:
        return [f"{path}: was removed since"]
    if theirs is None:
        return [f"{path}: was not there then, and was changed since"]
    return [f"{path}: came since with another content"]


def _lock(
    history: History, now: Generation, target: Generation, mine: bytes | None, path: str
) -> bytes | None:
    """Give the lock's content: the place's own part as in the target, what others have as it is.

    Another environment of the place goes back only where what was asked for it does.
    """
    base, theirs = history.lock_text(now), history.lock_text(target)
    if theirs in (base, mine):
        return mine
    if mine == base and theirs is not None:
        return theirs
    from stead.formats import stead_lock
    from stead.values.lock import Lock

    def read(data: bytes | None) -> Lock:
        return Lock() if data is None else stead_lock.read(data.decode("utf-8"), path)

    held, was, then = read(mine), read(base), read(theirs)
    place = _slot_place(history.place, now)
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


def _slot_place(place: str, now: Generation) -> str:
    root = os.path.normpath(os.path.join(place, now.root))
    return os.path.relpath(place, root).replace(os.sep, "/")


def _lock_path(history: History, now: Generation) -> str:
    if now.lock_at_home:
        return os.path.join(place_directory(history.home, history.place), _LOCK)
    return os.path.normpath(os.path.join(history.place, now.root, _LOCK))


def _recorded(
    history: History,
    going: _Step,
    merged: tuple[str, ...],
    done: Prepared | None,
    *,
    context: Context,
    cause: Cause,
    write: Callable[[str, bytes], None] = write_entry,
) -> Generation:
    """Write the entry: the target's state, or what was ``done`` where that had to be made."""
    from stead.history.who import who

    state = replace(
        going.target,
        time=context.now(),
        who=who(),
        pinned=False,
        command=cause.command,
        reason=cause.reason,
        kind=cause.kind,
    )
    texts: dict[str, bytes] = {}
    if done is not None:
        from stead.history.record import state_of

        build = done.activation.build
        state, texts = state_of(done.composed, done.table, build, context, cause)

    def make(_: Generation | None, number: int) -> tuple[Generation, dict[str, bytes]]:
        made = replace(
            state,
            number=number,
            at=number if merged or not going.at else going.at,
            base=going.target.base,
            parent=going.parent,
            redo=going.redo,
        )
        return made, texts

    note = context.progress.note
    made = history.append(make, like=going.target.number, write=write, note=note)
    assert made is not None
    return made


def _cannot(exc: SteadError, target: Generation) -> SteadError:
    """Say that a build that is gone cannot be made again, and what can."""
    return type(exc)(
        f"generation {target.number} cannot be made again: {exc.message}",
        where=exc.where,
        details=(*exc.details, "the files are as they were before"),
        remedy=exc.remedy or "`stead log` marks the generations whose builds are there",
    )


def _copies(history: History, now: Generation, target: Generation) -> tuple[str, ...]:
    """Say which working copies stay though nothing uses them, and which are used and gone."""
    root = os.path.normpath(os.path.join(history.place, now.root))

    def of(generation: Generation) -> dict[str, str]:
        return {
            os.path.normpath(os.path.join(root, p.working)): p.name
            for p in generation.modules
            if p.working
        }

    before, after = of(now), of(target)
    stays = [
        f"{d} stays as it is: `stead work {name}` takes it up again"
        for d, name in before.items()
        if d not in after and os.path.isdir(d)
    ]
    gone = [
        f"the working copy {d} is not there any more: `stead work {name}` makes one, "
        f"`stead work {name} --drop` goes to the pinned revision"
        for d, name in after.items()
        if not os.path.isdir(d)
    ]
    return (*stays, *gone)


def _private(history: History, now: Generation) -> tuple[str, ...]:
    root = os.path.normpath(os.path.join(history.place, now.root))
    found = []
    directory = history.place
    while True:
        path = os.path.join(directory, ".env")
        if os.path.lexists(path):
            found.append(path)
        parent = os.path.dirname(directory)
        if directory in (root, parent):
            return tuple(found)
        directory = parent


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise StoreError(f"this cannot be read: {exc.strerror}", where=path) from exc
