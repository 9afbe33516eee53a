"""Linking packages that are already checked and cached, without starting rattler.

Most of what a package brings is linked as it is, which takes less time than
rattler takes to be imported. What rattler would write is written: the same
files, and the same facts in ``conda-meta``. Whatever is unusual (another
platform than Linux, link scripts, menus, lists of old packages, files of two
packages under one name, no hard links here) is left to rattler; :func:`suits`
and :class:`UnusualError` say so.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import suppress
from hashlib import sha256
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.ecosystems.conda.contents import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.ecosystems.conda.contents import Contents, Placed
    from stead.values.platform import Platform

_POINT = re.compile(r"\s*([^\s=]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)\s*\Z")
_LONGEST = 127
"""Bytes of a first line that every Linux takes for a program's name."""
_DIRECTORY = 4
"""How many links take as long as making a directory."""
_NO_LINKS_HERE = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.EEXIST})
_TAG = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# Packages made this directory, and can make it again: programs for backups may leave it out.
"""
_SCRIPT = """\
#!{python}
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {first}

if __name__ == '__main__':
\tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
\tsys.exit({function}())
"""


class UnusualError(Exception):
    """Something that is left to rattler; what was linked until then is to be removed."""


class Package(NamedTuple):
    """A package to be linked."""

    contents: Contents
    name: str
    """``NAME-VERSION-BUILD``: the record's file name."""
    describe: Callable[[], dict[str, Any]]
    """Gives what the record says of it besides its files."""


def suits(
    packages: Sequence[Contents], prefix: str, final: str, python: str, platform: Platform
) -> bool:
    """Say whether all is usual, as far as that is seen before; see :func:`link`.

    ``python`` is empty where there is none.
    """
    if not platform.name.startswith("linux") or os.listdir(prefix):
        return False
    first = f"#!{final}/{python}"
    if " " in first or len(os.fsencode(first)) > _LONGEST:
        return False
    return all(p.usual and (python or not p.pure) and _all_usual(p) for p in packages)


def _all_usual(package: Contents) -> bool:
    return all(map(_POINT.match, package.entry_points)) and all(
        not file.source
        or (
            file.entry is not None
            and len(file.sha256) == 64
            and not file.path.startswith("Menu/")
            and (file.size >= 0 if file.target is None else True)
            and not file.entry.get("no_link")
            and file.entry.get("path_type") == ("hardlink" if file.target is None else "softlink")
            and (file.target is None or not file.entry.get("prefix_placeholder"))
        )
        for file in package.files
    )


def link(
    packages: Sequence[Package], prefix: str, final: str, python: str
) -> dict[str, dict[str, int]]:
    """Link packages into ``prefix``, an empty directory, as they must stand at ``final``.

    ``python`` is the program in the prefix that generated scripts start, relative.
    Gives, per record, path → size of the files whose sha256 it carries. Raises
    UnusualError, DamagedError for a file that is not as long as listed, OSError.
    """
    linked: dict[tuple[str, str], list[str]] = {}
    links: list[tuple[str, Placed]] = []
    changed: list[tuple[Contents, Placed]] = []
    for package in packages:
        contents = package.contents
        for file in contents.files:
            if not file.source:
                continue
            assert file.entry is not None
            if file.target is not None:
                links.append((f"{contents.directory}/{file.source}", file))
            elif "prefix_placeholder" in file.entry:
                changed.append((contents, file))
            else:
                parent, _, name = file.path.rpartition("/")
                source = file.source.rpartition("/")[0]
                linked.setdefault((f"{contents.directory}/{source}", parent), []).append(name)
    directories = _Directories(prefix)
    failed: list[OSError] = []
    threads = [
        Thread(target=_link_all, args=(directories, share, failed), daemon=True)
        for share in _shares(linked, min(4, os.cpu_count() or 1))
    ]
    for thread in threads:
        thread.start()
    try:
        for source, file in links:
            target = directories.place(file.path)
            os.symlink(file.target or "", target)
            time = os.lstat(source).st_mtime_ns
            os.utime(target, ns=(time, time), follow_symlinks=False)
        written = {
            file.path: _write_changed(contents, file, directories.place(file.path), final)
            for contents, file in changed
        }
        texts = []
        sizes: dict[str, dict[str, int]] = {}
        for package in packages:
            paths = [_described(f, written) for f in package.contents.files if f.source]
            paths += [
                _write_script(point, directories, f"{final}/{python}")
                for point in package.contents.entry_points
            ]
            record = f"conda-meta/{package.name}.json"
            texts.append((record, _text(package, paths)))
            sizes[record] = {
                p["_path"]: p["size_in_bytes"] for p in paths if p["path_type"] != "softlink"
            }
    except FileExistsError as exc:
        raise UnusualError from exc
    finally:
        for thread in threads:
            thread.join()
    for error in failed:
        if error.errno in _NO_LINKS_HERE:
            raise UnusualError from error
        raise error
    for name, text in (*texts, ("conda-meta/history", b""), ("CACHEDIR.TAG", _TAG)):
        with open(directories.place(name), "xb") as stream:
            stream.write(text)
    return sizes


class _Directories:
    """The directories of a new tree, made when something is to be put into them.

    Threads share them: making one can take long where many were removed just before.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._made = {""}

    def make(self, relative: str) -> str:
        """Make one with all above it, if it is not there; gives its path."""
        path = f"{self._root}/{relative}"
        if relative not in self._made:
            self.make(relative.rpartition("/")[0])
            with suppress(FileExistsError):  # another thread was faster
                os.mkdir(path)
            self._made.add(relative)
        return path

    def place(self, path: str) -> str:
        """Make the directory of a file; gives the file's path."""
        self.make(path.rpartition("/")[0])
        return f"{self._root}/{path}"


_Share = list[tuple[tuple[str, str], list[str]]]


def _shares(linked: Mapping[tuple[str, str], list[str]], count: int) -> list[_Share]:
    """Divide directories among threads, neighbours together, so that each has about as much."""
    whole = sum(len(names) + _DIRECTORY for names in linked.values())
    shares: list[_Share] = [[] for _ in range(count)]
    done = 0
    for item in sorted(linked.items(), key=lambda i: i[0][1]):
        shares[min(done * count // whole, count - 1)].append(item)
        done += len(item[1]) + _DIRECTORY
    return [share for share in shares if share]


def _link_all(directories: _Directories, share: _Share, failed: list[OSError]) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = there = -1
    try:
        for (source, parent), names in share:
            if failed:
                return
            here = os.open(source, flags)
            there = os.open(directories.make(parent), flags)
            for name in names:
                os.link(name, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            os.close(here)
            os.close(there)
            here = there = -1
    except OSError as exc:
        failed.append(exc)
        for descriptor in (here, there):
            if descriptor >= 0:
                os.close(descriptor)


def _described(file: Placed, written: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """Say of a file what ``conda-meta`` says of it."""
    assert file.entry is not None
    if file.target is not None:
        target = os.fsencode(file.target)
        described = {**file.entry, "sha256_in_prefix": sha256(target).hexdigest()}
        described.setdefault("size_in_bytes", len(target))
    elif file.path in written:
        digest, size = written[file.path]
        described = {"file_mode": "text", **file.entry, "size_in_bytes": size}
        if digest != file.sha256:
            described["sha256_in_prefix"] = digest
    elif file.path == file.source:
        return file.entry  # type: ignore[return-value]
    else:
        described = dict(file.entry)
    described["_path"] = file.path
    return described


def _write_changed(contents: Contents, file: Placed, target: str, final: str) -> tuple[str, int]:
    """Copy a file with the final prefix in place of the one it was built with; gives hash and size."""
    assert file.entry is not None
    source = f"{contents.directory}/{file.source}"
    with open(source, "rb") as stream:
        data = stream.read()
        mode = os.fstat(stream.fileno()).st_mode & 0o7777
    if len(data) != file.size:
        raise DamagedError(
            f"the cached package {contents.package} is damaged: {file.source} "
            f"has {len(data)} bytes instead of {file.size}",
            where=source,
            remedy=f"remove {contents.directory}",
        )
    old, new = os.fsencode(str(file.entry["prefix_placeholder"])), os.fsencode(final)
    if file.entry.get("file_mode", "text") == "binary":
        data = _in_strings(data, old, new)
    else:
        if data.startswith(b"#!"):
            first, end, _ = data.partition(b"\n")
            if not end or len(first.replace(old, new)) > _LONGEST:
                raise UnusualError
        data = data.replace(old, new)
    with open(target, "xb") as stream:
        stream.write(data)
        os.fchmod(stream.fileno(), mode)
    return sha256(data).hexdigest(), len(data)


def _in_strings(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a prefix in strings that end with a zero byte, and keep their length."""
    if len(new) > len(old):
        raise UnusualError

    def replaced(match: re.Match[bytes]) -> bytes:
        text = match.group()
        return text.replace(old, new).ljust(len(text), b"\0")

    return re.sub(re.escape(old) + rb"[^\0]*", replaced, data)


def _write_script(point: str, directories: _Directories, python: str) -> dict[str, Any]:
    """Write the program of an entry point, and say of it what ``conda-meta`` says."""
    match = _POINT.match(point)
    assert match is not None
    name, module, function = match.groups()
    text = _SCRIPT.format(
        python=python, module=module, first=function.partition(".")[0], function=function
    ).encode()
    path = f"bin/{name}"
    with open(directories.place(path), "xb") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o775)
    return {
        "_path": path,
        "path_type": "unix_python_entry_point",
        "sha256": sha256(text).hexdigest(),
        "size_in_bytes": len(text),
    }


def _text(package: Package, paths: list[dict[str, Any]]) -> bytes:
    directory = package.contents.directory
    value = {
        **package.describe(),
        "extracted_package_dir": directory,
        "requested_specs": [],
        "files": [p["_path"] for p in paths],
        "paths_data": {"paths_version": 1, "paths": paths},
        "link": {"source": directory, "type": 1},
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
