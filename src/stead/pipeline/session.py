"""The child shell of ``stead shell``: how it starts, and what it is told at a prompt.

What it needs lies in the transaction's directory, below ``shell/``::

    rc.bash, zsh/, rc.fish, rc.ps1   its start file
    base                             what it exported after the environment was applied
    exports                          what it exports now (bash), to see whether that changed
    hand.json                        what was changed by hand; survives a crash
    refs/                            empty files with the times of the place's files
"""

from __future__ import annotations

import importlib
import json
import os
from typing import TYPE_CHECKING

from stead.pipeline.hand import PATH, Hand, by_hand, on_top, parse, taking_back
from stead.pipeline.prompt import rc_code
from stead.pipeline.transaction import staged_changes
from stead.shells.session_text import Manifests, Notice, Session, Start, label
from stead.shells.state import APPLIED, OLD, TRANSACTION
from stead.store.atomic import remove_tree, storage, write_file
from stead.store.transactions import Journal, sha_of
from stead.values.activation import apply
from stead.values.errors import SteadError
from stead.values.frozen import asdict, dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType

    from stead.store.transactions import State
    from stead.values.activation import Change

DOTENV = ".env"
NOTES = "shell"

SHELLS = {
    "bash": "session_bash",
    "zsh": "session_zsh",
    "fish": "session_fish",
    "pwsh": "session_powershell",
}
"""The shells of a session by name, with their texts."""


def texts(shell: str) -> ModuleType:
    """Give the module that puts a session in a shell's words."""
    return importlib.import_module(f"stead.shells.{SHELLS[shell]}")


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of a session's shell: what was changed by hand, and what of it was said.

    ``edited`` are files that were said to be edited by hand.
    """

    hands: tuple[Hand, ...] = ()
    said: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    elsewhere: bool = False
    """The changes by hand were made in a shell that is gone."""


def prepare(
    directory: str,
    shell: str,
    *,
    name: str,
    home: str,
    program: tuple[str, str],
    names: Sequence[str],
    owner: int,
    files: Iterable[str],
    environ: Mapping[str, str],
) -> Start:
    """Write what a session's shell needs to start; gives how it is started.

    ``directory`` is the transaction's, ``name`` the place's; ``program`` are the paths
    of the shell and of Stead, ``names`` those of manifests, ``owner`` the process that
    holds the transaction, ``files`` the place's files to watch, ``environ`` what the
    shell starts with. Raises StoreError.
    """
    notes = os.path.join(directory, NOTES)
    noted = load(directory)
    with storage(notes):
        os.makedirs(notes, mode=0o700, exist_ok=True)
        os.chmod(notes, 0o700)
        for old in os.listdir(notes):
            if old != _HAND:
                remove_tree(os.path.join(notes, old))
    said = tuple(words for hand in noted.hands for words in hand.words)
    _save(directory, Noted(noted.hands, said, noted.edited, elsewhere=True))
    shell_program, stead = program
    session = Session(
        hook=rc_code(shell, home=home, program=stead, names=names),
        directory=directory,
        label=label(name),
        owner=owner,
        manifests=watched(directory, files),
        hand=bool(noted.hands),
    )
    start: Start = texts(shell).start(session, shell_program, environ)
    for file, text in {**start.files, "base": "", "exports": ""}.items():
        write_file(os.path.join(notes, file), text.encode("utf-8", "surrogateescape"), 0o600)
    return start


_LOOK_AGAIN = Manifests(absent=(os.sep,))
"""What never holds."""


@dataclass(frozen=True, slots=True)
class Files:
    """The place's files: their sha256 when the transaction began, and what ``.env`` has by now."""

    base: Mapping[str, str | None]
    private: Mapping[str, str]


def files_of(directory: str) -> Files | None:
    """Read what a transaction knows of the place's files; None where there is none."""
    journal = Journal(directory)
    state, owner = journal.present(), journal.owner()
    if state is None or owner is None:
        return None
    return Files(state.base, _private(journal, state, os.path.join(owner.place, DOTENV)))


def _private(journal: Journal, state: State, file: str) -> dict[str, str]:
    from stead.formats import dotenv

    try:
        if file in state.files:
            content = journal.content(state.files[file])
        else:
            content = _content(file)
        found = dotenv.read((content or b"").decode("utf-8"), file)
    except (SteadError, UnicodeDecodeError):
        return {}
    return {entry.name: entry.value for entry in found}


def notice(
    directory: str,
    environ: Mapping[str, str],
    files: Files,
    *,
    by_hand_alone: Callable[[Sequence[str]], Sequence[str]] = tuple,
    applied: bool = False,
    quiet: bool = False,
    separator: str = ":",
) -> Notice:
    """Say what a prompt is to be told, and note it.

    ``environ`` is what the shell exports. ``by_hand_alone`` leaves out of changed files
    those that commands have changed. ``applied``: the environment was put there
    anew, without what was changed by hand before; ``quiet``: it is about to be, and
    what there is to say comes then. Raises StoreError.
    """
    before = load(directory)
    # Looked at before their contents, so that a later edit shows.
    manifests = watched(directory, files.base)
    edited = tuple(by_hand_alone(edited_of(files)))
    if applied:
        hands, now = on_top(before.hands, environ, elsewhere=before.elsewhere)
    else:
        hands, now = _by_hand(applied_in(directory), environ, separator), ()
    undo = taking_back(hands)
    if quiet:
        _save(directory, Noted(hands, before.said, before.edited))
        return Notice((), undo, now, _LOOK_AGAIN)
    words = tuple(w for hand in uncommitted(hands, files.private) for w in hand.words)
    say = _by_hand_line([w for w in words if w not in before.said])
    say += tuple(_edited_line(path) for path in edited if path not in before.edited)
    _save(directory, Noted(hands, words, edited))
    return Notice(say, undo, now, manifests)


def edited_of(files: Files) -> tuple[str, ...]:
    """Name the place's files that are not as they were when the transaction began."""
    return tuple(path for path, sha in files.base.items() if sha_of(_content(path)) != sha)


def _by_hand_line(words: Sequence[str]) -> tuple[str, ...]:
    if not words:
        return ()
    return (f"by hand, uncommitted: {', '.join(words)} (`stead keep NAME` adopts one)",)


def _edited_line(path: str) -> str:
    return f"{path} was {done_to(path)} by hand, uncommitted"


def done_to(path: str) -> str:
    """Say what became of a file that is not as it was."""
    return "edited" if os.path.lexists(path) else "removed"


def uncommitted(hands: Iterable[Hand], private: Mapping[str, str]) -> tuple[Hand, ...]:
    """Give the changes by hand that the place does not know of.

    What its ``.env`` has and is secret, no shell is given: it is there by hand, and yet kept.
    """
    return tuple(
        hand
        for hand in hands
        if hand.words and (hand.value is None or private.get(hand.name) != hand.value)
    )


def hands_of(directory: str, environ: Mapping[str, str], separator: str = ":") -> tuple[Hand, ...]:
    """Give what was changed by hand and is uncommitted.

    In this very shell as it is now, else as it was noted last. What is staged by now
    counts, though the shell gets that at its next prompt.
    """
    hands, base = load(directory).hands, applied_in(directory)
    if base and environ.get(TRANSACTION) == directory:
        hands = _by_hand(base, environ, separator)
    if base and hands:
        hands, _ = on_top(hands, _once_applied(staged_changes(directory), base, environ))
    files = files_of(directory) if hands else None
    return uncommitted(hands, files.private if files else {})


def _once_applied(
    changes: Sequence[Change], base: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Give what the shell will export for the names that a prompt changes."""
    result = apply(changes, base)
    left = {*environ.get(APPLIED, "").split()}.difference(change.name for change in changes)
    for name in left - {PATH}:
        result.pop(name, None)
        if OLD + name in environ:
            result[name] = environ[OLD + name]
    return result


def _by_hand(
    base: Mapping[str, str], environ: Mapping[str, str], separator: str
) -> tuple[Hand, ...]:
    """Compare what is exported. What an environment keeps from its shell, a command may have again."""
    exports = {
        name: value
        for name, value in environ.items()
        if name in base or environ.get(OLD + name) != value
    }
    return by_hand(base, exports, separator)


def applied_in(directory: str) -> dict[str, str]:
    """Read what the shell exported after its environment was applied; empty before that."""
    try:
        with open(os.path.join(directory, NOTES, "base"), "rb") as file:
            return parse(file.read())
    except OSError:
        return {}


_HAND = "hand.json"


def load(directory: str) -> Noted:
    """Read what was noted of a session's shell; nothing where it cannot be read."""
    try:
        with open(os.path.join(directory, NOTES, _HAND), "rb") as file:
            data = json.loads(file.read().decode("utf-8", "surrogateescape"))
        hands = tuple(Hand(**hand) for hand in data["hands"])
        said, edited = tuple(data["said"]), tuple(data["edited"])
        return Noted(hands, said, edited, bool(data["elsewhere"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Noted()


def _save(directory: str, noted: Noted) -> None:
    text = json.dumps(asdict(noted), ensure_ascii=False, indent=1)
    path = os.path.join(directory, NOTES, _HAND)
    write_file(path, text.encode("utf-8", "surrogateescape"), 0o600)


def watched(directory: str, files: Iterable[str]) -> Manifests:
    """Make reference files for the files of a place as they are. Raises StoreError."""
    references = os.path.join(directory, NOTES, "refs")
    pairs: list[tuple[str, str]] = []
    absent: list[str] = []
    with storage(references):
        os.makedirs(references, mode=0o700, exist_ok=True)
        for path in files:
            try:
                mtime = os.stat(path).st_mtime_ns
            except (OSError, ValueError):
                absent.append(path)
                continue
            reference = os.path.join(references, f"{mtime:x}")
            with open(reference, "ab"):
                pass
            os.utime(reference, ns=(mtime, mtime))
            pairs.append((path, reference))
    return Manifests(tuple(pairs), tuple(absent))


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
