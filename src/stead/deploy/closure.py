"""What a node needs of this machine, as trees: builds, interpreters, the project's code.

::

    trees = trees_of_build(build, root, home)        # the build's, then its interpreter's
    code = tree_of_files(files, "code", home)
    needs_of(trees)                                  # what must be on the machine already
    write_tar(part, out)                             # the bytes of one part

A tree's key follows from its parts alone, so the same environment has the same key on each
machine that deploys it, if both have it for the same root.
"""

from __future__ import annotations

import json
import os
import stat

from stead.deploy.cache import Cache
from stead.deploy.libraries import needs_of
from stead.deploy.parts import divide
from stead.deploy.relocating import Moves, members, mode_of, with_parents
from stead.deploy.tar import write_tar
from stead.store.atomic import storage
from stead.store.builds import FILES, META, recorded_path
from stead.store.glance import is_bytecode
from stead.store.layout import METADATA
from stead.store.listing import Found, load, scan
from stead.store.relocation import placeholders
from stead.values.deployment import Member, Tree
from stead.values.digest import short_key
from stead.values.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stead.values.deployment import Part

__all__ = ["needs_of", "tree_of_build", "tree_of_files", "trees_of_build", "write_tar"]


def trees_of_build(
    build: str | os.PathLike[str],
    root: str,
    home: str | os.PathLike[str],
    moved: Mapping[str, str] | None = None,
) -> tuple[Tree, ...]:
    """Give the tree of a build, and that of its interpreter where it lies outside the store.

    ``root`` is the node's, ``home`` the STEAD_HOME in which digests are kept. ``moved`` says what
    other directories become on the node, such as that of an editable package. Raises StoreError.
    """
    from stead.deploy.interpreter import tree_of_interpreter

    outside = interpreter_of(build)
    if not outside:
        return (tree_of_build(build, root, home, moved),)
    python = tree_of_interpreter(outside, root, home)
    return (tree_of_build(build, root, home, moved, interpreter=(outside, python)), python)


def tree_of_build(
    build: str | os.PathLike[str],
    root: str,
    home: str | os.PathLike[str],
    moved: Mapping[str, str] | None = None,
    *,
    interpreter: tuple[str, Tree] | None = None,
) -> Tree:
    """Give the tree of a build alone; ``interpreter`` is the executable that it uses, and its tree.

    Raises StoreError.
    """
    tree = os.fspath(build)
    others = dict(moved or {})
    if interpreter is not None:
        from stead.deploy.interpreter import moves_of

        others |= moves_of(interpreter[0], root, interpreter[1])
    longest_first = sorted(others.items(), key=lambda o: (-len(o[0]), o))
    moves = Moves(recorded_path(tree) or tree, root, tuple(longest_first))
    found = _made(tree, scan(tree))
    times = {f.path: f for f in found}
    recorded = placeholders(tree, times)
    cache = Cache(home)
    by = ["build", moves.own, moves.root, moves.others]

    def part(named: tuple[str, list[Found]]) -> Part:
        name, entries = named
        return cache.part(
            name, entries, [*by, tree], lambda: members(tree, entries, moves, recorded, times)
        )

    from concurrent.futures import ThreadPoolExecutor

    # Hashing lets others run.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = tuple(pool.map(part, divide(tree, found)))
    return Tree(key_of(parts), _name(tree), parts)


def tree_of_files(files: Mapping[str, str], name: str, home: str | os.PathLike[str]) -> Tree:
    """Give a tree of one part: ``files`` maps paths in it to files of this machine.

    Links are kept if they stay within the tree, else what they lead to is taken. Raises
    StoreError for a path that leads out of the tree, and for what is no file.
    """
    found = [_entry(path, source) for path, source in sorted(files.items())]
    cache = Cache(home)
    part = cache.part(name, found, ["files", sorted(files.items())], lambda: _plain(found, files))
    return Tree(key_of((part,)), name, (part,))


def key_of(parts: Iterable[Part]) -> str:
    """Give the key of a tree made of these parts in this order."""
    return short_key([part.digest for part in parts])


def interpreter_of(build: str | os.PathLike[str]) -> str:
    """Give the executable outside the store that a build uses; empty for none."""
    try:
        with open(os.path.join(build, METADATA, META), "rb") as file:
            value = json.loads(file.read()).get("interpreter")
    except (OSError, ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""


def _made(tree: str, found: list[Found]) -> list[Found]:
    """Leave out what Python compiled in a build after it was made: that is how it was used so far.

    Who is root may write there, and Python then does.
    """
    loose = {f.path for f in found if is_bytecode(f.path)}
    if not loose:
        return found
    path = os.path.join(tree, METADATA, FILES)
    with storage(path), open(path, "rb") as file:
        listed = load(file.read(), path)
    return [f for f in found if f.path not in loose or f.path in listed]


def _name(tree: str) -> str:
    return os.path.basename(tree).partition("-")[2] or os.path.basename(tree)


def _entry(path: str, source: str) -> Found:
    parts = path.split("/")
    if not path or "" in parts or ".." in parts or "." in parts or "\0" in path:
        raise StoreError(f"the name {path!r} leads out of its directory", where=source)
    try:
        info = os.lstat(source)
        target = os.readlink(source) if stat.S_ISLNK(info.st_mode) else None
        if target is not None and not _stays(path, target):
            info, target = os.stat(source), None
    except OSError as exc:
        from stead.store.atomic import translate

        raise translate(exc, source) from exc
    if target is None and not stat.S_ISREG(info.st_mode):
        raise StoreError("this is no file, so it cannot be sent", where=source)
    inode = (info.st_dev, info.st_ino)
    return Found(path, info.st_mode, info.st_size, info.st_mtime_ns, target, info.st_nlink, inode)


def _stays(path: str, target: str) -> bool:
    if os.path.isabs(target):
        return False
    inside = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return inside.split(os.sep)[0] != os.pardir


def _plain(found: Sequence[Found], files: Mapping[str, str]) -> tuple[Member, ...]:
    made: dict[str, Member] = {}
    for f in found:
        if f.target is not None:
            made[f.path] = Member(f.path, "link", 0o777, f.target)
        else:
            made[f.path] = Member(f.path, "file", mode_of(f.mode), files[f.path], size=f.size)
    return with_parents(made)
