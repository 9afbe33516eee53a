"""Seeing from its files alone that a place is as a generation has it.

To compose a place, configure it and find its build takes longer than all else that the log
does. Most of the time the manifests, the lock and what is not there are as they were: then
so is all that follows from them, if the generation is *closed*, which is found out when
it is recorded. Whatever is uncertain here is left to the whole comparison.
"""

from __future__ import annotations

import os

from stead.formats.known import NAMES
from stead.history.plan import content, lock_path, paths_of, root_of
from stead.pipeline.files import VERSION_CONTROL, is_ours
from stead.values.errors import StoreError
from stead.values.names import DEFAULT
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.pipeline.request import Request
    from stead.store.generations import History
    from stead.values.generation import Generation

_LOCK = "stead.lock"


def unchanged(history: History, last: Generation, request: Request) -> bool:
    """Say whether a place is for certain as its newest generation has it. Reads files alone."""
    if not last.closed or (last.place, last.platform) != (history.place, request.platform.name):
        return False
    if last.environment != DEFAULT:  # its layers have files of their own, above the root too
        return False
    try:
        return _is_here(history, last, request.user_home)
    except (OSError, StoreError):
        return False


def _is_here(history: History, last: Generation, home: str) -> bool:
    root = root_of(history, last)
    files = paths_of(history, last, last.files)
    absent = paths_of(history, last, history.absent(last))
    if not absent or _any(absent):
        return False
    inside = list(_upwards(history.place, root))
    # A newer Stead may know of manifests that the one which recorded this did not.
    known = {*files, *absent, *(os.path.join(d, "__main__.py") for d in inside)}
    if not known.issuperset(os.path.join(d, name) for d in inside for name in NAMES):
        return False
    if root != history.place and not _any(os.path.join(root, mark) for mark in VERSION_CONTROL):
        return False
    above = [d for d in _upwards(os.path.dirname(root), os.sep) if d != home]
    if _any(os.path.join(d, name) for d in above for name in (*NAMES, *VERSION_CONTROL)):
        return False
    if not all(is_ours(path) and _sha(path) == last.files[name] for path, name in files.items()):
        return False
    lock = lock_path(history, last)
    others = {os.path.join(root, _LOCK)} - {lock}
    return _sha(lock) == last.lock_file and not _any(others)


def _upwards(directory: str, last: str) -> Iterator[str]:
    """Give a directory and those above it, up to ``last``."""
    while True:
        yield directory
        above = os.path.dirname(directory)
        if directory in (last, above):
            return
        directory = above


def _any(paths: Iterable[str]) -> bool:
    return any(map(os.path.lexists, paths))


def _sha(path: str) -> str:
    held = content(path)
    return "" if held is None else sha256(held).hexdigest()
