"""What was found out about parts, kept so that an unchanged deployment reads no file again.

::

    $STEAD_HOME/deploy/parts/<fingerprint>.json   digest and size, and what was rewritten
    $STEAD_HOME/deploy/files/<sha256>             rewritten files that are not small
    $STEAD_HOME/deploy/layers/<name>              compressed layers of images

A fingerprint covers path, mode, size and time of each file, and all that it is rewritten by. All
of it may be removed at any time; what was not used for a month goes by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from base64 import b64decode, b64encode

from stead.deploy.tar import measure
from stead.store.atomic import storage, write_file
from stead.values.deployment import Member, Part
from stead.values.frozen import replace
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from stead.store.listing import Found

FORMAT = 1
"""Part of each fingerprint: raise it when the same files come to give another part."""

SMALL = 64 * 1024
UNSETTLED = 2_000_000_000
"""Nanoseconds for which a file may change without its time telling."""
_UNUSED = 30 * 24 * 3600.0
_TOUCHED = 24 * 3600.0


class Cache:
    """The cache of one home."""

    def __init__(
        self, home: str | os.PathLike[str], *, now: Callable[[], float] = time.time
    ) -> None:
        """Open it; nothing is made before something is kept."""
        self.directory = os.path.join(os.fspath(home), "deploy")
        self._now = now
        self._pruned = False

    def part(
        self,
        name: str,
        found: Iterable[Found],
        by: object,
        make: Callable[[], tuple[Member, ...]],
    ) -> Part:
        """Give a part of these entries; ``make`` gives its members where they are not known yet.

        ``by`` is all that the members follow from beside the entries. Raises StoreError.
        """
        entries = sorted(found)
        listed = [(f.path, f.mode, f.size, f.mtime_ns, f.target, f.inode[1]) for f in entries]
        text = json.dumps([FORMAT, by, listed], separators=(",", ":")).encode()
        path = os.path.join(self.directory, "parts", f"{sha256(text).hexdigest()}.json")
        known = self._known(path)
        if known is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError, OSError):
                return self._restored(name, known)
        members = tuple(self._kept(m) for m in make())
        digest, size = measure(members)
        part = Part(name, digest, members, size)
        newest = max((f.mtime_ns for f in entries), default=0)
        if newest + UNSETTLED < self._now() * 1e9:
            self.keep(path, _dumped(part))
        return part

    def path(self, kind: str, name: str) -> str:
        """Give where something is kept, or would be; notes that it is used."""
        path = os.path.join(self.directory, kind, name)
        self._touch(path)
        return path

    def _known(self, path: str) -> dict[str, Any] | None:
        try:
            with open(path, "rb") as file:
                value = json.loads(file.read())
        except (OSError, ValueError):
            return None
        self._touch(path)
        return value if isinstance(value, dict) else None

    def _restored(self, name: str, known: dict[str, Any]) -> Part:
        members = []
        for path, kind, mode, source, size, *more in known["members"]:
            content, keyed, patches = more or (None, (), ())
            if source.startswith(os.path.join(self.directory, "files", "")):
                os.utime(source)  # raises where it is gone
            members.append(
                Member(
                    path,
                    kind,
                    mode,
                    source,
                    None if content is None else b64decode(content),
                    tuple(keyed),
                    size,
                    tuple((at, b64decode(new)) for at, new in patches),
                )
            )
        return Part(name, known["digest"], tuple(members), known["size"])

    def _kept(self, member: Member) -> Member:
        """Give a member whose content lies in a file if it is not small."""
        if member.content is None or len(member.content) <= SMALL:
            return member
        path = os.path.join(self.directory, "files", sha256(member.content).hexdigest())
        if not os.path.exists(path):
            self.keep(path, member.content)
        return replace(member, source=path, content=None)

    def keep(self, path: str, data: bytes) -> None:
        """Keep something. Raises StoreError."""
        with storage(path):
            self.prepare()
        write_file(path, data, 0o600, sync=False)

    def prepare(self, kind: str = "") -> None:
        """Make the directory for things of a kind, and tidy up once. Raises OSError."""
        if not self._pruned:
            self._pruned = True
            self.prune()
        make_private(self.directory)
        if kind:
            os.makedirs(os.path.join(self.directory, kind), exist_ok=True)

    def _touch(self, path: str) -> None:
        """Note that something is used, no more than once a day."""
        with contextlib.suppress(OSError):
            now = self._now()
            if os.stat(path).st_mtime < now - _TOUCHED:
                os.utime(path, (now, now))

    def prune(self) -> None:
        """Remove what was not used for a month. Never raises: it is tidying only."""
        for kind in ("parts", "files", "layers"):
            where = os.path.join(self.directory, kind)
            with contextlib.suppress(OSError), os.scandir(where) as entries:
                for entry in entries:
                    if entry.stat().st_mtime < self._now() - _UNUSED:
                        os.unlink(entry.path)


def make_private(directory: str) -> None:
    """Make a directory that only its owner may look into: code may be private. Raises OSError."""
    if not os.path.isdir(directory):
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)


def _dumped(part: Part) -> bytes:
    members: list[list[object]] = []
    for m in part.members:
        row: list[object] = [m.path, m.kind, m.mode, m.source, m.size]
        if m.content is not None or m.keyed or m.patches:
            content = None if m.content is None else b64encode(m.content).decode()
            row += [content, m.keyed, [(at, b64encode(new).decode()) for at, new in m.patches]]
        members.append(row)
    value = {"digest": part.digest, "size": part.size, "members": members}
    return json.dumps(value, separators=(",", ":")).encode()
