"""A transaction of one place: what is staged apart from it.

No file of the place changes before a commit. What the place's files become
meanwhile is merged with what is staged, line by line; the lock environment by
environment. What contradicts itself is an error that shows both, and nothing is written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.history.staged import LOCK, Merged, changed_parts, effective
from stead.pipeline import steps, writing
from stead.pipeline.files import text_of
from stead.pipeline.lockfile import slot_place
from stead.pipeline.transaction import turn, write_record
from stead.store import transactions
from stead.store.generations import History, environments
from stead.store.transactions import Journal, Operation, State, read, sha_of
from stead.values.errors import ManifestError, StoreError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.pipeline.request import Request
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.generation import Generation

CHANGES = frozenset({"add", "adopt", "keep", "lock", "remove", "set", "unset", "use"})
"""Commands that change what an environment is."""


class Transaction:
    """What is staged for a place. Takes writes, as :class:`~stead.pipeline.transaction.Staging`.

    ``words`` are those of the command that stages, as a history may hold them. What the
    others stage, a lock that was missing, is nobody's change.
    """

    def __init__(self, directory: str, context: Context, words: Sequence[str] = ()) -> None:
        self.journal = Journal(directory)
        self._context = context
        self._words = tuple(words) if words and words[0] in CHANGES else ()
        owner = self.journal.owner()
        if owner is None or self.journal.present() is None:
            raise UsageError(
                "the transaction that this shell was started for is over",
                where=directory,
                remedy="leave the shell (`exit`), or `unset STEAD_SHELL` in it",
            )
        self.owner = owner
        self._turn = turn(directory)

    @property
    def directory(self) -> str:
        return self.journal.directory

    @property
    def place(self) -> str:
        return self.owner.place

    @property
    def environment(self) -> str:
        return self.owner.environment

    def named(self, directory: str) -> str:
        """Give a directory of the place by the name that the transaction has for it."""
        place = self.place
        if directory == place or directory.startswith(place.rstrip(os.sep) + os.sep):
            return directory
        relative = os.path.relpath(os.path.realpath(directory), os.path.realpath(place))
        return os.path.normpath(os.path.join(place, relative))

    @property
    def alive(self) -> bool:
        return transactions.is_alive(self.directory)

    @property
    def state(self) -> State:
        """The present state. One that was being committed when its process was killed counts
        as what it came to.
        """
        state = self._present()
        if state.committing:
            writing.mend(self._context)
            return transactions.settled(state)
        return state

    def _present(self) -> State:
        """Read the present state, and change nothing."""
        state = self.journal.present()
        if state is None:
            raise StoreError(
                "nothing that was staged can be read any more",
                where=self.directory,
                remedy="`stead abort` drops it; the place is as it was",
            )
        if self.journal.damaged:
            numbers = ", ".join(map(str, self.journal.damaged))
            self._context.progress.note(
                f"state {numbers} of the transaction is damaged; the one before it is used"
            )
        return state

    def content(self, path: str) -> bytes | None:
        """Give what a file holds, as the transaction has it. Raises ManifestError for a conflict."""
        return self._contents([path])[path]

    def overlay(self) -> dict[str, str | None]:
        """Give the staged files as text: what :class:`Request` takes. Raises ManifestError."""
        contents = self._contents(self.state.files)
        return {p: None if c is None else text_of(p, c) for p, c in contents.items()}

    def contents(self) -> dict[str, bytes | None]:
        """Give the staged files as they would be written. Raises ManifestError."""
        return self._contents(self.state.files)

    def _contents(self, paths: Sequence[str] | Mapping[str, object]) -> dict[str, bytes | None]:
        state = self.state
        found: dict[str, bytes | None] = {}
        conflicts: list[str] = []
        for path in paths:
            if path not in state.files:
                found[path] = read(path)
                continue
            seen = state.seen.get(path, state.base.get(path))
            merged = effective(
                Merged(
                    path,
                    self.journal.content(seen),
                    read(path),
                    self.journal.content(state.files[path]),
                )
            )
            found[path] = merged.content
            conflicts += merged.conflicts
        if conflicts:
            raise ManifestError(
                "what is staged and what was changed since contradict each other",
                details=conflicts,
                remedy="nothing was written; settle these by hand, or `stead abort`, which puts "
                "the place's files back",
            )
        return found

    def stage(self, files: Mapping[str, bytes | None], expect: Mapping[str, bytes | None]) -> None:
        """Take new contents, whatever happens wholly or not at all. Raises StoreError."""
        self.refuse_dead()
        with self.journal.alone(self._context.progress.note):
            state = self.state
            now = self._contents([p for p in files if p in expect])
            for path, content in now.items():
                if content != expect[path]:
                    raise StoreError(
                        "this file was changed by someone else meanwhile",
                        where=path,
                        remedy="nothing was staged; run the command again",
                    )
            base, seen, staged = dict(state.base), dict(state.seen), dict(state.files)
            for path, new in files.items():
                held = read(path)
                staged[path], seen[path] = self._put(new), self._put(held)
                base.setdefault(path, seen[path])
                if staged[path] == seen[path]:
                    del staged[path], seen[path]
            made = replace(
                state, base=base, seen=seen, files=staged, operations=self._operations(state)
            )
            self.journal.append(made, self._context.now())

    def _operations(self, state: State) -> tuple[Operation, ...]:
        """Add this command, unless it is there: one may write several times."""
        name = f"{os.getpid()}"
        if not self._words:
            return state.operations
        if state.operations and (state.operations[-1].id, state.operations[-1].words) == (
            name,
            self._words,
        ):
            return state.operations
        return (*state.operations, Operation(name, self._words, self._context.now()))

    @property
    def staged_by_me(self) -> bool:
        """Whether this very command has staged something."""
        own = f"{os.getpid()}", self._words
        return own in map(_key, self.state.operations)

    @property
    def in_effect(self) -> bool:
        """Whether the shell has got an environment since this command began."""
        return turn(self.directory) != self._turn

    def take_back(self) -> bool:
        """Unstage what this very command has staged; says whether that could be.

        It cannot where something else was staged after it. Raises StoreError.
        """
        own = f"{os.getpid()}", self._words
        with self.journal.alone(self._context.progress.note):
            state = self.state
            before: State | None = state
            while before and before.operations and _key(before.operations[-1]) == own:
                older = [n for n in self.journal.numbers() if n < before.number]
                before = self.journal.find(older[0]) if older else None
            if before is None or own in map(_key, before.operations):
                return False
            # A savepoint may have been made meanwhile, and a file may have come to take part.
            made = replace(before, base={**before.base, **state.base}, savepoints=state.savepoints)
            self.journal.append(made, self._context.now())
        return True

    def _put(self, content: bytes | None) -> str | None:
        return None if content is None else self.journal.put(content)

    def refuse_dead(self) -> None:
        """Raise UsageError unless the process that the transaction belongs to is there."""
        if not self.alive:
            raise UsageError(
                f"the shell of this transaction (process {self.owner.pid}) has ended",
                where=self.place,
                remedy="`unset STEAD_SHELL`, then `stead shell --resume` goes on with what is staged",
            )

    def savepoint(self, name: str = "") -> str:
        """Give what is staged now a name; gives the name. Raises UsageError, StoreError."""
        if name and not name.strip():
            raise UsageError("a savepoint needs a name", remedy="`stead savepoint NAME`")
        self.refuse_dead()
        with self.journal.alone(self._context.progress.note):
            state = self.state
            if name in state.savepoints:
                held = self.journal.find(state.savepoints[name])
                if held is not None and held.files == state.files:
                    return name  # it stands for what is staged now
                raise UsageError(
                    f"there is a savepoint {name!r} already",
                    remedy="choose another name; that one stays as it is",
                )
            count = 1
            while not name:
                candidate = f"s{count}"
                count += 1
                name = candidate if candidate not in state.savepoints else ""
            number = max(self.journal.numbers()) + 1
            points = {**state.savepoints, name: number}
            self.journal.append(replace(state, savepoints=points), self._context.now())
        return name

    def rollback_to(self, name: str) -> State:
        """Stage what a savepoint had. Raises UsageError for one that is not there."""
        self.refuse_dead()
        with self.journal.alone(self._context.progress.note):
            state = self.state
            if name not in state.savepoints:
                known = ", ".join(state.savepoints)
                raise UsageError(
                    f"there is no savepoint {name!r}",
                    remedy=f"there are: {known}" if known else "`stead savepoint` makes one",
                )
            then = self.journal.find(state.savepoints[name])
            if then is None:
                raise StoreError(
                    f"what savepoint {name!r} stands for cannot be read any more",
                    where=self.directory,
                    remedy="what is staged stays; `stead abort` drops all of it",
                )
            # What files were before they first took part is as true as ever.
            base = {**then.base, **state.base}
            return self.journal.append(replace(then, base=base), self._context.now())

    def restart(self, base: Mapping[str, str | None], commits: int) -> None:
        """Have nothing staged, over a new base, after so many commits."""
        self.journal.append(State(base=base, commits=commits), self._context.now())

    def taken(self, paths: Sequence[str]) -> dict[str, str | None]:
        """Keep what files of the place hold now; gives what stands for it."""
        return {path: self._put(read(path)) for path in paths}

    def edited_by_hand(self) -> tuple[str, ...]:
        """Name the files that took part and are not as they were when the transaction began.

        What other commands changed and recorded meanwhile is nobody's hand's, whichever
        place or environment they were about; other places' parts of a lock are theirs. Nor is
        what a commit wrote that was interrupted; this only looks, and does not finish it.
        """
        present = self._present()
        state = transactions.settled(present)
        written = present.files if present.committing else {}
        now = {path: read(path) for path in state.base}
        changed = [
            path
            for path, sha in state.base.items()
            if sha_of(now[path]) not in (sha, written.get(path, sha))
        ]
        recorded = self._recorded_since(changed)
        return tuple(
            sorted(
                path
                for path in changed
                if (path, sha_of(now[path])) not in recorded
                and not (
                    os.path.basename(path) == LOCK
                    and self._of_others(path, state.base[path], now[path])
                )
            )
        )

    def _of_others(self, lock: str, base: str | None, now: bytes | None) -> bool:
        """Say whether commands that were recorded, or other places, changed a lock."""
        if self._changed_elsewhere(self._history()) is not None:
            return True
        own = slot_place(self.place, os.path.dirname(lock))
        parts = changed_parts(self.journal.content(base), now)
        return bool(parts) and all(
            place != own
            or self._changed_elsewhere(History(self._context.home, self.place, environment))
            for place, environment, _ in parts
        )

    def _recorded_since(self, changed: Sequence[str]) -> set[tuple[str, str]]:
        """Give the files and their sha256 that other commands have recorded since the beginning.

        A manifest above is a place too, and has a history of its own.
        """
        home = self._context.home
        places = {self.place, *map(os.path.dirname, changed)} if changed else set()
        found = set()
        for place in places:
            for environment in environments(home, place):
                made = self._changed_elsewhere(History(home, place, environment))
                if made is not None:
                    root = os.path.join(place, made.root)
                    found |= {
                        (os.path.normpath(os.path.join(root, name)), sha)
                        for name, sha in made.files.items()
                    }
        return found

    def recorded_elsewhere(self) -> bool:
        """Say whether something was recorded of the place since the transaction began."""
        return self._history().newest > self.owner.generation

    def _changed_elsewhere(self, history: History) -> Generation | None:
        """Give what another command last recorded there since the transaction began."""
        own = (history.place, history.environment) == (self.place, self.environment)
        for number in history.numbers():
            if own and number <= self.owner.generation:
                break
            found = history.find(number)
            if found is None:
                continue
            if not own and found.time < self.owner.since:
                break
            if found.command:
                return found
        return None

    def _history(self) -> History:
        return History(self._context.home, self.place, self.environment)

    def follow_history(self) -> None:
        """Count what is recorded by now as the transaction's own."""
        self.owner = replace(self.owner, generation=self._history().newest)
        transactions.claim(self.journal, self.owner)


def _key(operation: Operation) -> tuple[str, tuple[str, ...]]:
    return operation.id, operation.words


def refresh(transaction: Transaction, request: Request, context: Context) -> Prepared:
    """Make the staged environment, and write what its shell is to have."""
    done = steps.prepare(request, context)
    write_record(transaction.directory, done.activation)
    return done
