"""Which files of a project a build is made from, and what is in them.

With git, the tracked files and those that it does not ignore, its submodules' too;
without, all but what tools leave behind. A file is read again only when its size, its
times or its inode have changed since it was last read: what was read is kept at home,
for each place.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

from stead.matrix import repository
from stead.store.atomic import translate, write_file
from stead.store.hashing import hash_file
from stead.store.products import place_directory
from stead.values.digest import digest
from stead.values.errors import ManifestError, SteadError, StoreError
from stead.values.frozen import dataclass
from stead.values.origin import NOWHERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import stat_result

    from stead.matrix.repository import Repository
    from stead.values.context import Context
    from stead.values.origin import Origin

MEMORY = "sources.json"
WRITTEN = "written.json"
_FORMAT = 1
_SETTLED = 2.0
"""Seconds after which a file cannot be written to again without its time telling."""

_LEFT_BEHIND = frozenset(
    {
        "__pycache__", ".git", ".hg", ".svn", ".bzr", "CVS", ".jj", ".tox", ".nox", ".venv", ".stead",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs", ".pyre", ".pytype",
        ".cache", ".ipynb_checkpoints", ".coverage", "coverage.xml", "htmlcov", "node_modules",
        ".DS_Store",
    }
)  # fmt: skip
_DATA_OF_COVERAGE = ".coverage."
_OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
"""What only the top of an environment holds."""
_ENDINGS = (".pyc", ".pyo", ".egg-info", ".swp", "~")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".conda", ".tar.bz2", ".egg", ".exe")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a project. ``path`` is relative to its root, with ``/``.

    ``kind`` is ``f``, ``x`` for one that may be executed, and ``l`` for a link, whose
    ``content`` is where it leads; of a file it is the sha256. ``seen`` is what ``stat`` said.
    """

    path: str
    kind: str
    content: str
    tracked: bool = False
    seen: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """A project's files, sorted, as they were when it was looked at.

    ``repository`` is the git repository that they lie in, None without.
    """

    root: str
    files: tuple[SourceFile, ...]
    digest: str
    repository: Repository | None = None

    def content_of(self, path: str) -> str:
        """Give the sha256 of a file; empty where there is none."""
        for file in self.files:
            if file.path == path:
                return file.content
        return ""

    def changed(self) -> str:
        """Name a file that is not as it was any more; empty where all are."""
        for file in self.files:
            try:
                info = os.lstat(os.path.join(self.root, file.path))
            except OSError:
                return file.path
            if file.seen != _seen(info):
                return file.path
        return ""


def look(root: str, context: Context) -> Sources:
    """Look at the files of a project. Runs git once, where there is a repository.

    Raises SteadError for a file that cannot be read, StoreError where the directory cannot.
    """
    root = os.path.realpath(root)
    found = repository.find(root)
    listed = repository.files(root, context) if found else None
    if not listed:
        found, listed = None, dict.fromkeys(_walk(root, os.fspath(context.home)), False)
    else:
        listed = {path: tracked for path, tracked in listed.items() if tracked or _counts(path)}
        listed = dict(_without_environments(listed))
    listed = dict(_without_written(root, listed, context))
    memory = _Memory(context, root)
    files = tuple(_files(root, listed, memory))
    memory.save({file.path: file for file in files})
    return Sources(root, files, digest([[f.path, f.kind, f.content] for f in files]), found)


def wrote(paths: Iterable[str], root: str, context: Context) -> None:
    """Remember files that a run has written into a project itself, as they are now.

    No package is made from them, unless git tracks them or somebody changes them. A home
    that cannot be written to remembers nothing.
    """
    root = os.path.realpath(root)
    names = (os.path.relpath(os.path.realpath(path), root) for path in paths)
    inner = [n.replace(os.sep, "/") for n in names if n.partition(os.sep)[0] != os.pardir]
    held = _written(root, context)
    now = {n: [*seen] for n in {*held, *inner} if (seen := _there(root, n)) is not None}
    new = {n: now[n] if n in inner else held[n] for n in now}
    if new != held:
        with contextlib.suppress(StoreError):
            path = os.path.join(place_directory(context.home, root), WRITTEN)
            write_file(path, json.dumps(new).encode(), sync=False)


def further(patterns: Iterable[str], context: Context, where: Origin = NOWHERE) -> list[list[str]]:
    """Give path and sha256 of the files that absolute glob patterns name, sorted; directories whole.

    Raises ManifestError, at ``where``, for a pattern that names nothing.
    """
    import glob

    found: dict[str, str] = {}
    for pattern in patterns:
        paths = glob.glob(pattern, recursive=True)
        if not paths:
            raise ManifestError(
                f"there is no {pattern}, which a package says that its build reads",
                where=where,
                remedy="correct its name, or make it",
            )
        for path in paths:
            inner = [os.path.join(path, p) for p in _walk(path, os.fspath(context.home))]
            for file in inner if os.path.isdir(path) else [path]:
                found[file] = _hashed(file)
    return [[path, content] for path, content in sorted(found.items())]


# -- which files


def _walk(root: str, home: str) -> Iterator[str]:
    """List the files of a directory without what tools leave behind there."""
    pending = [""]
    while pending:
        inner = pending.pop()
        here = os.path.join(root, inner) if inner else root
        try:
            entries = sorted(os.scandir(here), key=lambda e: e.name)
        except NotADirectoryError:
            return
        except OSError as exc:
            if not inner:
                raise translate(exc, root) from exc
            raise _unreadable(here, exc) from exc
        if inner and any(_is_apart(e) for e in entries):
            continue
        for entry in entries:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if not _is_kept(entry.name) or entry.path == home:
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield path
            elif inner or not _is_output(entry.name, entry.path):
                pending.append(path)


def _counts(path: str) -> bool:
    """Say whether a file that git does not know is none that tools leave behind."""
    top, _, rest = path.partition("/")
    if top == "dist" and rest.endswith(_ARCHIVES):
        return False
    if top == "build" and rest and _is_built(rest.partition("/")[0]):
        return False
    return all(_is_kept(part) for part in path.split("/"))


def _is_built(name: str) -> bool:
    """Say whether this is how setuptools calls a directory in ``build``."""
    return name.partition(".")[0].partition("-")[0] in ("lib", "bdist", "temp")


def _is_kept(name: str) -> bool:
    return name not in _LEFT_BEHIND and not (
        name.endswith(_ENDINGS) or name.startswith(_DATA_OF_COVERAGE)
    )


def _is_apart(entry: os.DirEntry[str]) -> bool:
    """Say whether this says of its directory that it is none of the project's sources."""
    if entry.name != ".gitignore":
        return entry.name in _OF_ENVIRONMENTS
    try:
        with open(entry.path, "rb") as file:
            lines = [line.strip() for line in file.read(1000).splitlines()]
    except OSError:
        return False
    return [line for line in lines if line and not line.startswith(b"#")] == [b"*"]


def _is_output(name: str, path: str) -> bool:
    """Say whether a directory at the top of a project is what building it has left there."""
    if name not in ("build", "dist"):
        return False
    names = os.listdir(path)
    if name == "dist":
        return all(n.endswith(_ARCHIVES) for n in names)
    return any(map(_is_built, names))


def _without_written(
    root: str, listed: dict[str, bool], context: Context
) -> Iterator[tuple[str, bool]]:
    """Leave out what runs have written here, and nobody has changed since."""
    written = _written(root, context)
    for path, tracked in listed.items():
        if tracked or path not in written or written[path] != [*(_there(root, path) or ())]:
            yield path, tracked


def _written(root: str, context: Context) -> dict[str, list[int]]:
    try:
        with open(os.path.join(place_directory(context.home, root), WRITTEN), "rb") as file:
            held = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _there(root: str, path: str) -> tuple[int, ...] | None:
    try:
        return _seen(os.lstat(os.path.join(root, path)))
    except OSError:
        return None


def _without_environments(listed: dict[str, bool]) -> Iterator[tuple[str, bool]]:
    """Leave out virtual environments that git is not told to ignore."""
    heads = tuple(
        path.removesuffix(end)
        for path, tracked in listed.items()
        for end in ("pyvenv.cfg", "conda-meta/history")
        if not tracked and path.endswith(f"/{end}")
    )
    for path, tracked in listed.items():
        if tracked or not heads or not path.startswith(heads):
            yield path, tracked


# -- what is in them


def _files(root: str, listed: dict[str, bool], memory: _Memory) -> Iterator[SourceFile]:
    for path in sorted(listed):
        yield from _file(root, path, listed[path], memory)


def _file(root: str, path: str, tracked: bool, memory: _Memory) -> Iterator[SourceFile]:
    """Look at one entry; nothing for one that is gone, and for what is no file."""
    full = f"{root}{os.sep}{path}"
    try:
        info = os.lstat(full)
    except (FileNotFoundError, NotADirectoryError):
        return  # tracked, and deleted
    except OSError as exc:
        raise _unreadable(full, exc) from exc
    if stat.S_ISLNK(info.st_mode):
        yield from _link(root, path, tracked, memory)
    elif stat.S_ISREG(info.st_mode):
        seen = _seen(info)
        kind = "x" if info.st_mode & stat.S_IXUSR else "f"
        yield SourceFile(path, kind, memory.known(path, seen) or _hashed(full), tracked, seen)


def _link(root: str, path: str, tracked: bool, memory: _Memory) -> Iterator[SourceFile]:
    """A link that leads out of the project stands for what it leads to."""
    full = os.path.join(root, path)
    real = os.path.realpath(full)
    seen = _seen(os.lstat(full))
    if f"{real}{os.sep}".startswith(root + os.sep) or not os.path.exists(real):
        yield SourceFile(path, "l", os.readlink(full), tracked, seen)
    elif os.path.isdir(real):
        for inner in sorted(_walk(real, "")):
            yield from _file(root, f"{path}/{inner}", tracked, memory)
    elif os.path.isfile(real):
        yield SourceFile(path, "f", _hashed(full), tracked, seen)


def _hashed(path: str) -> str:
    try:
        return hash_file(path)
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _seen(info: stat_result) -> tuple[int, ...]:
    return (info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns)


def _unreadable(path: str, exc: OSError) -> SteadError:
    return SteadError(
        f"cannot be read: {exc.strerror or exc}",
        where=path,
        remedy="make it readable, or have git ignore it: a package is built from all files of the project",
    )


class _Memory:
    """What was in files when they were last read, with what ``stat`` said of them then."""

    def __init__(self, context: Context, root: str) -> None:
        self._path = os.path.join(place_directory(context.home, root), MEMORY)
        self._settled = int((context.now() - _SETTLED) * 1e9)
        self._held: dict[str, list[object]] = {}
        try:
            with open(self._path, "rb") as file:
                held = json.loads(file.read())
            if held["format"] == _FORMAT and isinstance(held["files"], dict):
                self._held = held["files"]
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def known(self, path: str, seen: tuple[int, ...]) -> str:
        held = self._held.get(path)
        if isinstance(held, list) and held[:-1] == [*seen] and isinstance(held[-1], str):
            return held[-1]
        return ""

    def save(self, files: dict[str, SourceFile]) -> None:
        """Keep what may be relied upon; a store that cannot be written to keeps nothing."""
        held: dict[str, list[object]] = {
            path: [*file.seen, file.content]
            for path, file in files.items()
            if file.kind != "l" and max(file.seen[1], file.seen[3]) < self._settled
        }
        if held == self._held:
            return
        try:
            text = json.dumps({"format": _FORMAT, "files": held})
            write_file(self._path, text.encode(), sync=False)  # lost, it is read again
        except StoreError:
            pass
