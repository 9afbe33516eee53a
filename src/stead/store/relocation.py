"""Making a tree right for another path than the one it was built for.

Files name their tree's path in shebangs, scripts, ``pyvenv.cfg``, link targets
and, padded with NULs, in compiled code. Text is rewritten anywhere; compiled
code only as far as the path finds room. Hashes in the packages' records follow.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from base64 import urlsafe_b64encode
from posixpath import basename, dirname, normpath
from typing import TYPE_CHECKING

from stead.store.atomic import storage, temporary_name
from stead.store.listing import scan
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.store.listing import Found

SHEBANG_LIMIT = 127
"""Bytes of a first line that every Linux kernel reads."""

COMPILED = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ", b"!<arch>\n")
_FEW = 32
"""Names that are looked for in a record before it is read."""
_UNQUOTABLE = re.compile(r"[\"'$`\x00-\x1f]" if sys.platform == "win32" else r"[\"'$`\\\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Relocated:
    """What was done: files rewritten, and files that still name the old path."""

    rewritten: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def relocate(
    tree: str | os.PathLike[str],
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    among: Sequence[Found] | None = None,
) -> Relocated:
    """Rewrite ``tree``, made to stand at ``old``, so that it can stand at ``new``.

    Every changed file is replaced, never written in place. Who knows which entries name ``old``
    gives those, and the packages' records, as ``among``: no others are looked at then. Raises
    StoreError where ``new`` cannot be written into scripts, or is too long for compiled
    code whose package recorded that it must be replaced there.
    """
    root, before, after = os.fspath(tree), os.fspath(old), os.fspath(new)
    if before == after:
        return Relocated()
    if _UNQUOTABLE.search(after):
        raise StoreError(
            "scripts cannot hold a path with quotes, `$`, a backslash or control characters",
            where=after,
            remedy="choose another directory",
        )
    with storage(root):
        found = scan(root) if among is None else among
        return _Relocation(root, os.fsencode(before), os.fsencode(after)).run(found)


def is_record(path: str) -> bool:
    """Say whether a file of a tree says which files a package has."""
    return _is_conda_record(path) or _is_wheel_record(path)


def _is_conda_record(path: str) -> bool:
    return path.startswith("conda-meta/") and path.endswith(".json")


def _is_wheel_record(path: str) -> bool:
    return path.endswith(".dist-info/RECORD")


class _Relocation:
    def __init__(self, root: str, old: bytes, new: bytes) -> None:
        self.root = root
        self.old = old
        self.new = new
        self.changed: dict[str, bytes] = {}
        self.left: list[str] = []

    def run(self, found: Sequence[Found]) -> Relocated:
        recorded = placeholders(self.root, (f.path for f in found))
        links = []
        for entry in found:
            if entry.target is not None:
                if self._link(entry.path, entry.target):
                    links.append(entry.path)
            elif stat.S_ISREG(entry.mode) and not entry.path.endswith(".pyc"):
                # A .pyc gets its path from where it is imported from.
                self._file(entry.path, entry.mode, recorded.get(entry.path))
        self._records(f.path for f in found)
        return Relocated(tuple(sorted([*self.changed, *links])), tuple(sorted(self.left)))

    def _link(self, path: str, target: str) -> bool:
        raw = os.fsencode(target)
        if raw != self.old and not raw.startswith(self.old + os.fsencode(os.sep)):
            return False
        full = os.path.join(self.root, path)
        temporary = temporary_name(full)
        os.symlink(os.fsdecode(self.new + raw[len(self.old) :]), temporary)
        os.replace(temporary, full)
        return True

    def _file(self, path: str, mode: int, recorded: tuple[str, int] | None) -> None:
        with open(os.path.join(self.root, path), "rb") as file:
            data = file.read()
        if self.old not in data and not _escaped(self.old, data):
            return
        binary = recorded[0] == "binary" if recorded else b"\0" in data
        if not binary:
            self._write(path, mode, replace_in_text(data, self.old, self.new))
            return
        room = max(recorded[1], len(self.old)) if recorded else len(self.old)
        compiled = recorded is not None or data.startswith(COMPILED)
        replaced = replace_in_binary(data, self.old, self.new, room) if compiled else None
        if replaced is not None:
            self._write(path, mode, replaced)
        elif recorded is None:
            self.left.append(path)
        else:
            raise StoreError(
                f"the path has {len(self.new)} characters, but compiled code of this environment "
                f"has room for {room}",
                where=os.fsdecode(self.new),
                details=(f"file: {path}",),
                remedy="choose a shorter path",
            )

    def _write(self, path: str, mode: int, data: bytes) -> None:
        full = os.path.join(self.root, path)
        temporary = temporary_name(full)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, full)
        self.changed[path] = data

    def _records(self, paths: Iterable[str]) -> None:
        """Bring the hashes in wheels' and then in conda's records up to date."""
        listed = list(paths)
        if not self.changed:
            return
        for path in filter(_is_wheel_record, listed):
            self._wheel_record(path)
        for path in filter(_is_conda_record, listed):
            self._conda_record(path)

    def _wheel_record(self, path: str) -> None:
        import csv
        import io

        full = os.path.join(self.root, path)
        with open(full, "rb") as file:
            data = file.read()
        if not self._may_name(data, b'""'):
            return
        lines = data.decode().splitlines(keepends=True)
        base = dirname(dirname(path))
        touched = False
        for at, line in enumerate(lines):
            row = next(csv.reader([line]), [])
            if len(row) < 3 or not row[1]:
                continue
            new = self.changed.get(normpath(f"{base}/{row[0]}" if base else row[0]))
            if new is None:
                continue
            sha = urlsafe_b64encode(hashlib.sha256(new).digest()).rstrip(b"=").decode()
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerow([row[0], f"sha256={sha}", len(new)])
            lines[at] = out.getvalue()
            touched = True
        if touched:
            self._write(path, os.stat(full).st_mode, "".join(lines).encode())

    def _conda_record(self, path: str) -> None:
        full = os.path.join(self.root, path)
        with open(full, "rb") as file:
            raw = file.read()
        if not self._may_name(raw, b"\\"):
            return
        try:
            record = json.loads(raw)
            items = record["paths_data"]["paths"]
        except (ValueError, KeyError, TypeError):
            return
        touched = False
        for item in items:
            data = self.changed.get(item.get("_path", ""))
            if data is not None:
                sha = hashlib.sha256(data).hexdigest()
                # Without a placeholder, ``sha256`` is what the file is checked against.
                item["sha256_in_prefix"] = sha
                touched = True
        if touched:
            self._write(path, os.stat(full).st_mode, json.dumps(record, indent=2).encode())

    def _may_name(self, record: bytes, escape: bytes) -> bool:
        """Say whether a record may name what was changed; to read it takes much longer.

        ``escape`` is in a record that may write names otherwise.
        """
        if len(self.changed) > _FEW or escape in record:
            return True
        return any(os.fsencode(basename(path)) in record for path in self.changed)


def replace_in_text(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a path in a text; a first line names its program so that the kernel finds it."""
    result = data.replace(old, new)
    if b"\\" in old:
        result = result.replace(_doubled(old), _doubled(new))
        result = result.replace(_slashed(old), _slashed(new))
    if data.startswith(b"#!") and old in data.split(b"\n", 1)[0]:
        result = _shebang(data, result, old, new)
    return result


def _shebang(data: bytes, result: bytes, old: bytes, new: bytes) -> bytes:
    """Write a first line that the kernel understands: short, and no space in the program."""
    first, _, rest = result.partition(b"\n")
    tail = data.split(b"\n", 1)[0].split(old, 1)[1]
    program, _, arguments = tail.rstrip(b"\r").partition(b" ")
    program = new + program
    if len(first) <= SHEBANG_LIMIT and b" " not in new:
        return result
    name = program.rsplit(b"/", 1)[-1]
    if name.startswith((b"python", b"pypy")):
        words = b'"' + program + b'" ' + (arguments + b" " if arguments else b"")
        return b"#!/bin/sh\n'''exec' " + words + b"\"$0\" \"$@\"\n' '''\n" + rest
    return b"#!/usr/bin/env " + name + b"\n" + rest


def replace_in_binary(data: bytes, old: bytes, new: bytes, room: int) -> bytes | None:
    """Replace a path in NUL-terminated strings, keeping every offset; None where it has no room.

    ``room`` is the length of the path that the file was first compiled with: so
    much of the padding behind a string belongs to it, for each time it names the path.
    """
    if old == new:
        return data
    result = bytearray(data)
    at = data.find(old)
    while at >= 0:
        end = data.find(b"\0", at)
        end = len(data) if end < 0 else end
        text = data[at:end]
        count = text.count(old)
        stop = end + count * (room - len(old))
        replaced = text.replace(old, new)
        if data[end:stop].strip(b"\0") or stop > len(data) or len(replaced) > stop - at:
            return None
        result[at:stop] = replaced.ljust(stop - at, b"\0")
        at = data.find(old, stop)
    return bytes(result)


def placeholders(root: str, paths: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Give path → (``text`` or ``binary``, length of the placeholder) as conda recorded them."""
    known: dict[str, tuple[str, int]] = {}
    for path in paths:
        if not _is_conda_record(path):
            continue
        try:
            with open(os.path.join(root, path), "rb") as file:
                raw = file.read()
            if b"prefix_placeholder" not in raw:
                continue
            items = json.loads(raw)["paths_data"]["paths"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for item in items:
            if item.get("prefix_placeholder"):
                mode = item.get("file_mode", "text")
                known[item["_path"]] = (mode, len(os.fsencode(item["prefix_placeholder"])))
    return known


def _doubled(path: bytes) -> bytes:
    return path.replace(b"\\", b"\\\\")


def _slashed(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def _escaped(old: bytes, data: bytes) -> bool:
    """Say whether a Windows path is there with its backslashes doubled, or as slashes."""
    return b"\\" in old and (_doubled(old) in data or _slashed(old) in data)
