"""Going to what somebody else has shared: her manifests and lock, merged into this place.

The rules are those of undo: what the user has changed by hand since the last generation
stays, a contradiction is shown and nothing is written, a ``.env`` is never touched. What
comes is somebody else's, so no trust is carried over to it, and no name in it leads out of
the tree.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.history.ahead import Ahead
from stead.history.commits import is_name
from stead.history.plan import lock_path, planned
from stead.history.refs import commit
from stead.history.restore import latest
from stead.history.undo import Went, cannot, private_files, working_copies
from stead.store.generations import History
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import replace
from stead.values.generation import Generation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.history.ahead import Make
    from stead.history.others import Theirs
    from stead.history.who import Cause
    from stead.values.context import Context


def bring(
    history: History,
    theirs: Theirs,
    target: Generation,
    *,
    context: Context,
    cause: Cause,
    make: Make,
) -> Went:
    """Make a place what a generation of another clone is, and record that.

    ``make`` does every step of the pipeline; the files change after that.
    """
    from stead.store.journal import recover
    from stead.store.layout import Layout
    from stead.store.locking import exclusive
    from stead.values.digest import short_key

    layout = Layout(context.home)
    for line in recover(layout, context.progress.note):
        context.progress.note(line)
    _refuse_odd(history, theirs, target)
    cause = replace(cause, kind="fetched")
    now = latest(history, context) or _nothing(target)
    guard = layout.locks / f"lock-{short_key(lock_path(history, now))}"
    name = target.origin.rpartition(" ")[2]
    reason = f"going to {name} in {history.place}"
    ahead: Ahead | None = None
    while True:
        with exclusive(guard, note=context.progress.note, description=reason):
            history = History(context.home, history.place, history.environment)
            now = history.last() or now
            plan = planned(history, history.find(now.base) or now, target, theirs)
            if ahead is not None and ahead.plan == plan:
                made, edits = _recorded(
                    history, theirs, target, now, ahead, context=context, cause=cause
                )
                break
        try:
            ahead = Ahead(plan, make)
        except SteadError as exc:
            raise cannot(exc, target, history) from exc
    commit(history, made, context)
    private, copies = private_files(history, now), working_copies(history, now, target)
    return Went(made, target, edits, plan.merged, plan.kept, True, private, copies)


def _recorded(
    history: History,
    theirs: Theirs,
    target: Generation,
    now: Generation,
    ahead: Ahead,
    *,
    context: Context,
    cause: Cause,
) -> tuple[Generation, tuple[str, ...]]:
    """Write the files and the entry together; gives this, and which files changed."""
    from stead.history.record import state_of
    from stead.store.journal import replace_together
    from stead.store.layout import Layout

    done, edits = ahead.done, ahead.edits
    base = _as_shared(history, theirs, target, now.at, context) if ahead.plan.merged else None
    state, texts = state_of(done.composed, done.table, done.activation.build, context, cause)

    def entry(_: Generation | None, number: int) -> tuple[Generation, Mapping[str, bytes]]:
        told = replace(state, number=number, at=number, parent=now.at, origin=target.origin)
        return replace(told, base=base or number), texts

    def write(path: str, line: bytes) -> None:
        contents = {path: line, **{p: new for p, (_, new) in edits.items()}}
        reason = f"going to {target.origin.rpartition(' ')[2]} in {history.place}"
        expect = {p: old for p, (old, _) in edits.items()}
        replace_together(Layout(context.home), contents, reason, expect=expect)

    made = history.append(entry, write=write, note=context.progress.note)
    assert made is not None
    return made, tuple(edits)


def _nothing(target: Generation) -> Generation:
    """Give what a place is of which nothing was ever recorded."""
    return Generation(
        number=0,
        time=0.0,
        who="",
        place=target.place,
        environment=target.environment,
        platform=target.platform,
        root=target.root,
        lock_at_home=target.lock_at_home,
    )


def _as_shared(
    history: History, theirs: Theirs, target: Generation, parent: int, context: Context
) -> int:
    """Record a generation as it was shared: what tells the user's own changes apart later."""
    texts = {name: text for name in target.files if (text := theirs.text(target, name)) is not None}
    lock = theirs.lock_text(target)
    texts |= {"@lock": lock} if lock is not None else {}
    texts["@absent"] = "\n".join(sorted(theirs.absent(target))).encode("utf-8", "surrogateescape")

    def entry(_: Generation | None, number: int) -> tuple[Generation, Mapping[str, bytes]]:
        pure = replace(target, number=number, kind="fetched", redo=(), parent=parent)
        return replace(pure, at=number, base=number), texts

    made = history.append(entry, note=context.progress.note)
    assert made is not None
    commit(history, made, context)
    return made.number


def _refuse_odd(history: History, theirs: Theirs, target: Generation) -> None:
    """Refuse names and paths that no manifest of the tree can have, and a lock that is no text."""
    top = theirs.repository.top
    root = os.path.normpath(os.path.join(os.path.realpath(history.place), target.root))
    odd = [name for name in target.files if not is_name(name)]
    odd += [n for n in target.files if not _is_below(top, os.path.join(root, n))]
    try:
        (theirs.lock_text(target) or b"").decode()
    except UnicodeDecodeError:
        odd.append("stead.lock")
    if odd:
        raise StoreError(
            f"{target.origin} speaks of files that are none of this place's manifests",
            details=sorted(set(odd)),
            remedy="nothing was written; ask who shared it",
        )


def _is_below(top: str, path: str) -> bool:
    real = os.path.realpath(path)
    inside = os.path.relpath(real, top).split(os.sep)
    return os.path.isabs(real) and inside[0] not in (os.pardir, ".git")
