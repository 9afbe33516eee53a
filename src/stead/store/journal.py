"""Files that change together: all of them, or none, whatever happens in between.

Before the first file is touched, an intent with both contents of each is on the
disk. Whoever comes next finishes it, or forgets it where nothing had changed
yet. Each file by itself changes in one step, so a reader sees old or new.

A file that is neither as it was nor as it shall be has been edited by somebody
since: it is left alone, and named.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import os
import stat

from stead.store import locking
from stead.store.atomic import (
    side_by_side,
    stage,
    storage,
    sync_directory,
    temporary_name,
    translate,
    write_file,
)
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import dataclass
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TypeVar

    from stead.store.layout import Layout
    from stead.store.locking import Note

    T = TypeVar("T")

_END = ".intent"


@dataclass(frozen=True, slots=True)
class _Step:
    """One file: its contents before and after (None: no file), and where the new ones wait."""

    path: str
    old: bytes | None
    new: bytes | None
    temporary: str
    mode: int
    before: int
    """The mode of the old file."""

    def is_old(self, have: tuple[bytes | None, int]) -> bool:
        return have[0] == self.old and (self.mode == self.before or have[1] == self.before)

    def is_new(self, have: tuple[bytes | None, int]) -> bool:
        gone = self.new is None or self.mode == self.before
        return have[0] == self.new and (gone or have[1] == self.mode)


def replace_together(
    layout: Layout,
    contents: Mapping[str, bytes | None],
    reason: str,
    *,
    expect: Mapping[str, bytes | None] | None = None,
    modes: Mapping[str, int] | None = None,
    chmod: Mapping[str, int] | None = None,
    note: Note = lambda _: None,
) -> None:
    """Give files new contents, or remove them (None), all together; in this order.

    ``expect`` are contents as the caller read them: where one is different by
    now, StoreError is raised and nothing changes. Links are followed; an
    existing file keeps its mode and owner unless ``chmod`` has another one, a new one gets its
    own of ``modes``. Raises StoreError (a full disk, a directory without rights); then every
    file is as it was.
    """
    with _alone(layout, reason, note):
        _finish_all(layout)
        steps = []
        home = os.path.realpath(layout.home)
        for given, new in contents.items():
            path = os.path.realpath(given)
            old, mode = _read(path)
            if expect is not None and given in expect and expect[given] != old:
                raise StoreError(
                    "this file was changed by someone else meanwhile",
                    where=given,
                    remedy="nothing was written; run the command again",
                )
            if old is None and path.startswith(os.path.join(home, "")):
                mode = 0o600  # what lies at home is the user's own
            if old is None and modes:
                mode = modes.get(given, mode)
            before = mode
            if old is not None and new is not None and chmod:
                mode = chmod.get(given, mode)
            if old != new or mode != before:
                steps.append(_Step(path, old, new, temporary_name(path), mode, before))
        if not steps:
            return
        intent = layout.journal / f"{os.urandom(8).hex()}{_END}"
        made = _missing(steps)
        write_file(intent, _encode(steps, made, reason), 0o600)
        try:
            _apply(steps)
        except BaseException as exc:
            _undo(steps)
            _remove(made)
            _forget(intent)
            if isinstance(exc, OSError):
                staged = {s.temporary: s.path for s in steps}
                raise translate(exc, staged.get(exc.filename, steps[0].path)) from exc
            raise
        _forget(intent)


def _missing(steps: list[_Step]) -> list[str]:
    """List the directories that new files will need made, the outer ones first."""
    found: dict[str, None] = {}
    for step in steps:
        above = []
        parent = os.path.dirname(step.path)
        while step.new is not None and parent not in found and not os.path.isdir(parent):
            above.append(parent)
            parent = os.path.dirname(parent)
        found.update(dict.fromkeys(reversed(above)))
    return list(found)


def _remove(directories: list[str]) -> None:
    """Take away directories that were made for nothing; what others put in them stays."""
    for directory in reversed(directories):
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def _forget(intent: Path) -> None:
    """Remove an intent of which nothing is left to do; one that stays is removed by the next."""
    with contextlib.suppress(OSError):
        os.unlink(intent)


def recover(layout: Layout, note: Note = lambda _: None) -> list[str]:
    """Finish what a process that ended in the middle had begun; gives a line for each.

    To be called when a command that changes something starts; costs one listing
    of an empty directory when there is nothing to do. Raises StoreError when
    files cannot be written; then the intent stays for the next.
    """
    if not _entries(layout):
        return []
    with _alone(layout, "finishing what was interrupted", note):
        return _finish_all(layout)


def interrupted(layout: Layout) -> list[str]:
    """Give what was begun and not finished, in its own words; changes nothing."""
    found = []
    for name in _entries(layout):
        if name.endswith(_END):
            with contextlib.suppress(StoreError):  # finished meanwhile
                steps, _, reason = _decode(os.path.join(layout.journal, name))
                found.append(reason if steps is not None else "a change that cannot be read")
    return found


_TRIES = 400
"""On a busy machine a reader whom changes overtake time and again loses 20 times in a row."""


def read_steadily(
    layout: Layout, read: Callable[[], T], note: Note = lambda _: None, *, finish: bool = True
) -> T:
    """Give what ``read`` gives, read while no files were being changed together.

    What was interrupted is finished first (without ``finish``, for who only looks, left as it
    is), a change that is under way is waited for, and whatever one has come between is read
    again. An error of ``read`` leaves if the files were at rest. Raises StoreError as
    :func:`recover`.
    """
    for _ in range(_TRIES):
        if finish:
            for line in recover(layout, note):
                note(line)
        elif _entries(layout):
            _wait(layout, note)
        before = _stamp(layout)
        try:
            found = read()
        except SteadError:
            if _stamp(layout) == before:
                raise
            continue
        if _stamp(layout) == before:
            return found
    return read()  # somebody changes other files all the time


def _wait(layout: Layout, note: Note) -> None:
    """Let a change end that is under way; one whose process was killed stays."""
    with contextlib.suppress(StoreError):  # nobody has ever changed anything here
        lock = locking.acquire(layout.locks / "journal", shared=True, create=False, note=note)
        if lock is not None:
            lock.release()


def _stamp(layout: Layout) -> tuple[int, tuple[str, ...]]:
    """Give what is another after each change: an intent comes and goes in the directory."""
    try:
        return os.stat(layout.journal).st_mtime_ns, tuple(_entries(layout))
    except FileNotFoundError:
        return 0, ()


def _alone(
    layout: Layout, reason: str, note: Note
) -> contextlib.AbstractContextManager[locking.Lock]:
    return locking.exclusive(layout.locks / "journal", note=note, description=reason)


def _entries(layout: Layout) -> list[str]:
    try:
        return sorted(os.listdir(layout.journal))
    except FileNotFoundError:
        return []


def _apply(steps: list[_Step]) -> None:
    """Write everything beside its place first: what may fail for lack of space fails there."""
    new = [step for step in steps if step.new is not None]
    for parent in dict.fromkeys(os.path.dirname(step.path) for step in new):
        os.makedirs(parent, exist_ok=True)
    side_by_side(_stage, new)
    for step in steps:
        if _read(step.path)[0] != step.old:
            raise StoreError(
                "this file was changed by someone else meanwhile",
                where=step.path,
                remedy="nothing was written; run the command again",
            )
    for step in steps:
        if step.new is None:
            os.unlink(step.path)
        else:
            os.replace(step.temporary, step.path)
    _sync(steps)


def _stage(step: _Step) -> None:
    assert step.new is not None
    stage(step.path, step.new, step.mode, name=step.temporary)
    _keep_owner(step.path, step.temporary)


def _undo(steps: list[_Step]) -> None:
    """Bring files back to what they were. Raises StoreError; the intent must stay then."""
    for step in reversed(steps):
        if step.is_new(_read(step.path)):
            if step.old is None:
                with storage(step.path), contextlib.suppress(FileNotFoundError):
                    os.unlink(step.path)
            else:
                write_file(step.path, step.old, step.before)
        with contextlib.suppress(OSError):
            os.unlink(step.temporary)


def _finish_all(layout: Layout) -> list[str]:
    told = []
    for name in _entries(layout):
        path = os.path.join(layout.journal, name)
        # What does not end so was staged for an intent that was never complete.
        if name.endswith(_END):
            told += _finish(path)
        with storage(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return told


def _finish(intent: str) -> list[str]:
    steps, made, reason = _decode(intent)
    if steps is None:
        # Written whole before anything was touched: damage came from outside.
        aside = os.path.join(os.path.dirname(os.path.dirname(intent)), "scratch")
        kept = os.path.join(aside, os.path.basename(intent))
        with storage(aside):
            os.makedirs(aside, exist_ok=True)
            os.replace(intent, kept)
        return [f"a record of an interrupted change cannot be read; it is kept at {kept}"]
    now = [_read(step.path) for step in steps]
    begun = any(step.is_new(have) for have, step in zip(now, steps, strict=True))
    told = []
    if begun:
        for have, step in zip(now, steps, strict=True):
            if step.is_new(have):
                continue
            if not step.is_old(have):
                told.append(
                    f"{step.path} was edited since “{reason}” was interrupted; it stays as it is"
                )
            elif step.new is None:
                with storage(step.path):
                    os.unlink(step.path)
            else:
                write_file(step.path, step.new, step.mode)
        told.append(f"finished an interrupted change: {reason}")
    else:
        told.append(f"dropped an interrupted change that had not begun: {reason}")
    for step in steps:
        with contextlib.suppress(OSError):
            os.unlink(step.temporary)
    if not begun:
        _remove(made)
    _sync(steps)
    return told


def _read(path: str) -> tuple[bytes | None, int]:
    """Give a file's contents (None without one), and its mode or that of a new file."""
    with storage(path):
        try:
            with open(path, "rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                return file.read(), mode
        except (FileNotFoundError, NotADirectoryError):
            return None, 0o644


def _keep_owner(path: str, temporary: str) -> None:
    """Under sudo, a user's file stays the user's."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    try:
        owner = os.stat(path)
    except FileNotFoundError:
        owner = os.stat(os.path.dirname(path))
    with contextlib.suppress(OSError):
        os.chown(temporary, owner.st_uid, owner.st_gid)


def _sync(steps: list[_Step]) -> None:
    def sync(parent: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            sync_directory(parent)

    side_by_side(sync, sorted({os.path.dirname(step.path) for step in steps}))


def _text(data: bytes | None) -> str | None:
    return None if data is None else binascii.b2a_base64(data, newline=False).decode("ascii")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else binascii.a2b_base64(text, strict_mode=True)


def _encode(steps: list[_Step], made: list[str], reason: str) -> bytes:
    body = json.dumps(
        {
            "reason": reason,
            "made": made,
            "steps": [
                [s.path, _text(s.old), _text(s.new), s.temporary, s.mode, s.before] for s in steps
            ],
        }
    ).encode()
    return sha256(body).hexdigest().encode() + b"\n" + body


def _decode(intent: str) -> tuple[list[_Step] | None, list[str], str]:
    with storage(intent), open(intent, "rb") as file:
        digest, _, body = file.read().partition(b"\n")
    if sha256(body).hexdigest().encode() != digest:
        return None, [], ""
    value = json.loads(body)
    steps = [
        _Step(path, _bytes(old), _bytes(new), temporary, mode, *before or [mode])
        for path, old, new, temporary, mode, *before in value["steps"]
    ]
    return steps, list(value.get("made", ())), str(value["reason"])
