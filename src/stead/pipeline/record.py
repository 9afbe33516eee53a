"""Keeping an activation so that the next process needs no Python to have it."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from stead import __version__
from stead.shells import posix
from stead.shells.quote import why_not_name
from stead.store import places
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from stead.store.places import Record, Witness
    from stead.values.activation import Activation

FINE = 0.02
"""Seconds within which two changes of a file may bear the same time on Linux: two timer ticks."""

WORTH = 4
"""Names in a directory from which on comparing its time is cheaper than asking for each."""

COARSE = 2.0
"""The same where a shell, or a file system, counts seconds."""


def granularity(sys_platform: str, *, nanoseconds: bool) -> float:
    """Give the time within which two changes of a file may look like one, in seconds.

    ``nanoseconds``: whether the machine's ``sh`` compares files to that precision.
    """
    return FINE if sys_platform.startswith("linux") and nanoseconds else COARSE


def record(
    home: str | os.PathLike[str],
    activation: Activation,
    *,
    names: Sequence[str] = (),
    now: float,
    started: float | None = None,
    written: Collection[str] = (),
    trusted: bool = False,
    files: Mapping[str, Callable[[str], str]] | None = None,
    quiet: tuple[Witness, ...] = (),
    anew: bool = False,
    sys_platform: str = sys.platform,
) -> Record:
    """Write the record of an activation's place and environment, if it is not there already.

    ``anew`` writes it in any case: shells then apply it again.

    ``names`` are the files that make a directory below the place one of its own.
    ``started`` is when the caller began to read the inputs (default: ``now``); an
    input that changed since, or so shortly before that the clock cannot tell, may
    be another than the one that was read and is never taken for fresh, except
    those ``written`` by the caller itself. ``files`` are further files of the
    record: name → function of the record's directory; ``quiet`` are the
    directories that they look at in place of the names in them. Raises StoreError.
    """
    tick = granularity(sys_platform, nanoseconds=_sh_compares_nanoseconds(os.fspath(home)))
    witnesses = tuple(
        _witness(path, (now if path in written else min(now, started or now)) - tick)
        for path in dict.fromkeys(activation.inputs)
    )
    wanted = places.Record(
        activation,
        witnesses,
        names=tuple(names),
        trusted=trusted,
        quiet=quiet,
        slow=_why_slow(activation, witnesses, sys_platform),
        program=__version__,
    )
    render = dict(files or {})
    if not wanted.slow:
        render["run.sh"] = lambda directory: _run_script(wanted, directory)
    held = places.load(home, activation.place, activation.environment)
    if held == wanted and _complete(held, render) and not anew:
        return held
    kept = places.keep(home, wanted, tuple(render.items()))
    if not wanted.slow and not places.references_hold(kept):
        from stead.values.frozen import replace

        slow = "the file system of STEAD_HOME keeps times more coarsely than the tree's"
        del render["run.sh"]
        return places.keep(home, replace(wanted, slow=slow), tuple(render.items()))
    return kept


def quiet_directories(
    activation: Activation,
    home: str | os.PathLike[str],
    *,
    written: Collection[str] = (),
    clock: Callable[[], float],
    sys_platform: str = sys.platform,
) -> tuple[Witness, ...]:
    """Give the directories whose own time tells that no name has appeared in them.

    A new entry changes it. Left out are directories that changed so shortly ago
    that the next change could bear the same time, and those with a time in whole
    seconds: archives and reproducible builds set such times, also a second time.
    For a directory that changed because this command has ``written`` to it, the
    clock's tick is waited for.
    """
    tick = granularity(sys_platform, nanoseconds=_sh_compares_nanoseconds(os.fspath(home)))
    absent: dict[str, list[str]] = {}
    for path in activation.absent:
        absent.setdefault(os.path.dirname(path), []).append(path)
    ours = {os.path.dirname(path) for path in written}
    found = []
    for directory, paths in absent.items():
        if len(paths) < WORTH:
            continue
        try:
            seen = places.witness(directory)
            age = clock() - seen.mtime_ns / 1e9
            if 0 <= age <= tick <= FINE and directory in ours:
                time.sleep(tick - age + 0.001)
                age = clock() - seen.mtime_ns / 1e9
        except OSError:
            continue
        settled = seen.kind == "d" and seen.mtime_ns % 10**9 and age > tick
        # Looked at after the time was read. A dangling link comes to life elsewhere.
        if settled and not any(map(os.path.lexists, paths)):
            found.append(seen)
    return tuple(found)


def references(record: Record, directory: str) -> list[tuple[str, str, str]]:
    """Give (kind, input, reference file) for each input; what freshness is tested with."""
    return [
        (w.kind, w.path, os.path.join(directory, str(number)))
        for number, w in enumerate(record.witnesses)
    ]


def _run_script(record: Record, directory: str) -> str:
    return posix.run_script(
        record.activation,
        references=references(record, directory),
        guard=os.path.join(directory, "activation.json"),
        names=record.names,
    )


def _complete(held: Record, render: Mapping[str, Callable[[str], str]]) -> bool:
    """Say whether a record's files are all there, and as they were written."""
    for name, text in render.items():
        if places.content(held, name) != text(held.directory):
            return False
    return bool(held.slow) or places.references_hold(held)


def _witness(path: str, settled: float) -> Witness:
    """Look at an input; one that changed after ``settled`` (epoch seconds) is never fresh."""
    try:
        seen = places.witness(path)
        found = os.stat(path)
    except OSError:
        return places.Witness(path, "f", -1)
    if max(found.st_mtime, found.st_ctime) > settled:
        return places.Witness(path, seen.kind, -1, seen.size)
    return seen


def _why_slow(activation: Activation, witnesses: Sequence[Witness], sys_platform: str) -> str:
    if sys_platform == "win32":
        return "there is no sh on Windows"
    if activation.needs_python:
        return activation.needs_python
    for witness in witnesses:
        if witness.mtime_ns < 0:
            return f"{witness.path} has only just changed"
    for path in activation.absent:
        if os.path.exists(path):
            return f"{path} has only just appeared"
    for change in activation.changes:
        why = why_not_name("posix", change.name)
        if why:
            return why
        if change.kind in ("prepend", "append") and len(change.separator) != 1:
            return f"{change.separator!r} separates the entries of {change.name}"
    try:
        posix.render(activation)
    except SteadError as exc:
        return exc.message
    return ""


def _sh_compares_nanoseconds(home: str) -> bool:
    """Try whether ``sh`` tells two files apart that differ by less than a second.

    The answer is kept for as long as ``/bin/sh`` is the same program.
    """
    try:
        real = os.path.realpath("/bin/sh")
        found = os.stat(real)
    except OSError:
        return False
    mark = os.path.join(
        home, f".sh-{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    )
    for answer in (True, False):
        if os.path.exists(f"{mark}-{answer:d}"):
            return answer
    pair = [f"{mark}-{os.getpid()}-{n}" for n in (0, 1)]
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
        for number, path in enumerate(pair):
            with open(path, "wb"):
                pass
            os.utime(path, ns=(10**18 + number * 10**6,) * 2)
        test = ["sh", "-c", '[ "$2" -nt "$1" ] && ! [ "$1" -nt "$2" ]', "sh", *pair]
        answer = os.spawnv(os.P_WAIT, "/bin/sh", test) == 0
        os.replace(pair[0], f"{mark}-{answer:d}")
        os.unlink(pair[1])
    except OSError:
        return False
    return answer
