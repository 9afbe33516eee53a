"""Members of a part: files of this machine as they are to stand on another.

Where a file names the directory that it was built in, it is to name the tree's on the node, whose
key is not known yet: :data:`~stead.values.deployment.PLACEHOLDER` stands for it, and the
places are noted. Hashes in packages' records follow. Of a file with such a place the record
keeps no hash (a record may lack it): it would hold for no tree. Compiled Python is bound to its
source by nothing but the name from here on, since times do not travel.
"""

from __future__ import annotations

import json
import os
import re
import stat
import struct
from posixpath import dirname, normpath, relpath

from stead.deploy.parts import source_of
from stead.deploy.tar import CHUNK
from stead.store.atomic import translate
from stead.store.relocation import COMPILED, replace_in_binary, replace_in_text
from stead.values.deployment import PLACEHOLDER, Member
from stead.values.errors import StoreError
from stead.values.frozen import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stead.store.listing import Found

_STEP = 512
_FLAGS = struct.Struct("<III")
_UNCHECKED = struct.pack("<I", 1) + bytes(8)
"""Flags and hash of compiled Python that is taken for what it is without a look at its source."""
_OF_MACHINE = ("extracted_package_dir", "package_tarball_full_path", "link")
"""What conda's records say of the machine that installed the package."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What paths of this machine become on the node."""

    own: str
    """Where the tree was made to stand; empty for files that were made for no place."""
    root: str
    """The node's root."""
    others: tuple[tuple[str, str], ...] = ()
    """Further directories, and what they become: the interpreter's, the project's."""

    @property
    def tree(self) -> str:
        return f"{self.root}/trees/{PLACEHOLDER}"

    @property
    def needles(self) -> tuple[bytes, ...]:
        return tuple(os.fsencode(p) for p in (self.own, *(old for old, _ in self.others)) if p)


def members(
    tree: str,
    found: Iterable[Found],
    moves: Moves,
    recorded: Mapping[str, tuple[str, int]],
    times: Mapping[str, Found],
) -> tuple[Member, ...]:
    """Give the members of one part, sorted, with the directories that they stand in.

    ``recorded`` says what conda knew of paths in files; ``times`` has all entries of the tree by
    path. Raises StoreError for a file that cannot be read, or compiled code that has no room for
    the path.
    """
    made: dict[str, Member] = {}
    needles = moves.needles
    for entry in found:
        if stat.S_ISDIR(entry.mode):
            made[entry.path] = Member(entry.path, "directory", 0o755)
        elif entry.target is not None:
            target = _target(entry.path, entry.target, moves)
            made[entry.path] = Member(entry.path, "link", 0o777, target)
        elif stat.S_ISREG(entry.mode):
            known = recorded.get(entry.path)
            member = _file(tree, entry, moves, known, times, needles=needles)
            if member is not None:
                made[entry.path] = member
    _update_records(made)
    return with_parents(made)


def with_parents(made: dict[str, Member]) -> tuple[Member, ...]:
    """Give members by path, sorted, with the directories that they stand in.

    Raises StoreError where a file stands where another one needs a directory.
    """
    for path in list(made):
        at = dirname(path)
        while at and at not in made:
            made[at] = Member(at, "directory", 0o755)
            at = dirname(at)
        if at and made[at].kind != "directory":
            raise StoreError(f"{at} is both a file and a directory")
    return tuple(made[path] for path in sorted(made))


def mode_of(mode: int) -> int:
    """Give the mode of a file on the node: executable or not, and the owner may write."""
    return 0o755 if mode & 0o111 else 0o644


def _target(path: str, target: str, moves: Moves) -> str:
    """Give where a link leads on the node: within its own tree, or to another, relatively."""
    if not os.path.isabs(target):
        return target
    here = dirname(f"{moves.root}/trees/{PLACEHOLDER}/{path}")
    for old, new in ((moves.own, moves.tree), *moves.others):
        if old and (target == old or target.startswith(old + "/")):
            # Nothing of the key is in it: the way between two trees passes by both their names.
            return relpath(new + target[len(old) :], here)
    return target


def _file(
    tree: str,
    entry: Found,
    moves: Moves,
    recorded: tuple[str, int] | None,
    times: Mapping[str, Found],
    *,
    needles: tuple[bytes, ...],
) -> Member | None:
    source = os.path.join(tree, entry.path)
    plain = Member(entry.path, "file", mode_of(entry.mode), source, size=entry.size)
    if entry.path.endswith(".pyc") and "__pycache__/" in entry.path:
        return _compiled_python(plain, times)
    try:
        data = _naming(source, entry.size, needles)
    except OSError as exc:
        raise translate(exc, source) from exc
    if data is None:
        return plain
    binary = recorded[0] == "binary" if recorded else b"\0" in data
    return _in_code(plain, data, moves, recorded) if binary else _in_text(plain, data, moves)


def _naming(path: str, size: int, needles: tuple[bytes, ...]) -> bytes | None:
    """Give a file's content if it has one of the needles; not read whole before that is known."""
    if not needles:
        return None
    with open(path, "rb", buffering=0) as file:
        data = file.read(CHUNK)
        if len(data) < CHUNK and size <= CHUNK:
            return data if any(n in data for n in needles) else None
        longest = max(map(len, needles))
        while not any(n in data for n in needles):
            more = file.read(CHUNK)
            if not more:
                return None
            data = data[-longest:] + more
        file.seek(0)
        return file.readall()


def _in_text(plain: Member, data: bytes, moves: Moves) -> Member:
    result = data
    if moves.own:
        result = replace_in_text(result, os.fsencode(moves.own), os.fsencode(moves.tree))
    for old, new in moves.others:
        name = re.compile(re.escape(os.fsencode(old)) + rb"(?![\w.+-])")
        result = os.fsencode(new).join(name.split(result))
    if result == data:
        return plain
    return replace(plain, content=result, keyed=_keyed(result, moves), size=len(result))


def _in_code(plain: Member, data: bytes, moves: Moves, recorded: tuple[str, int] | None) -> Member:
    own, tree = os.fsencode(moves.own), os.fsencode(moves.tree)
    result: bytes | None = data
    if own and own in data and (recorded or data.startswith(COMPILED)):
        room = max(recorded[1], len(own)) if recorded else len(own)
        result = replace_in_binary(data, own, tree, room)
        if result is None and recorded is not None:
            raise StoreError(
                f"the path has {len(tree)} characters, but compiled code of this environment "
                f"has room for {room}",
                where=moves.root,
                details=(f"file: {plain.path}",),
                remedy="choose a shorter directory for the target",
            )
    if result is None or result == data:
        return plain
    return replace(plain, patches=tuple(_difference(data, result)), keyed=_keyed(result, moves))


def _keyed(data: bytes, moves: Moves) -> tuple[int, ...]:
    start = os.fsencode(f"{moves.root}/trees/")
    return tuple(
        match.end()
        for match in re.finditer(re.escape(start) + rb"(?=" + PLACEHOLDER.encode() + rb")", data)
    )


def _difference(before: bytes, after: bytes) -> Iterator[tuple[int, bytes]]:
    old, new = memoryview(before), memoryview(after)
    for at in range(0, len(before), _STEP):
        if old[at : at + _STEP] != new[at : at + _STEP]:
            yield at, bytes(new[at : at + _STEP])


def _compiled_python(plain: Member, times: Mapping[str, Found]) -> Member | None:
    """Let compiled Python hold whatever its source's time becomes; None where it holds no more."""
    source = times.get(source_of(plain.path))
    if source is None:
        return plain
    try:
        with open(plain.source, "rb") as file:
            start = file.read(16)
    except OSError as exc:
        raise translate(exc, plain.source) from exc
    if len(start) < 16 or re.search(r"\.(cpython-3[0-6]|pypy3[0-6])\b", plain.path):
        return None  # those know only times
    flags, time, size = _FLAGS.unpack(start[4:])
    if flags & 1:
        return plain
    if flags or time != source.mtime_ns // 10**9 & 0xFFFFFFFF or size != source.size & 0xFFFFFFFF:
        return None
    return replace(plain, patches=((4, _UNCHECKED),))


def _update_records(made: dict[str, Member]) -> None:
    changed = {p: m for p, m in made.items() if m.content is not None or m.patches}
    for path in sorted(made):
        if path.endswith(".dist-info/RECORD") and made[path].kind == "file":
            _wheel_record(made, path, changed)
    for path in sorted(made):
        if path.startswith("conda-meta/") and path.endswith(".json"):
            _conda_record(made, path, changed)


def _wheel_record(made: dict[str, Member], path: str, changed: dict[str, Member]) -> None:
    import csv
    import io
    from base64 import urlsafe_b64encode

    text = _content(made[path]).decode("utf-8", "surrogateescape")
    base = dirname(dirname(path))
    lines = text.splitlines(keepends=True)
    touched = False
    for at, line in enumerate(lines):
        row = next(csv.reader([line]), [])
        member = changed.get(normpath(f"{base}/{row[0]}")) if len(row) > 2 and row[1] else None
        if member is None:
            continue
        sha = urlsafe_b64encode(bytes.fromhex(_sha256(member))).rstrip(b"=").decode()
        out = io.StringIO()
        value = "" if member.keyed else f"sha256={sha}"
        csv.writer(out, lineterminator="\n").writerow([row[0], value, member.size])
        lines[at] = out.getvalue()
        touched = True
    if touched:
        _replace(made, path, "".join(lines).encode("utf-8", "surrogateescape"), changed)


def _conda_record(made: dict[str, Member], path: str, changed: dict[str, Member]) -> None:
    try:
        record = json.loads(_content(made[path]))
        items = record["paths_data"]["paths"]
        for item in items:
            member = changed.get(item.get("_path", ""))
            if member is None:
                continue
            item.pop("sha256_in_prefix", None)
            if member.keyed:
                if "prefix_placeholder" not in item:
                    item.pop("sha256", None)
            else:
                item["sha256_in_prefix"] = _sha256(member)
            item["size_in_bytes"] = member.size
        for name in _OF_MACHINE:
            record.pop(name, None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    data = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogateescape"
    )
    _replace(made, path, data, changed)


def _replace(made: dict[str, Member], path: str, data: bytes, changed: dict[str, Member]) -> None:
    # What it named of the tree's path was noted for the content before.
    keyed: Sequence[int] = made[path].keyed
    if keyed:
        keyed = [m.start() for m in re.finditer(PLACEHOLDER.encode(), data)]
    made[path] = replace(made[path], content=data, patches=(), keyed=tuple(keyed), size=len(data))
    changed[path] = made[path]


def _content(member: Member) -> bytes:
    if member.content is not None:
        return member.content
    try:
        with open(member.source, "rb") as file:
            return file.read()
    except OSError as exc:
        raise translate(exc, member.source) from exc


def _sha256(member: Member) -> str:
    """Give the hash of what a member holds, with placeholders where they stand."""
    import hashlib

    if member.content is not None:
        return hashlib.sha256(member.content).hexdigest()
    data = bytearray(_content(member))
    for at, new in member.patches:
        data[at : at + len(new)] = new
    return hashlib.sha256(data).hexdigest()
