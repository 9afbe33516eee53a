"""The journal of a transaction: what is staged for a place, apart from the place.

::

    places/at/home/ann/scans/.stead@/transaction@/lock          held while its shell lives
                                                  owner.json    whose it is
                                                  states/1.json the journal, see below
                                                  blobs/<sha>   contents, by their sha256
                                                  record/       the staged environment
                                                  turn          changes when record/ did
                                                  staged        there while something is
                                                  shell/        what the child shell notes

A state is everything that is staged, as one value. Each is written under a temporary
name, brought to the disk and renamed, and never changed after that; the highest one
that can be read is the present. So a process that is killed leaves the old state or
the new one, and the order is that of numbers, whatever the clock says.

A transaction is there while it has a state; whose lock is free, that one is dead.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from stead.store import locking
from stead.store.atomic import remove_tree, storage, write_file
from stead.store.places import make_private, place_directory
from stead.values.errors import StoreError
from stead.values.frozen import asdict, dataclass, field, replace
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.store.locking import Lock, Note

DIRECTORY = "transaction@"
"""Beside the environments of a place; no environment can have this name."""
_LOCK = "stead.lock"
_PROBES = 5
"""How often one that must not wait asks: who only looks holds the lock for a moment."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose transaction it is. ``since`` is in seconds since the epoch."""

    pid: int
    since: float
    place: str
    environment: str
    who: str = ""
    tty: str = ""
    generation: int = 0
    """The newest generation of the environment when the transaction began."""
    dry: bool = False
    """Nothing will be committed."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One command that staged something: an id of its process, and its words as history may hold them."""

    id: str
    words: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class State:
    """What is staged. Contents are known by their sha256; None stands for no file."""

    number: int = 0
    time: float = 0.0
    base: Mapping[str, str | None] = field(default_factory=dict)
    """Every file that takes part, as it was when the transaction began."""
    seen: Mapping[str, str | None] = field(default_factory=dict)
    """Of each staged file, what the place held when it was staged."""
    files: Mapping[str, str | None] = field(default_factory=dict)
    """What is staged."""
    operations: tuple[Operation, ...] = ()
    savepoints: Mapping[str, int] = field(default_factory=dict)
    commits: int = 0
    """How often the transaction was committed before, and went on."""
    committing: bool = False
    """``files`` are on their way to the place, or there already."""

    @property
    def changed(self) -> bool:
        """Whether somebody has staged something: a lock that was missing is nobody's change."""
        return bool(self.files) and (
            bool(self.operations) or any(os.path.basename(f) != _LOCK for f in self.files)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A transaction as somebody else sees it."""

    owner: Owner
    alive: bool
    operations: tuple[Operation, ...]


def directory_of(home: str | os.PathLike[str], place: str) -> str:
    """Give the directory of a place's transaction. Creates nothing. Raises StoreError.

    A place has one, by whatever name it is called.
    """
    return os.path.join(place_directory(home, os.path.realpath(place)), DIRECTORY)


class Journal:
    """Reads and writes the states in a transaction's directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.damaged: tuple[int, ...] = ()
        """States newer than the present one that cannot be read."""

    def owner(self) -> Owner | None:
        """Say whose transaction it is; None where that cannot be read."""
        try:
            with open(os.path.join(self.directory, "owner.json"), "rb") as file:
                data = json.loads(file.read().decode("utf-8", "surrogateescape"))
            return Owner(**data)
        except (OSError, ValueError, TypeError):
            return None

    def numbers(self) -> list[int]:
        """List the numbers of states, the newest first, readable or not."""
        try:
            names = os.listdir(os.path.join(self.directory, "states"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as exc:
            raise StoreError(f"this cannot be read: {exc.strerror}", where=self.directory) from exc
        found = [n.removesuffix(".json") for n in names if n.endswith(".json")]
        return sorted((int(n) for n in found if n.isdigit()), reverse=True)

    def present(self) -> State | None:
        """Give the newest state that can be read, and note in ``damaged`` what cannot."""
        damaged: list[int] = []
        for number in self.numbers():
            found = self.find(number)
            if found is not None:
                self.damaged = tuple(damaged)
                return found
            damaged.append(number)
        self.damaged = tuple(damaged)
        return None

    def find(self, number: int) -> State | None:
        """Give a state; None where it is not there, or not as it was written."""
        try:
            with open(self._file(number), "rb") as file:
                digest, _, body = file.read().partition(b"\n")
        except OSError:
            return None
        if sha256(body).hexdigest().encode() != digest:
            return None
        try:
            data: dict[str, Any] = json.loads(body.decode("utf-8", "surrogateescape"))
            operations = tuple(
                Operation(o["id"], tuple(o["words"]), o["time"]) for o in data.pop("operations")
            )
            state = State(operations=operations, **data)
        except (ValueError, TypeError, KeyError):
            return None
        return state if state.number == number else None

    def append(self, state: State, now: float) -> State:
        """Write a state as the newest one. Raises StoreError; then nothing has changed."""
        made = replace(state, number=max([0, *self.numbers()]) + 1, time=now)
        body = json.dumps(asdict(made), sort_keys=True, ensure_ascii=False)
        text = body.encode("utf-8", "surrogateescape")
        write_file(self._file(made.number), sha256(text).hexdigest().encode() + b"\n" + text, 0o600)
        self._mark(staged=made.changed)
        return made

    def _mark(self, *, staged: bool) -> None:
        """Say with a file whether something is staged: a prompt can ask for no more."""
        path = os.path.join(self.directory, "staged")
        with contextlib.suppress(OSError):
            if staged:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            else:
                os.unlink(path)

    @contextlib.contextmanager
    def alone(self, note: Note) -> Iterator[None]:
        """Be the only one who appends, for the block."""
        path = os.path.join(self.directory, "states.lock")
        with locking.exclusive(path, note=note, description="staging a change"):
            yield

    def put(self, content: bytes) -> str:
        """Keep a content; gives its sha256. Raises StoreError."""
        sha = sha256(content).hexdigest()
        path = os.path.join(self.directory, "blobs", sha)
        if not os.path.exists(path):
            write_file(path, content, 0o600)
        return sha

    def content(self, sha: str | None) -> bytes | None:
        """Give a content; None for None. Raises StoreError where it is gone or damaged."""
        if sha is None:
            return None
        path = os.path.join(self.directory, "blobs", sha)
        with storage(path), open(path, "rb") as file:
            data = file.read()
        if sha256(data).hexdigest() != sha:
            raise StoreError(
                "this staged content is damaged",
                where=path,
                remedy="`stead rollback to` an earlier savepoint, or `stead abort`",
            )
        return data

    def _file(self, number: int) -> str:
        return os.path.join(self.directory, "states", f"{number}.json")


def locks_staged(home: str | os.PathLike[str]) -> Iterator[bytes]:
    """Give the locks that transactions have staged, at savepoints too. Raises StoreError."""
    top = os.path.join(os.fspath(home), "places", "at")
    for parent, directories, _ in os.walk(top):
        if os.path.basename(parent) != DIRECTORY:
            continue
        directories.clear()
        journal = Journal(parent)
        shas = {
            sha
            for state in map(journal.find, journal.numbers())
            for path, sha in (state.files.items() if state else ())
            if sha and os.path.basename(path) == _LOCK
        }
        yield from (c for c in map(journal.content, sorted(shas)) if c is not None)


class Held:
    """A transaction's lock, held by the process whose shell it is."""

    def __init__(self, directory: str, lock: Lock) -> None:
        self.directory = directory
        self._lock = lock

    def release(self) -> None:
        """Let go, and leave what is staged to who takes it over."""
        self._lock.release()

    def end(self) -> None:
        """Drop all that is staged, and let go. Raises StoreError; then it is dropped all the same."""
        try:
            clear(self.directory)
        finally:
            self._lock.release(remove=True)
            with contextlib.suppress(OSError):
                os.rmdir(self.directory)


def hold(
    directory: str, *, home: str, wait: bool, note: Note, clock: Callable[[], float] = time.time
) -> Held:
    """Take a transaction's lock, waiting for the one who has it.

    Without ``wait``, raises StoreError with the other's process and age.
    """
    with storage(directory):
        make_private(home, directory)
    path = os.path.join(directory, "lock")
    lock = None
    for probe in range(_PROBES):
        lock = locking.acquire(path, wait=False)
        if lock is not None or wait:
            break
        if probe + 1 < _PROBES:
            time.sleep(0.02)
    if lock is None and wait:
        lock = locking.acquire(path, note=note)
    if lock is None:
        owner = Journal(directory).owner()
        raise StoreError(
            "another transaction is open here"
            + (f": process {owner.pid}, for {age(owner, clock())}" if owner else ""),
            where=owner.place if owner else directory,
            details=[f"{owner.who}, environment {owner.environment}, {owner.tty or 'no terminal'}"]
            if owner
            else [],
            remedy="leave out --no-wait to wait for it, or end it there with `commit` or `abort`",
        )
    lock.describe("in a transaction (`stead shell`)")
    return Held(directory, lock)


def begin(journal: Journal, owner: Owner, contents: Mapping[str, bytes | None]) -> State:
    """Write the first state of a held transaction: nothing staged, ``contents`` the base.

    Raises StoreError; then there is no transaction.
    """
    claim(journal, owner)
    base = {path: None if c is None else journal.put(c) for path, c in contents.items()}
    return journal.append(State(base=base), owner.since)


def claim(journal: Journal, owner: Owner) -> None:
    """Say whose transaction it is from now on. Raises StoreError."""
    data = json.dumps(asdict(owner), sort_keys=True, ensure_ascii=False)
    path = os.path.join(journal.directory, "owner.json")
    write_file(path, data.encode("utf-8", "surrogateescape"), 0o600)


def clear(directory: str) -> None:
    """Drop what is staged, all at once; the lock's file stays. Raises StoreError."""
    states = os.path.join(directory, "states")
    gone = os.path.join(directory, f"dropped-{os.urandom(6).hex()}")
    with storage(directory):
        with contextlib.suppress(FileNotFoundError):
            os.rename(states, gone)
        for name in os.listdir(directory):
            if name != "lock":
                remove_tree(os.path.join(directory, name))


def settled(state: State) -> State:
    """Say what a state comes to: one that was being committed may be in the place by now.

    The place's files change together, so either all of them are as staged, or none is.
    """
    if not state.committing:
        return state
    if all(sha_of(read(path)) == sha for path, sha in state.files.items()):
        return State(
            number=state.number,
            time=state.time,
            base={**state.base, **state.files},
            commits=state.commits + 1,
        )
    return replace(state, committing=False)


def look(home: str | os.PathLike[str], place: str) -> Standing | None:
    """Say how a place's transaction stands, from outside; None where there is none."""
    journal = Journal(directory_of(home, place))
    state = journal.present()
    if state is None:
        return None
    owner = journal.owner() or Owner(0, state.time, place, "")
    return Standing(owner, is_alive(journal.directory), settled(state).operations)


def is_alive(directory: str) -> bool:
    """Say whether the shell of a transaction is there."""
    path = os.path.join(directory, "lock")
    try:
        lock = locking.acquire(path, shared=True, wait=False, create=False)
    except StoreError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def age(owner: Owner, now: float) -> str:
    """Say how long ago a transaction began: ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    seconds = max(0, int(now - owner.since))
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def read(path: str) -> bytes | None:
    """Give what a file of the place holds, None where there is none. Raises StoreError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as exc:
        raise StoreError(f"this cannot be read: {exc.strerror}", where=path) from exc


def sha_of(content: bytes | None) -> str | None:
    return None if content is None else sha256(content).hexdigest()
