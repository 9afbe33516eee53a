"""Going back, and forward again: manifests and lock as a generation has them.

What the user has changed since stays: a manifest is merged line by line, the lock
environment by environment. All files change together through the journal, or none
does. A ``.env`` is never touched.
"""

from __future__ import annotations

import os

from stead.history.plan import lock_path, planned, removed, renamed, root_of
from stead.history.restore import latest, nearest, offer, readable
from stead.store.generations import History
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.history.ahead import Ahead, Make
    from stead.history.who import Cause
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.generation import Generation


@dataclass(frozen=True, slots=True)
class Went:
    """What going to another generation did. ``files`` are those that changed."""

    generation: Generation
    """The new entry."""
    target: Generation
    files: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    """Files into which something was brought beside changes of the user's own."""
    kept: tuple[str, ...] = ()
    """Manifests in which such changes stay: these are not as the target has them."""
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


def undo(history: History, context: Context, cause: Cause, make: Make) -> Went:
    """Go to what was before the last change. Raises StoreError at the beginning.

    Where a manifest was removed since, that was the last change: it comes back.
    """

    def step(history: History, now: Generation) -> _Step:
        if removed(history, now):
            return _Step(readable(history, now.at, context), now.at, now.parent, now.redo)
        if not now.parent:
            raise StoreError(
                "there is nothing to undo",
                where=f"{history.place}, environment {history.environment}",
                remedy=_elsewhere(history) or "`stead log` lists what was recorded",
            )
        target = readable(history, now.parent, context)
        return _Step(target, target.at, target.parent, (now.at, now.number))

    return _go(history, context, replace(cause, kind="undo"), step, make)


def redo(history: History, context: Context, cause: Cause, make: Make) -> Went:
    """Go to what was last undone. Raises StoreError where nothing was."""

    def step(history: History, now: Generation) -> _Step:
        if not now.redo:
            raise StoreError(
                "there is nothing to redo",
                where=f"{history.place}, environment {history.environment}",
                remedy="only what was undone, and nothing changed since, can be done again",
            )
        target = readable(history, now.redo[0], context)
        return _Step(target, target.at, target.parent, _redo_after(history, now))

    return _go(history, context, replace(cause, kind="redo"), step, make)


def rollback(history: History, number: int, context: Context, cause: Cause, make: Make) -> Went:
    """Go to a generation; ``undo`` takes that back. Raises StoreError for one that is not there."""

    def step(history: History, now: Generation) -> _Step:
        return _Step(readable(history, number, context), 0, now.at)

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
    step: Callable[[History, Generation], _Step],
    make: Make,
) -> Went:
    """Restore what a step leads to, and record it: one change, who is killed did both or none.

    ``make`` does every step of the pipeline, for what is merged and for a build that
    is gone; the files change after that.
    """
    from stead.history.refs import commit
    from stead.store.journal import recover
    from stead.store.layout import Layout
    from stead.store.locking import exclusive
    from stead.values.digest import short_key

    layout = Layout(context.home)
    for line in recover(layout, context.progress.note):
        context.progress.note(line)
    now = latest(history, context)
    if now is None:
        raise StoreError(
            "nothing has been recorded here yet",
            where=history.place,
            remedy=_elsewhere(history)
            or "the first `stead add`, `set`, `lock` or `run` begins the history",
        )
    guard = layout.locks / f"lock-{short_key(lock_path(history, now))}"
    description = f"going back in {history.place}"
    ahead: Ahead | None = None
    while True:
        with exclusive(guard, note=context.progress.note, description=description):
            history = History(context.home, history.place, history.environment)
            now = history.last() or now
            going = step(history, now)
            base = history.find(now.base) or now
            plan = planned(history, base, going.target, history)
            merged = plan.merged
            gone = going.target.build and not os.path.isdir(layout.store / going.target.build)
            rebuilt = bool(merged or gone or renamed(history, going.target))
            if not rebuilt:
                ahead = None
            if not rebuilt or (ahead is not None and ahead.plan == plan):
                edits = ahead.edits if ahead else plan.edits
                done = ahead.done if ahead else None
                recorded = _recorded(
                    history, going, merged, done, edits, context=context, cause=cause
                )
                break
        from stead.history.ahead import Ahead

        try:
            ahead = Ahead(plan, make)
        except SteadError as exc:
            raise cannot(exc, going.target, history) from exc
    commit(history, recorded, context)
    return Went(
        recorded,
        going.target,
        tuple(edits),
        merged,
        plan.kept,
        rebuilt,
        private_files(history, now),
        working_copies(history, now, going.target),
    )


def _recorded(
    history: History,
    going: _Step,
    merged: tuple[str, ...],
    done: Prepared | None,
    edits: Mapping[str, tuple[bytes | None, bytes | None]],
    *,
    context: Context,
    cause: Cause,
) -> Generation:
    """Write files and entry: the target's state, or what was ``done`` where it had to be made."""
    from stead.history.who import who
    from stead.store.edits import edit_files
    from stead.store.layout import Layout

    state = replace(
        going.target,
        place=history.place,
        time=context.now(),
        who=who(history.place, context),
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

    def write(path: str, line: bytes) -> None:
        reason = f"{cause.kind} in {history.place}"
        edit_files(Layout(context.home), edits, reason, beside={path: line})

    note = context.progress.note
    made = history.append(make, like=going.target.number, write=write, note=note)
    assert made is not None
    return made


def cannot(exc: SteadError, target: Generation, history: History) -> SteadError:
    """Say that a build that is gone cannot be made again, why, and what can be gone to."""
    store = os.path.join(history.home, "store")

    def there(number: int) -> bool:
        found = history.find(number)
        built = found is not None and (not found.build or os.path.isdir(f"{store}/{found.build}"))
        return built and history.whole(number)

    name = target.origin.rpartition(" ")[2] or f"generation {target.number}"
    near = nearest(history, target.number if not target.origin else history.newest + 1, there)
    return type(exc)(
        f"{name} cannot be made {'here' if target.origin else 'again'}: {exc.message}",
        where=exc.where,
        details=(
            *exc.details,
            *([exc.remedy] if exc.remedy and near else []),
            "the files are as they were before",
        ),
        remedy=f"{offer(near)} goes to the nearest whose build is there"
        if near
        else exc.remedy or "`stead log` marks what would have to be built again",
    )


def working_copies(history: History, now: Generation, target: Generation) -> tuple[str, ...]:
    """Say which working copies stay though nothing uses them, and which are used and gone."""
    root = root_of(history, now)

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


def private_files(history: History, now: Generation) -> tuple[str, ...]:
    root = root_of(history, now)
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
