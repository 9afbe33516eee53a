"""Files linked from a cache into a tree, in few words, so that it is done again fast.

What an ecosystem keeps of a package that it has linked once: which files come from
which directory, and the size and time each had. Linking looks at each file once, and
sealing a build then need not look again.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from stead.ecosystems.protocol import Survey


_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


class StaleError(Exception):
    """The cache does not hold what was noted of it."""


class Group(NamedTuple):
    """Files linked from one directory of an unpacked package into one of the tree."""

    target: str
    """Relative to the tree."""
    source: str
    """Relative to the unpacked package; empty for its top."""
    names: list[str]
    modes: list[int]
    """As ``lstat`` has them once the rights to write are gone."""
    sizes: list[int]
    times: list[int]

    @property
    def paths(self) -> list[str]:
        """The files' paths in the tree."""
        start = f"{self.target}/" if self.target else ""
        return [f"{start}{name}" for name in self.names]

    def add(self, name: str, info: os.stat_result) -> None:
        """Note one more file as ``lstat`` has it."""
        self.names.append(name)
        self.modes.append(sealed(info.st_mode))
        self.sizes.append(info.st_size)
        self.times.append(info.st_mtime_ns)


def sealed(mode: int) -> int:
    """Give the mode that a file has without the rights to write."""
    return stat.S_IFMT(mode) | mode & 0o555 | 0o400


def link_group(group: Group, package: str, tree: str) -> None:
    """Link the files of a group, whose directory is there.

    Raises StaleError where one has another kind, size or time than noted, OSError.
    """
    link, look = os.link, os.stat
    source = os.open(f"{package}/{group.source}", _DIRECTORY)
    try:
        target = os.open(f"{tree}/{group.target}", _DIRECTORY)
        try:
            for name, mode, size, time in zip(*group[2:], strict=True):
                link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
                info = look(name, dir_fd=target, follow_symlinks=False)
                if info.st_size != size or info.st_mtime_ns != time:
                    raise StaleError
                if info.st_mode != mode:
                    if stat.S_IFMT(info.st_mode) != stat.S_IFMT(mode):
                        raise StaleError
                    os.chmod(name, mode & 0o7777, dir_fd=target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def with_parents(places: Iterable[str]) -> list[str]:
    """Give directories with all above them, each behind the one that it is in."""
    known: dict[str, None] = {}
    for place in sorted(set(places)):
        parts = place.split("/")
        for end in range(1, len(parts) + 1):
            known["/".join(parts[:end])] = None
    known.pop("", None)
    return list(known)


def tell(
    survey: Survey,
    tree: Path,
    made: Iterable[str],
    linked: Iterable[tuple[str, Sequence[Group], Collection[str]]],
    mixed: Collection[str],
) -> None:
    """Tell a survey what has been linked, just now and alone.

    ``made`` are the directories that are new. ``linked`` gives, per package, the
    path of its record, its files, and those of them whose sha256 the record does
    not carry. ``mixed`` are directories that hold other files besides.
    """
    made = list(made)
    told: dict[str, list[tuple[list[str], list[int], list[int], list[int]]]]
    told = {path: [] for path in made if path not in mixed}
    for record, groups, loose in linked:
        sizes: dict[str, int] = {}
        for group in groups:
            if group.target in told:
                told[group.target].append(group[2:])
            else:
                sizes.update(zip(group.paths, group.sizes, strict=True))
        for path in loose:
            sizes.pop(path, None)
        survey.vouch(record, sizes)
    survey.tell(tree, made, told)


def keep(file: str, value: Mapping[str, object]) -> None:
    """Write a note as JSON, whole or not at all. Raises OSError."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    temporary = f"{file}.{os.urandom(4).hex()}.tmp"
    with open(temporary, "wb") as opened:
        opened.write(json.dumps(value, separators=(",", ":")).encode())
    os.replace(temporary, file)
