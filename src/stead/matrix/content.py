"""What is in a package, whatever its timestamps and the order of its members.

Two packages of one content install the same files. What differs without being
installed is left out: times, owners, compression, a wheel's ``RECORD``, the notes of
whoever built a conda package.
"""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.values.digest import digest
from stead.values.errors import ArtifactError
from stead.values.names import normalize_pypi
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

_CHUNK = 1024 * 1024
_RECORDS = ("RECORD", "RECORD.jws", "RECORD.p7s")
_OF_CONDA = frozenset({"link.json", "run_exports.json"})
"""What of ``info``, besides its lists, decides how a conda package is installed."""


class Member(NamedTuple):
    """One member of a package: ``kind`` is ``f``, ``x`` (may be executed), or ``l`` (a link)."""

    path: str
    kind: str
    content: str


class Described(NamedTuple):
    """What a package says of itself, and the digest of what is in it."""

    content: str
    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str
    tags: tuple[str, ...]


def of_wheel(path: str) -> Described:
    """Read a wheel. Raises ArtifactError for what is none."""
    members, metadata = [], b""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                name = info.filename
                top, _, inner = name.partition("/")
                own = top.endswith(".dist-info")
                if own and inner in _RECORDS:
                    continue
                if own and inner == "METADATA":
                    metadata = archive.read(info)
                kind = "x" if info.external_attr >> 16 & 0o100 else "f"
                with archive.open(info) as stream:
                    members.append(Member(name, kind, _hash(stream)))
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError) as exc:
        raise _damaged(path, "wheel", exc) from exc
    if not metadata:
        raise ArtifactError(
            "the wheel has no metadata", where=path, remedy="look at the back end that built it"
        )
    name, version, requires, python = core_metadata(metadata)
    return Described(_digest(members), name, version, requires, python, _tags(path))


def of_sdist(path: str) -> Described:
    """Read a source distribution, a ``.tar.gz`` or a ``.zip``. Raises ArtifactError for what is none."""
    metadata = b""
    members = []
    try:
        for member, stream in _zipped(path) if path.endswith(".zip") else _tarred(path):
            inner = member.path.partition("/")[2]
            if inner == "PKG-INFO" and stream is not None:
                metadata = stream.read()
                content = sha256(metadata).hexdigest()
            else:
                content = member.content if stream is None else _hash(stream)
            # The directory at the top bears the version, which the metadata holds as well.
            members.append(Member(inner or member.path, member.kind, content))
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as exc:
        raise _damaged(path, "source distribution", exc) from exc
    name, version, requires, python = core_metadata(metadata)
    if not name:
        stem = os.path.basename(path).removesuffix(".tar.gz").removesuffix(".zip")
        name, _, version = stem.rpartition("-")
        name = normalize_pypi(name)
    return Described(_digest(members), name, version, requires, python, ())


def texts_of(sdist: str, names: Iterable[str]) -> dict[str, str]:
    """Read files at the top of a source distribution; empty for those that it has not.

    Raises ArtifactError for what is none.
    """
    found = dict.fromkeys(names, "")
    try:
        for member, stream in _zipped(sdist) if sdist.endswith(".zip") else _tarred(sdist):
            name = member.path.partition("/")[2]
            if name in found and stream is not None:
                found[name] = stream.read().decode("utf-8", "replace")
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as exc:
        raise _damaged(sdist, "source distribution", exc) from exc
    return found


def of_conda(tree: str) -> Described:
    """Read a conda package that was unpacked into ``tree``. Raises ArtifactError for what is none.

    The prefix that it was built in is none of its content: it is replaced when it is installed.
    """
    members: list[Member] = []
    try:
        index, listed = (_info(tree, name) for name in ("index.json", "paths.json"))
        entries = {str(entry["_path"]): entry for entry in listed["paths"]}
        for path in _files(tree):
            name = path.removeprefix("info/")
            if name == path:
                members.append(_installed(tree, path, entries.get(path, {})))
            elif name in _OF_CONDA:
                members.append(_member(tree, path))
        kept = {key: value for key, value in index.items() if key != "timestamp"}
        members.append(Member("info/index.json", "f", digest(kept)))
        name, version = str(index["name"]), str(index["version"])
        subdir = str(index.get("subdir", ""))
        depends = tuple(str(d) for d in index.get("depends", []))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise _damaged(tree, "conda package", exc) from exc
    return Described(_digest(members), name, version, depends, "", (subdir,))


def _info(tree: str, name: str) -> dict[str, Any]:
    with open(os.path.join(tree, "info", name), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _installed(tree: str, path: str, entry: dict[str, Any]) -> Member:
    """Describe a file of a conda package, with how it is put into a prefix."""
    member = _member(tree, path)
    how = [entry.get(name) for name in ("path_type", "file_mode", "no_link")]
    prefix = entry.get("prefix_placeholder")
    content = member.content
    if prefix and member.kind != "l":
        with open(os.path.join(tree, path), "rb") as file:
            content = sha256(file.read().replace(str(prefix).encode(), b"\0")).hexdigest()
    return Member(path, member.kind, digest([content, how]))


def of_metadata(directory: str) -> Described:
    """Read a ``.dist-info`` directory. Raises ArtifactError without ``METADATA`` in it."""
    try:
        with open(os.path.join(directory, "METADATA"), "rb") as file:
            metadata = file.read()
        members = [_member(directory, path) for path in _files(directory) if path not in _RECORDS]
    except OSError as exc:
        raise _damaged(directory, "metadata", exc) from exc
    name, version, requires, python = core_metadata(metadata)
    return Described(_digest(members), name, version, requires, python, ())


def core_metadata(text: bytes) -> tuple[str, str, tuple[str, ...], str]:
    """Read core metadata; gives the normalised name, version, ``Requires-Dist``, ``Requires-Python``."""
    from email.parser import HeaderParser
    from email.policy import compat32

    message = HeaderParser(policy=compat32).parsestr(text.decode("utf-8", "replace"))

    def one(name: str) -> str:
        return str(message.get(name) or "").strip()

    requires = tuple(str(v).strip() for v in message.get_all("Requires-Dist") or ())
    return normalize_pypi(one("Name")), one("Version"), requires, one("Requires-Python")


def _tags(path: str) -> tuple[str, ...]:
    """Give the tags in a wheel's name, each combination of a compressed set by itself."""
    parts = os.path.basename(path).removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):
        return ()
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return tuple(f"{p}-{a}-{on}" for p in pythons for a in abis for on in platforms)


def _zipped(path: str) -> Iterator[tuple[Member, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                kind = "x" if info.external_attr >> 16 & 0o100 else "f"
                with archive.open(info) as stream:
                    yield Member(info.filename, kind, ""), stream


def _tarred(path: str) -> Iterator[tuple[Member, IO[bytes] | None]]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            if info.issym() or info.islnk():
                yield Member(info.name, "l", info.linkname), None
                continue
            stream = archive.extractfile(info)
            kind = "x" if info.mode & 0o100 else "f"
            yield Member(info.name, kind, ""), stream


def _member(tree: str, path: str) -> Member:
    full = os.path.join(tree, path)
    if os.path.islink(full):
        return Member(path, "l", os.readlink(full))
    with open(full, "rb") as stream:
        kind = "x" if os.fstat(stream.fileno()).st_mode & 0o100 else "f"
        return Member(path, kind, _hash(stream))


def _files(tree: str) -> list[str]:
    found = []
    for parent, directories, names in os.walk(tree):
        inner = os.path.relpath(parent, tree).replace(os.sep, "/")
        links = [d for d in directories if os.path.islink(os.path.join(parent, d))]
        found += [name if inner == "." else f"{inner}/{name}" for name in (*names, *links)]
    return sorted(found)


def _hash(stream: IO[bytes]) -> str:
    data = stream.read(_CHUNK)
    hashed = sha256(data)
    while len(data) == _CHUNK:
        data = stream.read(_CHUNK)
        hashed.update(data)
    return hashed.hexdigest()


def _digest(members: Iterable[Member]) -> str:
    return digest(sorted(members))


def _damaged(path: str, what: str, exc: Exception) -> ArtifactError:
    return ArtifactError(f"this is no {what}: {exc}", where=path, remedy="build it anew")
