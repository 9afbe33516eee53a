"""``RECORD``: which files an installed distribution brought, with hash and size.

The format is the one of the packaging specifications: a line ``path,hash,size``
per file, quoted as CSV where needed, the path relative to ``site-packages``,
the hash as ``sha256=`` and unpadded URL-safe base64.
"""

from __future__ import annotations

import json
import os
import posixpath
from typing import TYPE_CHECKING, NamedTuple

from stead.ecosystems.pypi.venv import layout_of
from stead.values.frozen import dataclass
from stead.values.names import normalize_pypi
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Listed(NamedTuple):
    """One line. ``path`` is relative to the prefix, with ``/``; -1 is an unknown size.

    A tuple, because there are thousands of these and a dataclass takes four times as long.
    """

    path: str
    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed distribution. ``info`` is its ``.dist-info`` directory's name.

    ``plain`` says that every reader takes its record's lines for the same.
    """

    info: str
    name: str
    version: str
    files: tuple[Listed, ...]
    plain: bool = False


def installed(prefix: str, site_packages: str, infos: Iterable[str]) -> list[Installed]:
    """Read the records of the named ``.dist-info`` directories that have one."""
    found = []
    for info in sorted(infos):
        path = os.path.join(prefix, site_packages, info, "RECORD")
        try:
            with open(path, encoding="utf-8", newline="") as file:
                text = file.read()
        except OSError:
            continue
        found.append(parsed(info, text, site_packages))
    return found


def parsed(info: str, text: str, site_packages: str) -> Installed:
    """Give the distribution that a ``.dist-info`` directory with this record is of."""
    version = info.removesuffix(".dist-info").rpartition("-")[2]
    files = tuple(parse(text, site_packages))
    plain = '"' not in text and "\\" not in text
    return Installed(info, name_of(info), version, files, plain)


def name_of(info: str) -> str:
    """Give the normalised name of the distribution that a ``.dist-info`` directory is of."""
    stem = info.removesuffix(".dist-info")
    return normalize_pypi(stem.rpartition("-")[0] or stem)


def infos(site_packages: str) -> set[str]:
    """Name the ``.dist-info`` directories in an absolute ``site-packages``."""
    try:
        return {n for n in os.listdir(site_packages) if n.endswith(".dist-info")}
    except OSError:
        return set()


_URLSAFE = str.maketrans("+/", "-_")


def parse(text: str, site_packages: str) -> Iterator[Listed]:
    """Read the text of a ``RECORD``; lines that are none are passed over.

    A path that leaves the prefix keeps its leading ``..``, an absolute one its ``/``.
    """
    if '"' in text:
        import csv

        rows: Iterable[list[str]] = csv.reader(text.splitlines())
    else:
        rows = (line.rsplit(",", 2) for line in text.splitlines())
    for row in rows:
        if len(row) != 3 or not row[0]:
            continue
        path, digest, size = row
        full = f"{site_packages}/{path}"
        if ".." in path or path[0] == "/" or "//" in path or "\\" in path:
            path = path.replace("\\", "/")
            full = posixpath.normpath(path if path[0] == "/" else f"{site_packages}/{path}")
        yield Listed(full, digest, int(size) if size.isdecimal() else -1)


def hash_of(content: bytes) -> str:
    """Give a content's hash as a ``RECORD`` writes it."""
    from binascii import b2a_base64

    text = b2a_base64(sha256(content).digest(), newline=False).decode("ascii")
    return "sha256=" + text.rstrip("=").translate(_URLSAFE)


def update(prefix: str, site_packages: str, info: str, changed: dict[str, bytes]) -> None:
    """Rewrite a ``RECORD`` for files that now have another content.

    ``changed`` maps paths relative to the prefix, outside of ``site-packages``, to contents. The file is
    replaced, not written to: it may be linked to one in a cache.
    """
    path = os.path.join(prefix, site_packages, info, "RECORD")
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    replace_file(path, updated(text, site_packages, changed).encode())


def updated(text: str, site_packages: str, changed: dict[str, bytes]) -> str:
    """Give the text of a ``RECORD`` for such files."""
    lines = []
    for line in text.splitlines():
        # Scripts lie above site-packages: all other lines need not be read.
        listed = next(parse(line, site_packages), None) if ".." in line else None
        if listed and listed.path in changed:
            content = changed[listed.path]
            name = line.rsplit(",", 2)[0]  # as it is quoted there
            lines.append(f"{name},{hash_of(content)},{len(content)}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def replace_file(path: str, content: bytes) -> None:
    """Put a new file in the place of ``path``, with its mode; links to the old one stay as they are."""
    mode = os.stat(path).st_mode & 0o7777
    temporary = f"{path}.stead-new"
    with open(temporary, "wb") as file:
        file.write(content)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def verify(prefix: Path) -> tuple[str, ...]:
    """Hash every file that records list, and name what differs, sorted by distribution.

    Distributions that conda installed are for conda to verify.
    """
    root = os.fspath(prefix)
    layout = layout_of(root)
    if layout is None:
        return ()
    ours = infos(os.path.join(root, layout.site_packages))
    ours -= {f.split("/")[-2] for f in conda_files(root) if f.endswith(".dist-info/METADATA")}
    found = installed(root, layout.site_packages, ours)
    wrong = [f"{info}: its record is missing" for info in sorted(ours - {d.info for d in found})]
    for dist in found:
        for listed in dist.files:
            wrong += _wrong(root, dist, listed)
    return tuple(wrong)


def conda_files(prefix: str) -> dict[str, str]:
    """Read who brought each file from conda's own lists: path in the prefix → package."""
    files: dict[str, str] = {}
    meta = os.path.join(prefix, "conda-meta")
    for name in os.listdir(meta) if os.path.isdir(meta) else []:
        if name.endswith(".json"):
            with open(os.path.join(meta, name), encoding="utf-8") as file:
                record = json.load(file)
            files.update((str(f), str(record.get("name"))) for f in record.get("files", []))
    return files


def _wrong(root: str, dist: Installed, listed: Listed) -> list[str]:
    path = os.path.join(root, listed.path)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return [f"{dist.name} {dist.version}: {listed.path} is missing"]
    except OSError as exc:
        return [f"{dist.name} {dist.version}: {listed.path} cannot be read ({exc.strerror})"]
    if listed.hash.startswith("sha256=") and hash_of(content) != listed.hash:
        return [f"{dist.name} {dist.version}: {listed.path} is changed"]
    return []
