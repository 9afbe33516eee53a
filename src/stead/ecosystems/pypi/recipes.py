"""What a wheel became when uv installed it, kept so that it is linked again without uv.

A recipe stands in ``packages/wheels/<key>.json``. It names the unpacked wheel in uv's
cache, each file linked from there with the size and time it had, and the few files that
uv wrote. It is only a shorter way to the same tree: where it does not fit what lies in
the cache any more, it is dropped, and uv is asked again.

The key is of the locked hashes, the Python and the platform: all that uv chooses by.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from stead.ecosystems.groups import Group, keep, sealed, with_parents
from stead.ecosystems.pypi.scripts import PLACEHOLDER, with_shebang
from stead.values.sha import sha256

if TYPE_CHECKING:
    from stead.ecosystems.protocol import BuildTarget
    from stead.ecosystems.pypi.records import Installed
    from stead.values.lock import Artifact

VERSION = 1
DIRECTORY = "wheels"
URLS = "urls"
"""The ``extra`` entry that maps file names to addresses or paths, for artifacts of a foreign lock."""

_LARGE = 256 * 1024
"""Bytes of a written file beyond which its wheel is left to uv."""


class Recipe(NamedTuple):
    """How to put one wheel into a tree."""

    file: str
    """Where it is kept."""
    archive: str
    """The unpacked wheel, relative to uv's cache."""
    info: str
    """The name of the ``.dist-info`` directory."""
    directories: list[str]
    """All that the wheel needs, a parent before what is in it."""
    groups: list[Group]
    written: list[tuple[str, int, str]]
    """Path, mode and text of each file that is not linked; scripts name `PLACEHOLDER`."""
    loose: list[str]
    """Linked files whose sha256 the wheel's ``RECORD`` does not carry."""

    @property
    def paths(self) -> list[str]:
        """All files, in the tree."""
        linked = [path for group in self.groups for path in group.paths]
        return [*linked, *[path for path, _, _ in self.written]]


def file_for(artifact: Artifact, target: BuildTarget, site_packages: str, home: str) -> str:
    """Say where an artifact's recipe would be kept; empty where there can be none."""
    hashes = sorted([f.sha256 for f in artifact.files])
    if artifact.source is not None or artifact.get(URLS) or "" in hashes or not hashes:
        return ""
    python = target.interpreter
    asked = [
        *(VERSION, artifact.id, target.platform.name, site_packages),
        *((python.version, python.tag) if python else (target.python, "")),
        *hashes,
    ]
    name = sha256("\n".join(map(str, asked)).encode()).hexdigest()
    return os.path.join(home, "packages", DIRECTORY, f"{name[:40]}.json")


def read(file: str) -> Recipe | None:
    """Read a recipe; None when there is none, or none that can be understood."""
    try:
        with open(file, "rb") as opened:
            value = json.loads(opened.read())
        if value["version"] != VERSION:
            return None
        return Recipe(
            file,
            value["archive"],
            value["info"],
            value["directories"],
            [Group(*group) for group in value["groups"]],
            [(str(path), int(mode), str(text)) for path, mode, text in value["written"]],
            value["loose"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def learn(
    dist: Installed, artifact: Artifact, target: BuildTarget, site_packages: str, home: str
) -> bool:
    """Keep a recipe of what uv has just installed; says whether that could be.

    Scripts must still be as uv wrote them. What cannot be linked again as it is (a
    distribution built from source, copies, a file that is neither linked nor text) has none.
    """
    file = file_for(artifact, target, site_packages, home)
    cache = os.path.join(home, "packages", "uv")
    prefix = os.fspath(target.prefix)
    archive = _archive(cache, artifact.name, os.path.join(prefix, site_packages), dist.info)
    if not file or not archive:
        return False
    sources = _inodes(archive)
    listed = {f.path for f in dist.files}
    # uv links all of a wheel, whether its record lists it or not.
    paths = listed.union(f"{site_packages}/{source}" for source in sources.values())
    # A record that readers may take differently vouches for nothing.
    vouched = {f.path for f in dist.files if dist.plain and f.hash.startswith("sha256=")}
    groups: dict[tuple[str, str], Group] = {}
    written = []
    loose = []
    python = target.interpreter.path if target.interpreter else ""
    for path in sorted(paths):
        try:
            info = os.lstat(os.path.join(prefix, path))
        except FileNotFoundError:
            continue  # lay in the wheel's ``.data``, or is listed and was never there
        mode = sealed(info.st_mode)
        source = sources.get((info.st_dev, info.st_ino))
        if source is not None and stat.S_ISREG(info.st_mode):
            directory, _, name = path.rpartition("/")
            group = groups.setdefault(
                (directory, source.rpartition("/")[0]),
                Group(directory, source.rpartition("/")[0], [], [], [], []),
            )
            if name != source.rpartition("/")[2]:
                return False
            group.add(name, info)
            if path not in vouched:
                loose.append(path)
            continue
        if path not in listed:
            continue  # another package's
        if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1 or info.st_size > _LARGE:
            return False
        with open(os.path.join(prefix, path), "rb") as opened:
            content = with_shebang(opened.read(), {python, prefix}, PLACEHOLDER)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return False
        if prefix in text:
            return False
        written.append((path, mode, text))
    places = [g.target for g in groups.values()] + [os.path.dirname(w[0]) for w in written]
    keep(
        file,
        {
            "version": VERSION,
            "archive": os.path.relpath(archive, os.path.realpath(cache)),
            "info": dist.info,
            "directories": with_parents(places),
            "groups": list(groups.values()),
            "written": written,
            "loose": loose,
        },
    )
    return True


def _archive(cache: str, name: str, site: str, info: str) -> str:
    """Find the unpacked wheel that an installed distribution is linked to; empty if none is."""
    import glob

    try:
        installed = os.stat(os.path.join(site, info, "WHEEL"))
    except OSError:
        return ""
    base = os.path.join(glob.escape(cache), "wheels-v*")
    for pattern in ("pypi", os.path.join("index", "*")):
        for path in glob.glob(os.path.join(base, pattern, name, "*")):
            if os.path.islink(path) and _is_file(os.path.join(path, info, "WHEEL"), installed):
                archive = os.path.realpath(path)
                if archive.startswith(os.path.realpath(cache) + os.sep):
                    return archive
    return ""


def _is_file(path: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), wanted)
    except OSError:
        return False


def _inodes(archive: str) -> dict[tuple[int, int], str]:
    """Give the path of each file of an unpacked wheel, relative to it."""
    found = {}
    pending = [""]
    while pending:
        relative = pending.pop()
        with os.scandir(os.path.join(archive, relative)) as entries:
            for entry in entries:
                path = f"{relative}/{entry.name}" if relative else entry.name
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    pending.append(path)
                else:
                    found[info.st_dev, info.st_ino] = path
    return found
