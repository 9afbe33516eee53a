"""Making what a transaction has staged the place's, or dropping it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.history.staged import changed_environments, keep_aside
from stead.history.who import Cause
from stead.pipeline import answering, steps, writing
from stead.pipeline.files import text_of
from stead.store.generations import environments
from stead.store.transactions import read
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import dataclass, replace
from stead.values.names import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.history.compare import Difference, Elsewhere, File
    from stead.history.transaction import Transaction
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.store.transactions import Operation, State
    from stead.values.context import Context

_PRIVATE = 0o600


@dataclass(frozen=True)
class Committed:
    """What a commit wrote, and what was staged by which commands."""

    files: tuple[str, ...]
    operations: tuple[Operation, ...]
    environments: tuple[str, ...] = ()
    """Other environments of the place, of which something else is asked or locked now."""


def commit(
    transaction: Transaction,
    request: Callable[[], Request],
    context: Context,
    cause: Cause,
    record: Callable[[], object],
) -> Committed:
    """Write all that is staged to the place at once, as a change with this ``cause``.

    ``request`` gives the request as the transaction has it at the time; ``record`` is
    called when the files are there: it makes the environment and its generation. The
    transaction starts over. Raises SteadError; what is staged stays then.
    """
    from stead.history.record import note, record_request

    for line in writing.mend(context):
        context.progress.note(line)
    _check_place(transaction)
    transaction.refuse_dead()
    asked = request()
    composed = steps.composed_for(asked, context, fetch=True)
    answering.locked_for(composed, context)  # what hand edits ask for is locked with the rest
    journal = transaction.journal
    with (
        writing.alone(composed.lock_path, composed.spec.name, context),
        journal.alone(context.progress.note),
    ):
        state = transaction.state
        hand = transaction.edited_by_hand()
        contents = transaction.contents()
        if not contents and not hand:
            transaction.restart(state.base, state.commits)
            return Committed((), state.operations)
        before = {p: journal.content(state.base[p]) for p in (*contents, *hand)}
        base = {p: None if c is None else text_of(p, c) for p, c in before.items()}
        former, place = (replace(asked, overlay=o, staging=None) for o in (base, {}))
        locks = read(composed.lock_path), contents.get(composed.lock_path)
        others = set(() if locks[1] is None else changed_environments(*locks, composed.slot))
        others |= _asked_otherwise(former, asked, composed, context)
        if not transaction.recorded_elsewhere():
            for environment in (asked.environment, *sorted(others)):
                record_request(replace(former, environment=environment), context, Cause())
        _write(transaction, state, contents, context, lambda: note(place, context, cause))
        transaction.restart(transaction.taken([*state.base, *contents]), state.commits + 1)
    record()
    transaction.follow_history()
    return Committed(tuple(sorted({*contents, *hand})), state.operations, tuple(sorted(others)))


def _asked_otherwise(
    former: Request, asked: Request, composed: Composed, context: Context
) -> set[str]:
    """Name other environments of which a commit asks something else.

    They are those with a history; where the transaction's own stays what it is, also
    declared ones without: else no history would tell of the change.
    """

    def digest(request: Request) -> str:
        try:
            return steps.composed_for(request, context, fetch=False).spec.digest
        except SteadError:
            return ""

    names = set(environments(context.home, composed.spec.place))
    if digest(former) == composed.spec.digest:
        names |= {DEFAULT, *composed.spec.environments}
    return {
        name
        for name in names - {asked.environment}
        if digest(replace(former, environment=name)) != digest(replace(asked, environment=name))
    }


def _write(
    transaction: Transaction,
    state: State,
    contents: Mapping[str, bytes | None],
    context: Context,
    noting: Callable[[], Mapping[str, bytes]],
) -> None:
    journal = transaction.journal
    held = {path: read(path) for path in contents}
    files, seen = (
        {p: None if c is None else journal.put(c) for p, c in texts.items()}
        for texts in (contents, held)
    )
    journal.append(replace(state, files=files, seen=seen, committing=True), context.now())
    try:
        writing.write_files(
            contents,
            writing.layout_of(context),
            f"commit a transaction in {transaction.place}",
            expect=held,
            noting=noting,
            modes={p: _PRIVATE for p in contents if os.path.basename(p) == ".env"},
        )
    except BaseException:
        journal.append(replace(state, committing=False), context.now())
        raise


def _check_place(transaction: Transaction) -> None:
    if not os.path.isdir(transaction.place):
        raise StoreError(
            "the place of this transaction was moved or removed",
            where=transaction.place,
            remedy="put it back there, and commit again",
        )


@dataclass(frozen=True)
class Aborted:
    """What an abort dropped, and what it put back."""

    operations: tuple[Operation, ...]
    put_back: tuple[str, ...] = ()
    """Files that were edited by hand since the transaction began."""
    kept: str = ""
    """The directory that has these edits."""


def abort(transaction: Transaction, context: Context, *, keep_edits: bool = False) -> Aborted:
    """Drop what is staged, and put back what was edited by hand, unless ``keep_edits``.

    The transaction starts over. Raises StoreError.
    """
    for line in writing.mend(context):
        context.progress.note(line)
    journal = transaction.journal
    with journal.alone(context.progress.note):
        state = transaction.state
        there = os.path.isdir(transaction.place) and not keep_edits
        former = _former(transaction, state, context) if there else {}
        kept = ""
        if former:
            edited = {path: read(path) for path in former}
            kept = keep_aside(transaction.directory, transaction.place, edited, context.now())
            writing.write_files(
                former,
                writing.layout_of(context),
                f"abort a transaction in {transaction.place}",
                expect={p: read(p) for p in former},
                modes={p: _PRIVATE for p in former if os.path.basename(p) == ".env"},
            )
        transaction.restart(transaction.taken([*state.base]), state.commits)
    return Aborted(state.operations, tuple(former), kept)


def _former(transaction: Transaction, state: State, context: Context) -> dict[str, bytes | None]:
    """Give what the files that were edited by hand held before."""
    former = {}
    for path in transaction.edited_by_hand():
        try:
            former[path] = transaction.journal.content(state.base[path])
        except StoreError as exc:
            context.progress.note(f"{path} stays as it is, edited by hand: {exc.message}")
    return former


def difference(transaction: Transaction, request: Request, context: Context) -> Difference:
    """Say what a commit would change: packages, variables, files, other environments.

    What hand edits ask for is locked first, as by a commit; what hinders that is told.
    """
    request = _locked(request, context)
    state = transaction.state
    base = {}
    for path in {*state.files, *transaction.edited_by_hand()}:
        held = transaction.journal.content(state.base[path])
        base[path] = None if held is None else text_of(path, held)
    former = replace(request, overlay=base, staging=None)
    found = _compared(former, request, context)
    return replace(
        found,
        files=(*found.files, *_private_files(transaction, state)),
        elsewhere=tuple(_elsewhere(found, former, request, context)),
    )


def _locked(request: Request, context: Context) -> Request:
    try:
        answering.locked_for(steps.composed_for(request, context, fetch=True), context)
    except SteadError as exc:
        context.progress.note(f"packages are compared as they are locked: {exc}")
    return writing.renewed(request)


def _compared(former: Request, request: Request, context: Context) -> Difference:
    """Compare an environment as the place has it with what is staged."""
    from stead.history.compare import compare
    from stead.history.record import state_of
    from stead.history.texts import Loose

    generations = []
    texts: dict[int, Mapping[str, bytes]] = {}
    for number, asked in enumerate((former, request), 1):
        try:
            composed = steps.composed_for(asked, context, fetch=False)
            table = steps.configured(composed, context)
            made, held_texts = state_of(composed, table, None, context, Cause())
        except SteadError:
            if number == 1:  # the place was nothing that could be read
                continue
            raise
        generations.append(replace(made, number=number))
        texts[number] = held_texts
    old = generations[0] if len(generations) > 1 else None
    return compare(Loose(texts), old, generations[-1])


def _elsewhere(
    own: Difference, former: Request, request: Request, context: Context
) -> Iterator[Elsewhere]:
    """Say what differs in the place's other environments and not in the transaction's own."""
    from stead.history.compare import Elsewhere

    spec = steps.composed_for(request, context, fetch=False).spec
    known = {DEFAULT, *environments(context.home, spec.place)}
    with contextlib.suppress(SteadError):  # the place was nothing that could be read
        known.update(steps.composed_for(former, context, fetch=False).spec.environments)
    for name in sorted({*known, *spec.environments} - {request.environment}):
        # Who asked for one that nobody had declared got the default one.
        before = replace(former, environment=name if name in known else DEFAULT)
        try:
            found = _compared(before, replace(request, environment=name), context)
        except SteadError:  # what is wrong there is no matter of this transaction's
            continue
        meaning = tuple(one for one in found.meaning if one not in own.meaning)
        if meaning:
            yield Elsewhere(name, meaning)


def _private_files(transaction: Transaction, state: State) -> list[File]:
    """Name the private files that are staged otherwise. What they hold is not shown."""
    from stead.history.compare import File

    return [
        File(
            os.path.relpath(path, transaction.place),
            "removed" if sha is None else "changed" if state.seen.get(path) else "added",
        )
        for path, sha in sorted(state.files.items())
        if os.path.basename(path) == ".env"
    ]
