"""Compiled modules of a directory that leads to another build than before.

Python takes a compiled module for current where size and time of its source are what they
were. Wheels that are built reproducibly bear one time for all, so an edit that keeps the
size would go unnoticed: what was compiled of a changed distribution goes. What stayed the
same need not be compiled again.
"""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def cache_of(home: str | os.PathLike[str], directory: str) -> str:
    """Say where Python puts what it compiles of a directory, given ``PYTHONPYCACHEPREFIX``."""
    return os.path.join(home, "pycache", directory.lstrip(os.sep))


_TIGHT = 32 * 1024 * 1024
"""Bytes of free space below which compiling is left alone."""


def is_tight(home: str | os.PathLike[str]) -> bool:
    """Say whether the disk is so full that Python may write halves of compiled modules.

    It does not look whether all was written, and takes such a file for whole ever after.
    """
    from stead.store.atomic import free

    return free(home) < _TIGHT


def forget_halves(home: str | os.PathLike[str]) -> None:
    """Remove all compiled modules where some may be halves. What cannot be removed stays."""
    if is_tight(home):
        from stead.store.atomic import remove_tree
        from stead.values.errors import StoreError

        with contextlib.suppress(StoreError):
            remove_tree(os.path.join(home, "pycache"))


def forget_changed(home: str | os.PathLike[str], directory: str, old: str, new: str) -> None:
    """Remove what was compiled of distributions that differ between two builds.

    ``old`` is empty where it is not known what the directory led to: then all goes.
    """
    from stead.store.atomic import remove_tree

    cache = cache_of(home, directory)
    if not os.path.isdir(cache):
        return
    before, after = dict(records(old)) if old else {}, dict(records(new))
    if not before:
        remove_tree(cache)
        return
    for info in before.keys() | after.keys():
        if before.get(info) == after.get(info):
            continue
        for top in tops(before.get(info, b"")) | tops(after.get(info, b"")):
            _forget(os.path.join(cache, os.path.dirname(info)), top)


def records(build: str) -> Iterator[tuple[str, bytes]]:
    """Give the record of each distribution, by the path of its ``.dist-info`` in the build."""
    from stead.store import installed

    for path in installed.look(build):
        if path.endswith(".dist-info"):
            with (
                contextlib.suppress(OSError),
                open(os.path.join(build, path, "RECORD"), "rb") as file,
            ):
                yield path, file.read()


def tops(record: bytes) -> set[str]:
    """Name the packages and modules that a distribution brings."""
    lines = record.decode("utf-8", "replace").splitlines()
    paths = (line.split(",", 1)[0].strip('"') for line in lines)
    return {path.split("/", 1)[0] for path in paths if path and not path.startswith("..")}


def _forget(site: str, top: str) -> None:
    from stead.store.atomic import remove_tree

    if not top.endswith(".py"):
        remove_tree(os.path.join(site, top))
        return
    stem = top.removesuffix("py")
    with contextlib.suppress(OSError):
        for name in os.listdir(site):
            if name.startswith(stem) and name.endswith(".pyc"):
                os.unlink(os.path.join(site, name))
