"""Trust: what the user has agreed to, kept by content.

A record belongs to one place, named by its resolved path, and lists every file
that took part with the sha256 of what it held. A place is trusted when each of
those files still holds that, and no other file takes part. Records live in the
user's scope alone: a file of a project is never asked whether it is trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

from stead.store.atomic import storage, write_file
from stead.values.digest import digest
from stead.values.errors import StoreError, TrustError
from stead.values.frozen import dataclass, field, replace
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

VERSION = 1
GONE = "gone"
"""Stands for the content of a file that is not there, or is no regular file."""


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """What was agreed to for one place.

    ``place`` is a resolved path; ``files`` maps paths relative to it (with ``/``)
    to sha256; ``snapshot`` is the meaning of it all, as JSON values, None where
    it was not taken; ``granted`` is in seconds since the epoch.
    """

    place: str
    files: Mapping[str, str]
    snapshot: Mapping[str, Any] | None = None
    granted: float = 0.0

    @property
    def digest(self) -> str:
        return digest(dict(self.files))


@dataclass(frozen=True, slots=True)
class Differences:
    """How the files of a place differ from its record; paths relative to the place."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(sorted((*self.added, *self.changed, *self.gone)))


def content_digests(files: Iterable[str], place: str) -> dict[str, str]:
    """Map each file, named relative to ``place`` with links resolved, to its sha256.

    A file that is not there or not regular counts as :data:`GONE`; a file that
    cannot be read raises TrustError: what cannot be read cannot be agreed to.
    """
    base = os.path.realpath(place)
    return {relative_name(f, base): file_digest(f) for f in files}


def participants_digest(files: Sequence[str], root: str) -> str:
    """Give one digest of files: their paths relative to ``root`` and what they hold.

    The order of ``files`` and doublets do not matter. Raises TrustError.
    """
    return digest(content_digests(files, root))


def relative_name(path: str, resolved_place: str) -> str:
    """Name a file relative to a place, the same through whatever link either was reached."""
    directory, name = os.path.split(path)
    real = os.path.join(os.path.realpath(directory), name)
    try:
        return os.path.relpath(real, resolved_place).replace(os.sep, "/")
    except ValueError:  # another drive
        return real.replace(os.sep, "/")


def file_digest(path: str) -> str:
    """Give the sha256 of a regular file (through links); GONE for what is none."""
    try:
        # Non-blocking, or a pipe planted under a manifest's name would hold us here.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return GONE
        try:
            import hashlib

            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            raise _unreadable(path, exc) from exc


def is_trusted(home: str | os.PathLike[str], place: str, participants: Sequence[str]) -> bool:
    """Say whether the user has agreed to just what these files hold now."""
    record = read(home, place)
    return record is not None and not differences(record, place, participants)


def differences(record: TrustRecord, place: str, participants: Sequence[str]) -> Differences:
    """Compare the files that take part now with those agreed to. Raises TrustError."""
    now = content_digests(participants, place)
    base = os.path.realpath(place)
    for name in record.files:
        if name not in now:
            now[name] = file_digest(_full(base, name))
    known = record.files
    there = {n for n, d in now.items() if d != GONE}
    before = {n for n, d in known.items() if d != GONE}
    return Differences(
        added=tuple(sorted(there - before)),
        changed=tuple(sorted(n for n in there & before if now[n] != known[n])),
        gone=tuple(sorted(before - there)),
    )


def read(home: str | os.PathLike[str], place: str) -> TrustRecord | None:
    """Give the record of a place; None without one, or when it is not one of ours."""
    resolved = os.path.realpath(place)
    record = _load(_path(home, resolved))
    # The file's name is a digest of the path; the path in it must agree all the same.
    return record if record is not None and record.place == resolved else None


def write(home: str | os.PathLike[str], record: TrustRecord) -> None:
    """Keep a record. Raises StoreError."""
    write_file(_path(home, record.place), _encoded(record), 0o600)


def exchange(home: str | os.PathLike[str], old: TrustRecord, new: TrustRecord) -> None:
    """Keep ``new`` where ``old`` is still what is kept; what an edit has put there stays.

    Raises StoreError.
    """
    from pathlib import Path

    from stead.store.journal import replace_together
    from stead.store.layout import Layout

    path = _path(home, old.place)
    held = None
    with contextlib.suppress(FileNotFoundError), storage(path), open(path, "rb") as file:
        held = file.read()
    if _load(path) != old:
        return
    try:
        replace_together(
            Layout(Path(home)), {path: _encoded(new)}, "note what is trusted", expect={path: held}
        )
    except StoreError as exc:
        if exc.where not in (path, os.path.realpath(path)):
            raise


def _encoded(record: TrustRecord) -> bytes:
    text = json.dumps(
        {
            "version": VERSION,
            "place": record.place,
            "granted": record.granted,
            "files": dict(sorted(record.files.items())),
            "snapshot": record.snapshot,
        },
        indent=1,
        ensure_ascii=False,
    )
    return text.encode("utf-8", "surrogateescape")


def revoke(home: str | os.PathLike[str], place: str) -> bool:
    """Forget a place; says whether there was something to forget."""
    path = _path(home, os.path.realpath(place))
    with storage(path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
    return True


def records(home: str | os.PathLike[str]) -> tuple[TrustRecord, ...]:
    """List every record, by place."""
    directory = _directory(home)
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ()
    found = (_load(os.path.join(directory, n)) for n in names if n.endswith(".json"))
    return tuple(sorted((r for r in found if r is not None), key=lambda r: r.place))


def carried_over(
    home: str | os.PathLike[str], edits: Mapping[str, tuple[bytes | None, bytes | None]]
) -> dict[str, bytes]:
    """Give the records as they are after an edit that Stead itself makes for the user.

    ``edits`` maps absolute paths to the content before and after, None where
    there was or is no file. A record follows only where it had agreed to the
    content before; what somebody else changed meanwhile stays untrusted. What is
    given (path → content) is to be written together with the edit.
    """
    found = {}
    for record in records(home):
        named = {p: relative_name(p, record.place) for p in edits}
        files = dict(record.files)
        for path, (before, after) in edits.items():
            name = named[path]
            if files.get(name, GONE) != _sha(before):
                continue
            if name not in files and not is_within(record.place, os.path.dirname(path)):
                continue
            if after is None:
                files.pop(name, None)
            else:
                files[name] = _sha(after)
        if files == dict(record.files):
            continue
        others = {n: d for n, d in record.files.items() if n not in named.values()}
        if any(file_digest(_full(record.place, n)) != d for n, d in others.items()):
            continue  # the edit was made for something else than what was agreed to
        # The meaning is taken anew when the place is next looked at.
        changed = replace(record, files=files, snapshot=None)
        found[_path(home, record.place)] = _encoded(changed)
    return found


def is_within(path: str, prefix: str) -> bool:
    """Say whether a path is a directory or below it, by component, links resolved."""
    inner, outer = os.path.realpath(path), os.path.realpath(prefix)
    if inner == outer:
        return True
    return inner.startswith(outer if outer.endswith(os.sep) else outer + os.sep)


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """The ``[trust]`` table of the user's own configuration."""

    paths: tuple[str, ...] = field(default=())
    """Directories below which every place is trusted, whatever it holds."""

    def admits(self, place: str) -> bool:
        return any(is_within(place, p) for p in self.paths)


def settings_file(environ: Mapping[str, str]) -> str:
    """Give the path of the user's configuration: the only place for trust settings.

    Registries that a person knows stand there too.
    """
    base = environ.get("XDG_CONFIG_HOME") or ""
    if not os.path.isabs(base):  # the base directory rules say to ignore a relative one
        home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
        base = os.path.join(home, ".config")
    return os.path.join(base, "stead", "config.toml")


def own_settings(path: str) -> bytes | None:
    """Read the user's configuration; None without one, and for one that is somebody else's.

    Raises TrustError.
    """
    try:
        with open(path, "rb") as file:
            return file.read() if _ours(os.fstat(file.fileno())) else None
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def read_settings(environ: Mapping[str, str]) -> TrustSettings:
    """Read the user's trust settings; the empty ones without a file.

    A file that belongs to somebody else does not count. Raises TrustError for
    one that cannot be understood.
    """
    path = settings_file(environ)
    text = own_settings(path)
    if text is None:
        return TrustSettings()
    import tomllib

    try:
        table = tomllib.loads(text.decode("utf-8-sig")).get("trust", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise TrustError(
            f"the file is not TOML: {exc}", where=path, remedy="correct the file, or remove it"
        ) from exc
    paths = table.get("paths", []) if isinstance(table, dict) else None
    if not isinstance(paths, list) or not all(isinstance(p, str) for p in paths):
        raise TrustError(
            "trust.paths must be a list of directories",
            where=path,
            remedy='write `[trust]` and `paths = ["/home/me/src"]`',
        )
    user = environ.get("HOME") or os.path.expanduser("~")
    absolute = [user + p[1:] if p == "~" or p.startswith("~/") else p for p in paths]
    for written, full in zip(paths, absolute, strict=True):
        if not os.path.isabs(full):
            raise TrustError(
                f"trust.paths holds {written!r}, which depends on where one stands",
                where=path,
                remedy="write an absolute path, or one that begins with ~/",
            )
    return TrustSettings(tuple(absolute))


def record_file(home: str | os.PathLike[str], place: str) -> str:
    """Give the path of a place's record, whether there is one or not."""
    return _path(home, os.path.realpath(place))


def _directory(home: str | os.PathLike[str]) -> str:
    return os.path.join(os.fspath(home), "trust")


def _path(home: str | os.PathLike[str], resolved: str) -> str:
    name = sha256(os.fsencode(resolved)).hexdigest()[:32]
    return os.path.join(_directory(home), f"{name}.json")


def _load(path: str) -> TrustRecord | None:
    """Read one record. A damaged or foreign one is none: then the user is asked again."""
    try:
        with open(path, "rb") as file:
            if not _ours(os.fstat(file.fileno())):
                return None
            data = json.loads(file.read().decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        return None
    place, files, snapshot = data.get("place"), data.get("files"), data.get("snapshot")
    granted = data.get("granted", 0)
    if (
        not isinstance(place, str)
        or not isinstance(files, dict)
        or not all(isinstance(v, str) for v in files.values())
        or not isinstance(snapshot, dict | None)
        or not isinstance(granted, int | float)
    ):
        return None
    return TrustRecord(place, files, snapshot, float(granted))


def _ours(found: os.stat_result) -> bool:
    """Say whether a file is the user's (or root's) and nobody else may write it."""
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & stat.S_IWOTH


def _full(resolved_place: str, name: str) -> str:
    return os.path.normpath(os.path.join(resolved_place, *name.split("/")))


def _sha(content: bytes | None) -> str:
    return GONE if content is None else sha256(content).hexdigest()


def _unreadable(path: str, exc: OSError) -> TrustError:
    return TrustError(
        f"cannot be read: {exc.strerror or exc}",
        where=path,
        remedy="make it readable for your user",
    )
