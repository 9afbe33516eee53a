"""Beginning a transaction, and taking over one whose shell has ended."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.history.find import finish, history_of
from stead.history.staged import keep_aside
from stead.history.transaction import Transaction
from stead.history.who import who
from stead.pipeline import lockfile, steps, writing
from stead.pipeline.files import VERSION_CONTROL
from stead.store import transactions
from stead.store.transactions import Journal, Owner, State, read, settled
from stead.values.errors import StoreError, UsageError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from stead.pipeline.request import Request
    from stead.store.generations import History
    from stead.store.transactions import Held
    from stead.values.context import Context


@dataclass(frozen=True)
class Opened:
    """A transaction whose lock this process holds."""

    transaction: Transaction
    lock: Held
    told: tuple[str, ...] = ()
    """What is to be said: of a dead one that was rolled back, of a damaged state."""
    resumed: bool = False


def open_transaction(
    request: Request,
    context: Context,
    *,
    wait: bool = True,
    resume: bool = False,
    dry: bool = False,
    tty: str = "",
) -> Opened:
    """Begin a transaction of the place that a request is about, or take over a dead one.

    ``dry``: a commit inside it writes nothing.

    Without ``resume``, what a dead one had staged is dropped, which changes nothing of
    the place. Raises StoreError where another is open and ``wait`` is not wished, or
    nothing can be written; UsageError where there is nothing to resume.
    """
    for line in writing.mend(context):
        context.progress.note(line)
    found = steps.found_for(request)
    place = found.place
    home = os.fspath(context.home)
    directory = transactions.directory_of(home, place)
    held = transactions.hold(
        directory, home=home, wait=wait, note=context.progress.note, clock=context.now
    )
    try:
        return _taken_over(request, context, held, place, resume=resume, dry=dry, tty=tty)
    except BaseException:
        if Journal(directory).present() is None:
            held.end()
        else:
            held.release()
        raise


def _taken_over(
    request: Request, context: Context, held: Held, place: str, *, resume: bool, dry: bool, tty: str
) -> Opened:
    directory, environment = held.directory, request.environment
    journal = Journal(directory)
    former, left = journal.owner(), journal.present()
    owner = Owner(
        pid=os.getpid(),
        since=context.now(),
        place=place,
        environment=environment,
        who=who(place, context),
        tty=tty,
        dry=dry,
        generation=_history(request, context, place).newest,
    )
    if not resume:
        told: tuple[str, ...] = ()
        if left is not None:
            told = _dropped(journal, former, settled(left), place, context)
        elif journal.numbers():
            told = ("dropped a transaction of which nothing can be read any more",)
        transactions.clear(directory)
        transactions.begin(journal, owner, _taking_part(request, context))
        return Opened(Transaction(directory, context), held, told)
    if left is None or former is None:
        raise UsageError(
            "there is no transaction to go on with"
            if not journal.numbers()
            else "nothing of the transaction that was left here can be read any more",
            where=place,
            remedy="`stead shell` begins one",
        )
    if former.environment != environment:
        raise UsageError(
            f"the transaction that was left here is of environment {former.environment}",
            where=place,
            remedy=f"`stead shell --resume -e {former.environment}`",
        )
    transactions.claim(journal, replace(owner, generation=former.generation))
    transaction = Transaction(directory, context)
    if left.committing:
        journal.append(transaction.state, context.now())
    return Opened(transaction, held, resumed=True)


def _history(request: Request, context: Context, place: str) -> History:
    """Give the history of the environment, with what an interrupted command left recorded."""
    history = history_of(place, request.environment, context, user_home=request.user_home)
    return finish(history, request, context)


def _dropped(
    journal: Journal, owner: Owner | None, state: State, place: str, context: Context
) -> tuple[str, ...]:
    """Say what is dropped with a transaction whose shell has ended. Its texts are kept."""
    count = len(state.operations)
    whose = ""
    if owner is not None:
        age = transactions.age(owner, context.now())
        whose = f" of process {owner.pid} ({owner.who}, {age} old)"
    staged = "nothing" if not count else f"{count} change{'' if count == 1 else 's'}"
    told = f"rolled back a transaction{whose} whose shell has ended: {staged} staged"
    texts = {}
    for path, sha in state.files.items() if count else ():
        with contextlib.suppress(StoreError):
            texts[path] = journal.content(sha)
    kept = keep_aside(journal.directory, place, texts, context.now())
    return (told, f"what it had staged is kept in {kept}") if kept else (told,)


def _taking_part(request: Request, context: Context) -> dict[str, bytes | None]:
    """Read every file that takes part, or would if it were there, in the place's own tree."""
    found = steps.found_for(request)
    lock = lockfile.lock_file(found.root, found.place, bare=found.bare, home=context.home)
    top = found.root.rstrip(os.sep) + os.sep
    paths = [*found.inputs, *found.absent, lock, os.path.join(found.root, lockfile.NAME)]
    kept = [
        p
        for p in paths
        if p == lock or (p.startswith(top) and os.path.basename(p) not in VERSION_CONTROL)
    ]
    kept.append(os.path.join(found.place, ".env"))
    return {path: read(path) for path in dict.fromkeys(kept) if not os.path.isdir(path)}
