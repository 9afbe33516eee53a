"""What packages would put where, read from their file lists, and whether that can be allowed.

Nothing is linked before every package passed: names stay inside the prefix, no
link leads out of it, and no two packages bring different files of one name. A
tree is given up when a file that it was linked from is not as long as listed.
"""

from __future__ import annotations

import json
import os
import posixpath
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.values.errors import ArtifactError, CollisionError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stead.values.platform import Platform

_REMEDY = "the archive is damaged or means harm: take another build of it, or another channel"


class Placed(NamedTuple):
    """One file as it would lie in the prefix. ``target`` is where a symbolic link leads.

    A tuple, because there are thousands of these.
    """

    path: str
    sha256: str = ""
    target: str | None = None
    size: int = -1
    source: str = ""
    """Where it lies in the package, relative; empty for a generated one."""
    entry: Mapping[str, Any] | None = None
    """What the package's file list says of it, as it stands there."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All files of one package. ``directory`` is its place in the cache."""

    package: str
    directory: str
    files: tuple[Placed, ...]
    scripts: tuple[str, ...] = ()
    """Link scripts it brings (``post-link``…)."""
    entry_points: tuple[str, ...] = ()
    """The programs to be generated, as ``name = module:function``."""
    pure: bool = False
    """Whether it is made for every Python, whose place its files then go to."""
    usual: bool = False
    """Whether its list has the version of today, and its two descriptions agree."""


class DamagedError(ArtifactError):
    """A package in the cache lacks files, or has cut ones."""


def read_contents(package: str, directory: str, site_packages: str, platform: Platform) -> Contents:
    """Read the file list of an unpacked package.

    ``site_packages`` is where pure Python packages go in this prefix. Raises
    DamagedError when it cannot be read.
    """
    programs = "Scripts" if platform.is_windows else "bin"
    entry_points = _entry_points(directory)
    called_pure = _is_pure(directory)
    pure = called_pure or entry_points is not None
    moved = {"site-packages/": f"{site_packages}/", "python-scripts/": f"{programs}/"}
    moves = moved.items() if pure else ()
    files: list[Placed] = []
    entries, usual = _path_entries(directory)
    for entry in entries:
        source = str(entry["_path"])
        path = source
        if moves:
            for start, target in moves:
                if path.startswith(start):
                    path = target + path[len(start) :]
        link = None
        if entry.get("path_type") == "softlink":
            try:
                link = os.readlink(os.path.join(directory, source))
            except OSError:
                link = "" if os.path.exists(os.path.join(directory, source)) else None
        size = -1 if link is not None else int(entry.get("size_in_bytes", -1))
        sha256 = str(entry.get("sha256") or "")
        files.append(Placed(path, sha256, link or None, size, source, entry))
    for point in entry_points or ():
        name = point.partition("=")[0].strip()
        if not name or "/" in name or "\\" in name or name in (".", ".."):
            raise ArtifactError(
                f"{package} has a program called {name!r}, which is no file name",
                remedy=_REMEDY,
            )
        files.append(
            Placed(f"{programs}/{name}.exe" if platform.is_windows else f"{programs}/{name}")
        )
    scripts = tuple(
        f.path
        for f in files
        if f.path.endswith(("-post-link.sh", "-post-link.bat", "-pre-link.sh"))
    )
    usual = usual and pure == called_pure
    points = tuple(entry_points or ())
    return Contents(package, directory, tuple(files), scripts, points, pure, usual)


def check_inside(contents: Contents) -> None:
    """Refuse names and links that lead out of the prefix; ArtifactError."""
    for file in contents.files:
        if _leaves(file.path):
            raise ArtifactError(
                f"{contents.package} brings a file outside its prefix: {file.path!r}",
                remedy=_REMEDY,
            )
        if file.target is not None and _leads_out(file.path, file.target):
            raise ArtifactError(
                f"{contents.package} brings a link out of its prefix: {file.path!r} → {file.target!r}",
                remedy=_REMEDY,
            )


def check_whole(contents: Contents) -> None:
    """Look at each file's presence, kind and size in the cache; DamagedError."""
    for file in contents.files:
        if not file.source or file.size < 0:
            continue
        path = os.path.join(contents.directory, file.source)
        try:
            info = os.lstat(path)
            size = info.st_size if stat.S_ISREG(info.st_mode) else -2
        except OSError:
            size = -1
        if size != file.size:
            what = f"has {size} bytes instead of {file.size}"
            if size < 0:
                what = "is missing" if size == -1 else "is no file"
            raise DamagedError(
                f"the cached package {contents.package} is damaged: {file.source} {what}",
                where=path,
                remedy=f"remove {contents.directory}",
            )


def check_collisions(packages: Sequence[Contents], platform: Platform) -> None:
    """Refuse files that two packages bring with different content; CollisionError.

    The same content twice does no harm. Where file names know no case, names
    that differ in case are one. A file where another package has a directory
    collides, too.
    """
    fold = not platform.name.startswith("linux")
    owners: dict[str, tuple[str, Placed]] = {}
    clashes: list[str] = []
    for contents in packages:
        for file in contents.files:
            key = file.path.lower() if fold else file.path
            other = owners.setdefault(key, (contents.package, file))
            if other[1] is not file and not _same(other[1], file):
                clashes.append(f"{file.path}: {other[0]} and {contents.package}")
    directories: dict[str, str] = {}
    for key, (package, _) in owners.items():
        parent = posixpath.dirname(key)
        while parent and parent not in directories:
            directories[parent] = package
            parent = posixpath.dirname(parent)
    clashes += [
        f"{owners[path][1].path}: a file of {owners[path][0]}, a directory of {directories[path]}"
        for path in directories
        if path in owners
    ]
    if clashes:
        shown = clashes[:10]
        if len(clashes) > len(shown):
            shown.append(f"and {len(clashes) - len(shown)} more")
        raise CollisionError(
            "packages bring different files of the same name",
            details=shown,
            remedy="leave one of them out, or ask for builds that do not collide",
        )


def _same(one: Placed, other: Placed) -> bool:
    if one.target is not None or other.target is not None:
        return one.target == other.target
    return bool(one.sha256) and one.sha256 == other.sha256


def _leaves(path: str) -> bool:
    """Say whether a file's path may lead out; one with ``..`` in it is never needed."""
    if not path or path.startswith(("/", "\\")) or path[1:2] == ":" or "\0" in path:
        return True
    return ".." in path.replace("\\", "/").split("/")


def _leads_out(path: str, target: str) -> bool:
    """Say whether a link may lead out.

    A ``..`` behind a name is refused too: the name may be a link itself, and
    then the way back is another one.
    """
    parts = target.replace("\\", "/").split("/")
    up = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    return os.path.isabs(target) or up > path.count("/") or ".." in parts[up:]


def _path_entries(directory: str) -> tuple[Iterable[dict[str, Any]], bool]:
    """Give the file list, and whether it has the version of today."""
    try:
        with open(os.path.join(directory, "info", "paths.json"), "rb") as stream:
            value = json.loads(stream.read())
        entries = [e for e in value["paths"] if "_path" in e]
    except FileNotFoundError:
        return _old_entries(directory), False
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DamagedError(
            f"the cached package in {directory} has no readable file list",
            where=directory,
            remedy=f"remove {directory}",
        ) from exc
    return entries, value.get("paths_version") == 1


def _old_entries(directory: str) -> list[dict[str, Any]]:
    """Read the file list of packages from before paths.json."""
    try:
        with open(os.path.join(directory, "info", "files"), encoding="utf-8") as stream:
            names = [line.strip() for line in stream if line.strip()]
    except OSError as exc:
        raise DamagedError(
            f"the cached package in {directory} has no file list",
            where=directory,
            remedy=f"remove {directory}",
        ) from exc
    links = (n for n in names if os.path.islink(os.path.join(directory, n)))
    linked = set(links)
    return [{"_path": n, "path_type": "softlink" if n in linked else "hardlink"} for n in names]


def _is_pure(directory: str) -> bool:
    """Say whether a package calls itself one of pure Python."""
    try:
        with open(os.path.join(directory, "info", "index.json"), "rb") as stream:
            value = json.loads(stream.read())
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.get("noarch") == "python"


def _entry_points(directory: str) -> list[str] | None:
    """Give the entry points of a pure Python package, None for other packages."""
    try:
        with open(os.path.join(directory, "info", "link.json"), "rb") as stream:
            noarch = json.load(stream)["noarch"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(noarch, dict) or noarch.get("type") != "python":
        return None
    return [str(point) for point in noarch.get("entry_points") or []]
