"""Copies of builds, right where they stand: to tinker with, or come from another store."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from stead.store.atomic import remove_tree, storage, sync_directory, temporary_name
from stead.store.builds import META, lease, recorded_path
from stead.store.copying import copy_tree
from stead.store.layout import METADATA
from stead.store.relocation import Relocated, relocate
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_OWN = frozenset({"key", "path", "created", "by", "format", "files_sha256", "digest"})
"""What a store writes into a build's metadata itself."""


def private_copy(build: Path, destination: Path, final: Path | None = None) -> Relocated:
    """Copy a build to ``destination``, for its owner to change as they like.

    Its files are made fit for ``final``, where that is another place.

    ``destination`` must not exist, or be an empty directory. Nothing is shared
    with the store in a way that a change could reach it. What comes back names
    the files that could not be rewritten and still name the build. Raises
    StoreError; nothing is left then.
    """
    target = os.path.abspath(destination)
    if os.path.lexists(target) and not _is_empty_directory(target):
        raise StoreError(
            "there is something here already, and it is not overwritten",
            where=target,
            remedy="name a directory that does not exist",
        )
    parent = os.path.dirname(target)
    temporary = temporary_name(target)
    with contextlib.suppress(StoreError):  # what lies in no store cannot be collected
        lease(build)
    try:
        with storage(target):
            os.makedirs(parent, exist_ok=True)
            os.mkdir(temporary)
            copy_tree(os.fspath(build), temporary, skip=frozenset({METADATA}))
            result = relocate(temporary, recorded_path(build) or build, final or target)
            os.rename(temporary, target)
            sync_directory(parent)
    except BaseException:
        with contextlib.suppress(StoreError):
            remove_tree(temporary)
        raise
    return result


def moved_in(source: Path, made_at: str) -> Callable[[Path, Path], Mapping[str, object]]:
    """Give a maker for :meth:`Builds.realise` that copies ``source``, made for ``made_at``."""

    def make(temporary: Path, final: Path) -> Mapping[str, object]:
        with open(source / METADATA / META, "rb") as file:
            meta: dict[str, Any] = json.loads(file.read())
        copy_tree(os.fspath(source), os.fspath(temporary), skip=frozenset({METADATA}))
        done = relocate(temporary, made_at, final)
        kept: dict[str, object] = {k: v for k, v in meta.items() if k not in _OWN}
        if done.left:
            kept["names_other_path"] = list(done.left)
        return kept

    return make


def _is_empty_directory(path: str) -> bool:
    try:
        return not os.path.islink(path) and not os.listdir(path)
    except OSError:
        return False
