"""Records of places: what was computed for a place and environment, and from what.

A record lies below ``$STEAD_HOME/places/at``, under the place's own path
mirrored there, so that a shell finds it by walking up from the current
directory with nothing but tests of existence::

    places/at/home/ann/scans/.stead@/default/current -> 3
    places/at/home/ann/scans/.stead@/default/3/activation.json
                                               run.sh    where no Python is needed
                                               0, 1, …   references, see below
                                               d0, …     those of directories
                                               trusted   where the hook may use it

A record is written under a new number and then ``current`` is replaced: a
reader sees the old record or the new one. Each input has an empty reference
file with the same modification time, because a shell can compare two files but
not a file with a number.

Everything here is private to the user; nothing of it lies in the tree.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time

from stead.values.activation import Activation, Change
from stead.values.errors import StoreError
from stead.values.frozen import asdict, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

MARK = ".stead@"
"""The directory, in a mirrored place, that holds what belongs to the place itself."""

FORMAT = 1

_SETTLED = 600.0
"""Seconds after which a numbered directory that is not current belongs to no one any more."""


@dataclass(frozen=True, slots=True)
class Witness:
    """An input as it was: ``kind`` is ``f`` (file) or ``d``; a negative mtime is never fresh."""

    path: str
    kind: str
    mtime_ns: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """An activation with what shows whether it still holds."""

    activation: Activation
    witnesses: tuple[Witness, ...] = ()
    names: tuple[str, ...] = ()
    """Names that make a directory below the place a place of its own, shell patterns among them."""
    trusted: bool = False
    quiet: tuple[Witness, ...] = ()
    """Directories: while one is as it was, none of the names missing from it has appeared."""
    slow: str = ""
    """Why a run cannot start without Python; empty when it can."""
    program: str = ""
    """Identity of what rendered the record; another version renders it anew."""
    directory: str = field(default="", compare=False)
    """Absolute path of the numbered directory that this was read from."""


def default_home(environ: Mapping[str, str], sys_platform: str) -> str:
    """Give ``$STEAD_HOME``, or where it is when that is not set; absolute.

    macOS goes with Linux: its own directory has a space in the name, which the
    first line of a script cannot hold. The shell program knows the same rule.
    Raises StoreError where there is no home directory to put it in.
    """
    given = environ.get("STEAD_HOME")
    if given:
        return os.path.abspath(given)
    if sys_platform == "win32":
        local = environ.get("LOCALAPPDATA") or (
            environ["USERPROFILE"] + "\\AppData\\Local" if environ.get("USERPROFILE") else ""
        )
        if local:
            return local + "\\stead"
    else:
        data = environ.get("XDG_DATA_HOME", "")
        if data.startswith("/"):
            return f"{data}/stead"
        user = environ.get("HOME", "")
        if not user.startswith("/"):
            user = os.path.expanduser("~")
        if user.startswith("/"):
            return f"{user}/.local/share/stead"
    raise StoreError("there is no home directory", remedy="set STEAD_HOME to a directory")


def place_directory(home: str | os.PathLike[str], place: str) -> str:
    """Give the directory of what is kept for a place (absolute, normalised). Creates nothing.

    Raises StoreError for the one name that the mirror uses itself.
    """
    parts = [part for part in place.replace(os.sep, "/").split("/") if part]
    if MARK in parts:
        raise StoreError(
            f"a directory named {MARK} cannot hold a place", where=place, remedy="rename it"
        )
    if parts and parts[0].endswith(":"):
        parts[0] = parts[0][:-1]
    return os.path.join(os.fspath(home), "places", "at", *parts, MARK)


def environment_directory(home: str | os.PathLike[str], place: str, environment: str) -> str:
    return os.path.join(place_directory(home, place), environment)


def load(home: str | os.PathLike[str], place: str, environment: str) -> Record | None:
    """Read the record of a place and environment; None where there is none to read."""
    directory = environment_directory(home, place, environment)
    number = _current(directory)
    return read(os.path.join(directory, number)) if number else None


def read(directory: str) -> Record | None:
    """Read the record in a numbered directory; None where it is gone, or of another format."""
    try:
        with open(os.path.join(directory, "activation.json"), "rb") as file:
            data = json.loads(file.read().decode("utf-8", "surrogateescape"))
        if data.pop("format") != FORMAT:
            return None
        return Record(
            activation=_activation(data.pop("activation")),
            witnesses=tuple(Witness(**w) for w in data.pop("witnesses")),
            quiet=tuple(Witness(**w) for w in data.pop("quiet", ())),
            names=tuple(data.pop("names")),
            directory=directory,
            **data,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def fresh(record: Record) -> bool:
    """Say whether everything a record was computed from is as it was.

    The same question as the shells' own: each input has the same modification
    time, no name has appeared that would count, the build is there.
    """
    return stale(record) == ""


def stale(record: Record) -> str:
    """Name the first path for which a record no longer holds; empty when it does."""
    for witness in record.witnesses:
        try:
            found = os.stat(witness.path)
        except (OSError, ValueError):
            return witness.path
        kind = stat.S_ISDIR if witness.kind == "d" else stat.S_ISREG
        same = found.st_mtime_ns == witness.mtime_ns and kind(found.st_mode)
        if not same or (witness.kind == "f" and found.st_size != witness.size):
            return witness.path
    for path in record.activation.absent:
        if os.path.exists(path):
            return path
    for path in record.activation.requires:
        if not os.path.exists(path):
            return path
    return ""


def witness(path: str) -> Witness:
    """Look at an input. Raises OSError where it is not there."""
    found = os.stat(path)
    return Witness(
        path, "d" if stat.S_ISDIR(found.st_mode) else "f", found.st_mtime_ns, found.st_size
    )


def keep(
    home: str | os.PathLike[str], record: Record, render: Sequence[tuple[str, Any]] = ()
) -> Record:
    """Write a record and make it the current one; gives it with its directory.

    ``render`` are files that belong to it: pairs of a name and a function that
    takes the numbered directory's path and gives the text. Raises StoreError; the
    former record is the current one then.
    """
    activation = record.activation
    directory = environment_directory(home, activation.place, activation.environment)
    content = _dump(record)
    try:
        return _keep(os.fspath(home), directory, record, content, render)
    except OSError as exc:
        raise StoreError(
            f"the record of this place cannot be written: {exc.strerror or exc}",
            where=directory,
            remedy="free some space, or make the directory writable for your user",
        ) from exc


def _keep(
    home: str, directory: str, record: Record, content: bytes, render: Sequence[tuple[str, Any]]
) -> Record:
    make_private(home, directory)
    target = _numbered(directory)
    try:
        for name, seen in _references(record):
            if seen.mtime_ns >= 0:
                reference = os.path.join(target, name)
                _write(reference, b"")
                os.utime(reference, ns=(seen.mtime_ns, seen.mtime_ns))
        for name, text in render:
            _write(os.path.join(target, name), _bytes(text(target)), sync=True)
        if record.trusted:
            _write(os.path.join(target, "trusted"), b"")
        _write(os.path.join(target, "activation.json"), content, sync=True)
        _point(directory, os.path.basename(target))
    except BaseException:
        _remove(target)
        raise
    _sweep(directory)
    return _at(record, target)


def content(record: Record, name: str) -> str | None:
    """Read one of the files that belong to a record; None where it is not there."""
    try:
        with open(os.path.join(record.directory, name), "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def references_hold(record: Record) -> bool:
    """Say whether the reference files have the times they were given.

    They have not where the home's file system keeps times more coarsely than
    the tree's.
    """
    for name, seen in _references(record):
        try:
            found = os.stat(os.path.join(record.directory, name))
        except OSError:
            return False
        if found.st_mtime_ns != seen.mtime_ns:
            return False
    return True


def _references(record: Record) -> list[tuple[str, Witness]]:
    """Give the names of a record's reference files, each with what it stands for."""
    return [
        *((str(number), seen) for number, seen in enumerate(record.witnesses)),
        *((quiet_reference(number), seen) for number, seen in enumerate(record.quiet)),
    ]


def quiet_reference(number: int) -> str:
    """Name the reference file of a directory of :attr:`Record.quiet`."""
    return f"d{number}"


def forget(home: str | os.PathLike[str], place: str, environment: str) -> None:
    """Remove a record; nothing happens where there is none."""
    directory = environment_directory(home, place, environment)
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(directory, "current"))
    _remove(directory)


def records(home: str | os.PathLike[str]) -> Iterator[Record]:
    """Give every current record of a home: what collection takes for roots."""
    top = os.path.join(os.fspath(home), "places", "at")
    for parent, directories, _ in os.walk(top):
        if MARK not in directories:
            continue
        directories.remove(MARK)
        for environment in sorted(os.listdir(os.path.join(parent, MARK))):
            number = _current(os.path.join(parent, MARK, environment))
            found = number and read(os.path.join(parent, MARK, environment, number))
            if found:
                yield found


def _current(directory: str) -> str:
    """Give the number of the current record in an environment's directory."""
    pointer = os.path.join(directory, "current")
    try:
        number = os.readlink(pointer)
    except OSError:
        try:  # where links need a privilege, the pointer is a small file
            with open(pointer, encoding="ascii") as file:
                number = file.read().strip()
        except (OSError, ValueError):
            return ""
    return number if number.isdigit() else ""


def _point(directory: str, number: str) -> None:
    pointer = os.path.join(directory, "current")
    temporary = os.path.join(directory, f".current-{number}")
    if os.name == "nt":
        _write(temporary, number.encode())
    else:
        os.symlink(number, temporary)
    try:
        os.replace(temporary, pointer)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _numbered(directory: str) -> str:
    """Make a directory with a number that none had yet."""
    number = 1 + max((int(n) for n in os.listdir(directory) if n.isdigit()), default=0)
    while True:
        target = os.path.join(directory, str(number))
        try:
            os.mkdir(target, 0o700)
            return target
        except FileExistsError:
            number += 1


def _sweep(directory: str) -> None:
    """Remove former records that no reader and no writer can be busy with any more."""
    current = _current(directory)
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with contextlib.suppress(OSError):
            old = time.time() - os.stat(path).st_mtime > _SETTLED
            if name.isdigit() and name != current and old:
                _remove(path)


def _remove(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def make_private(home: str, directory: str) -> None:
    """Make a directory and its parents below ``home``, for the user alone."""
    os.makedirs(home, exist_ok=True)
    path = home
    for part in os.path.relpath(directory, home).split(os.sep):
        path = os.path.join(path, part)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)


def _write(path: str, content: bytes, *, sync: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(descriptor)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _at(record: Record, directory: str) -> Record:
    from stead.values.frozen import replace

    return replace(record, directory=directory)


def _dump(record: Record) -> bytes:
    data = asdict(record)
    del data["directory"]
    data["format"] = FORMAT
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _bytes(text)


def _activation(data: dict[str, Any]) -> Activation:
    lists: dict[str, Any] = {n: tuple(data.pop(n)) for n in ("requires", "inputs", "absent")}
    changes = tuple(Change(**c) for c in data.pop("changes"))
    tasks = data.pop("tasks")
    return Activation(changes=changes, tasks=tuple(map(_task, tasks)), **lists, **data)


def _task(data: dict[str, Any]) -> Any:
    from stead.values.manifest import Task, Variable
    from stead.values.origin import Origin

    names = ("command", "depends", "inputs", "outputs")
    lists: dict[str, Any] = {n: tuple(data.pop(n)) for n in names}
    variables = tuple(
        Variable(v["name"], v["value"], Origin(**v["origin"])) for v in data.pop("variables")
    )
    origin = Origin(**data.pop("origin"))
    listens = tuple(data.pop("listens", ()))
    return Task(variables=variables, origin=origin, listens=listens, **lists, **data)
