"""Rendered files: kept with the records of a place, reached by a link where they are asked for.

A file lies at ``places/at/<place>/.stead@/<environment>/files/<relative path>``;
in the tree there is only a link to it, so that another environment needs no
more than another link. Beside the environments of a place stand what was made
in its tree, ``.files.json``, and the lock of that.

Nothing is put over a file that Stead did not make. What Stead made is told by
where a link leads; where links cannot be made, a copy is known by its digest.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Literal

from stead.store._links import (
    FILES,
    digest,
    digest_of,
    directories_made,
    disown,
    is_own,
    known_files,
    make_private,
    marker,
    noting,
    put,
    take_away,
)
from stead.store.atomic import inside, storage, write_file
from stead.store.places import environment_directory, place_directory
from stead.values.errors import ManifestError, StoreError
from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    Note = Callable[[str], None]


ASIDE = "edited@"
"""Beside the environments of a place: what somebody made of its rendered files by hand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it is to be. ``path`` is relative to ``root``, with ``/``."""

    path: str
    content: str
    root: str
    """Absolute directory that the file must lie in: where its manifest stands."""
    private: bool = False
    """Whether it holds what others must not read: mode 0600, and no copy of theirs will do."""
    origin: Origin = field(default=NOWHERE, compare=False)

    @property
    def data(self) -> bytes:
        return self.content.encode("utf-8", "surrogateescape")

    @property
    def mode(self) -> int:
        return 0o600 if self.private else 0o644


@dataclass(frozen=True, slots=True)
class Stale:
    """A file that is not as it would be rendered; ``why`` in words, without its content."""

    path: str
    why: str
    where: Origin = field(default=NOWHERE, compare=False)


def place_files(
    home: str | os.PathLike[str],
    place: str,
    environment: str,
    files: Sequence[Wanted],
    *,
    note: Note,
    links: bool = True,
    lasting: bool = True,
) -> tuple[str, ...]:
    """Bring files to where they are asked for; gives the absolute paths that changed.

    Files that this environment asked for earlier and no longer does are taken
    away, with the directories made for them. ``note`` hears whom one waits for;
    without ``links``, or where none can be made, files are copied. Without
    ``lasting`` they are for one command, which was told of other values: the next
    one has to place its own (:func:`required`).

    Raises ManifestError, before anything is changed, for paths that lead out of
    their ``root`` or where something stands that Stead did not make, all at once;
    StoreError where the tree or the home cannot be written.
    """
    home = os.fspath(home)
    known = known_files(home, place)
    refuse(files, known)
    asked = {target(file): file for file in files}
    gone = [p for p, n in known.items() if n["environment"] == environment and p not in asked]
    noted = not asked or os.path.exists(marker(home, place, environment)) == lasting
    placed = all(_is_placed(home, place, environment, p, f) for p, f in asked.items())
    placed = placed and not any(_misnoted(known.get(p), f) for p, f in asked.items())
    if placed and noted and not gone:
        return ()
    with noting(home, place, note) as known:
        refuse(files, known)
        changed = []
        for path in [p for p, n in known.items() if n["environment"] == environment]:
            if path not in asked:
                _save_edit(home, place, path, known, note)
                take_away(path, known)
                _forget_content(home, place, environment, path)
                changed.append(path)
        for path, file in asked.items():
            if _is_placed(home, place, environment, path, file):
                if _misnoted(known.get(path), file):
                    known[path]["content"] = digest(file.data)
                continue
            kept = _kept(home, place, environment, path)
            _save_edit(home, place, path, known, note)
            _keep(home, kept, file)
            disown(home, place, path, known, environment)
            made = put(path, kept, file.data, file.mode, links=links)
            known[path] = {
                "environment": environment,
                **made,
                "content": digest(file.data),
                "made": directories_made(known, path, made),
            }
            changed.append(path)
        if asked and lasting:
            make_private(home, environment_directory(home, place, environment))
            write_file(marker(home, place, environment), b"", 0o600)
        elif asked:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker(home, place, environment))
    return tuple(changed)


def required(
    home: str | os.PathLike[str], place: str, environment: str, files: Iterable[str]
) -> tuple[str, ...]:
    """Give the paths that must exist for placed files to be this environment's; looks at nothing.

    ``files`` are the absolute paths where they are asked for. Where one of these is
    missing, they must be placed anew: somebody removed one, or another environment
    put its own there.
    """
    asked = tuple(files)
    return (marker(os.fspath(home), place, environment), *asked) if asked else ()


def unlink_missing(
    home: str | os.PathLike[str],
    place: str,
    environment: str,
    asked: Collection[str],
    *,
    note: Note,
) -> tuple[str, ...]:
    """Take away what was made for an environment and is not among ``asked`` (absolute paths)."""
    home = os.fspath(home)
    gone = [
        p
        for p, n in known_files(home, place).items()
        if n["environment"] == environment and p not in asked
    ]
    if not gone:
        return ()
    with noting(home, place, note) as known:
        for path in gone:
            take_away(path, known)
            _forget_content(home, place, environment, path)
    return tuple(gone)


def edited(
    home: str | os.PathLike[str], place: str, environment: str
) -> tuple[tuple[str, Literal["changed", "removed"]], ...]:
    """Give the absolute paths of an environment's files that are not as they were placed, sorted.

    Nothing is rendered: what was placed is known by its digest.
    """
    found: list[tuple[str, Literal["changed", "removed"]]] = []
    for path, noted in sorted(known_files(os.fspath(home), place).items()):
        if noted["environment"] != environment:
            continue
        if not os.path.exists(path):
            found.append((path, "removed"))
        elif _was_edited(path, noted):
            found.append((path, "changed"))
    return tuple(found)


def set_aside(home: str | os.PathLike[str], place: str, path: str) -> str:
    """Keep a copy of what stands at ``path`` with the place's records; gives where.

    Raises StoreError.
    """
    home = os.fspath(home)
    directory = os.path.join(place_directory(home, place), ASIDE)
    make_private(home, directory)
    number = 1 + max((int(n) for n in os.listdir(directory) if n.isdigit()), default=0)
    target = os.path.join(directory, str(number), os.path.basename(path))
    with storage(path), open(path, "rb") as file:
        data = file.read()
    make_private(home, os.path.dirname(target))
    write_file(target, data, 0o600)
    return target


def _was_edited(path: str, noted: dict[str, Any]) -> bool:
    """Say whether what stands at ``path`` is another content than what was placed there."""
    content = noted.get("content")
    return bool(content) and os.path.exists(path) and digest_of(path) != content


def _misnoted(noted: dict[str, Any] | None, file: Wanted) -> bool:
    """Say whether somebody wrote into a file by hand what is now to be in it."""
    return noted is not None and noted.get("content") != digest(file.data)


def _save_edit(home: str, place: str, path: str, known: dict[str, Any], note: Note) -> None:
    """Keep what somebody wrote through a link, which is about to be gone."""
    noted = known.get(path, {})
    if _was_edited(path, noted) and is_own(path, noted):
        kept = set_aside(home, place, path)
        note(f"{os.path.relpath(path, place)} was edited by hand: that is kept as {kept}")


def stale(files: Iterable[Wanted]) -> tuple[Stale, ...]:
    """Compare files with what is there; gives those that differ, or are missing.

    Whoever wrote what is there: a rendered file may be kept with the sources.
    """
    found = []
    for file in files:
        path = target(file)
        try:
            with open(path, "rb") as there:
                data = there.read()
        except (FileNotFoundError, NotADirectoryError):
            found.append(Stale(path, "is not there", file.origin))
            continue
        except OSError as exc:
            found.append(Stale(path, f"cannot be read: {exc.strerror or exc}", file.origin))
            continue
        if data != file.data:
            found.append(Stale(path, f"differs from line {_differs(data, file.data)}", file.origin))
        elif file.private and os.name != "nt" and os.stat(path).st_mode & 0o077:
            found.append(Stale(path, "can be read by others", file.origin))
    return tuple(found)


def target(file: Wanted) -> str:
    """Give the absolute path where a file is asked for. Raises ManifestError."""
    where = file.origin if file.origin.file else None
    try:
        path = os.fspath(inside(file.root, file.path))
    except StoreError as exc:
        raise ManifestError(
            f"a rendered file cannot lie at {file.path!r}: that leads out of {file.root}",
            where=where,
            remedy="name a path inside the manifest's directory",
        ) from exc
    parts = [part.lower() for part in path[len(file.root) :].split(os.sep) if part]
    reason, remedy = "", "name another path"
    if ".git" in parts:
        reason = "that belongs to git"
    elif ".stead" in parts:
        reason = "that belongs to Stead"
    elif parts == [".env"]:
        reason = "Stead reads private values there"
        remedy = "name another path, such as conf/app.env"
    if reason:
        raise ManifestError(
            f"a rendered file cannot lie at {file.path!r}: {reason}", where=where, remedy=remedy
        )
    return path


TAKEN = "move it away, or let the manifest ask for another path"
"""What to do about a file in the way."""


def taken(files: Iterable[Wanted], known: dict[str, Any]) -> tuple[tuple[Wanted, str, str], ...]:
    """Find the files that cannot be where they are asked for: each with why, and a remedy.

    ``known`` is what was made in the tree. The remedy is empty where :data:`TAKEN` fits.
    """
    wrong: list[tuple[Wanted, str, str]] = []
    seen: dict[str, Wanted] = {}
    for file in files:
        try:
            path = target(file)
        except ManifestError as exc:
            wrong.append((file, exc.message, exc.remedy))
            continue
        if blocking := _file_above(path, file.root):
            said = os.path.relpath(blocking, file.root)
            wrong.append((file, f"{file.path} needs a directory {said}, and that is a file", ""))
            continue
        other = seen.setdefault(path, file)
        if other is not file:
            wrong.append((file, f"{file.path} is asked for twice, also at {other.origin}", ""))
        elif os.path.lexists(path) and not is_own(path, known.get(path, {})):
            if not file.private and digest_of(path) == digest(file.data):
                continue
            wrong.append((file, f"{file.path} is {_what(path, known)}", ""))
    return tuple(wrong)


def refuse(files: Iterable[Wanted], known: dict[str, Any]) -> None:
    """Raise ManifestError if a file cannot be where it is asked for, naming every one."""
    wrong = taken(files, known)
    if not wrong:
        return
    first, said, remedy = wrong[0]
    where = first.origin if first.origin.file else None
    if len(wrong) == 1:
        raise ManifestError(said, where=where, remedy=remedy or TAKEN)
    raise ManifestError(
        f"{len(wrong)} rendered files cannot be put where they are asked for",
        where=where,
        details=[f"{file.origin}: {text}" for file, text, _ in wrong],
        remedy=TAKEN,
    )


def _file_above(path: str, root: str) -> str:
    """Give what stands where a directory is needed on the way to ``path``; else nothing."""
    above = os.path.dirname(path)
    while len(above) > len(root):
        if os.path.lexists(above):
            return "" if os.path.isdir(above) else above
        above = os.path.dirname(above)
    return ""


def _what(path: str, known: dict[str, Any]) -> str:
    if os.path.islink(path):
        return f"a link that Stead did not make (it leads to {os.readlink(path)})"
    if os.path.isdir(path):
        return "a directory"
    if known.get(path, {}).get("digest"):
        return "changed since Stead wrote it"
    return "a file that Stead did not make"


def _kept(home: str, place: str, environment: str, path: str) -> str:
    """Give where the content of a file is kept, under its path from the place."""
    relative = os.path.relpath(path, place)
    parts = ["up" if part == os.pardir else part for part in relative.split(os.sep)]
    return os.path.join(environment_directory(home, place, environment), FILES, *parts)


def _keep(home: str, kept: str, file: Wanted) -> None:
    if _same(kept, file):
        return
    make_private(home, os.path.dirname(kept))
    write_file(kept, file.data, file.mode)


def _same(kept: str, file: Wanted) -> bool:
    try:
        mode = os.stat(kept).st_mode & 0o777
        with open(kept, "rb") as there:
            return there.read() == file.data and (mode == file.mode or os.name == "nt")
    except OSError:
        return False


def _is_placed(home: str, place: str, environment: str, path: str, file: Wanted) -> bool:
    """Say whether a file is as it must be, or equals one that somebody keeps there."""
    kept = _kept(home, place, environment, path)
    leads = None
    with contextlib.suppress(OSError):
        leads = os.readlink(path)
    if leads == kept:
        return _same(kept, file)
    if leads is not None and is_own(path, {}):
        return False
    return not file.private and digest_of(path) == digest(file.data)


def _forget_content(home: str, place: str, environment: str, path: str) -> None:
    kept = _kept(home, place, environment, path)
    top = os.path.join(environment_directory(home, place, environment), FILES)
    with contextlib.suppress(OSError):
        os.unlink(kept)
        while (kept := os.path.dirname(kept)) != top:
            os.rmdir(kept)


def _differs(there: bytes, wanted: bytes) -> int:
    lines, others = there.splitlines(), wanted.splitlines()
    pairs = enumerate(zip(lines, others, strict=False), 1)
    return next((n for n, (a, b) in pairs if a != b), min(len(lines), len(others)) + 1)
