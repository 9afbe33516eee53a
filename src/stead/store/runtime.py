"""What a project's own Python reads: ``stead.project``, and the description of a place.

``stead.project`` must be found by interpreters that do not have Stead, of other
versions than Stead's own. So its file lies alone in a directory that may stand on
``PYTHONPATH``. Nothing else of Stead is there: where an environment has Stead
among its packages, all but ``stead.project`` comes from those.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree, storage, write_file
from stead.store.layout import Layout
from stead.store.places import environment_directory, make_private
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PACKAGE = '''\
"""Holds `stead.project`, for code of a project that Stead started; Stead itself is not here.

Where Stead is among the packages of this Python, that is what `stead` means, with the
`stead.project` from here: it is the one that knows what the running Stead wrote.
"""

import os
import sys


def _hand_over():
    here = os.path.dirname(os.path.abspath(__file__))
    above = os.path.dirname(here)
    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != above]
    for finder in sys.meta_path:
        if getattr(finder, "__name__", "") != "PathFinder":
            continue
        spec = finder.find_spec(__name__, others)
        if spec is not None and spec.origin is not None and spec.submodule_search_locations:
            import importlib.util

            module = importlib.util.module_from_spec(spec)
            sys.modules[__name__] = module
            spec.loader.exec_module(module)
            module.__path__.insert(0, here)


_hand_over()
del _hand_over, os, sys
'''


def runtime_directory(home: Path) -> str:
    """Give the directory to put on ``PYTHONPATH`` so that ``import stead.project`` works.

    It is made where it is not there or not whole. Its name is made from its
    content: a newer Stead has another one, and what runs keeps its own. Raises
    StoreError.
    """
    files = _files()
    digest = sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    layout = Layout(home)
    target = os.path.join(layout.runtime, digest.hexdigest()[:16])
    if _whole(target, files):
        _note_use(target)
        return target
    with storage(target):
        made = os.path.join(layout.scratch, f"runtime-{os.urandom(6).hex()}")
        for name, content in files.items():
            write_file(os.path.join(made, name), content, 0o444)
        os.makedirs(layout.runtime, exist_ok=True)
        try:
            os.rename(made, target)
        except OSError:
            # Somebody else was first, or a part of it had gone.
            if not _whole(target, files):
                for name, content in files.items():
                    write_file(os.path.join(target, name), content, 0o444)
            remove_tree(made)
    return target


def old_runtimes(layout: Layout, before: float) -> list[Path]:
    """List what this and earlier versions of Stead left of it, by their own directories.

    Without those that a process was given since ``before``: it may still import from there.
    """
    try:
        names = sorted(os.listdir(layout.runtime))
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for name in names:
        path = layout.runtime / name
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(path).st_mtime <= before:
                found.append(path)
    return found


def _note_use(directory: str) -> None:
    """Let the directory's time say when it was last given; once in a day will do."""
    with contextlib.suppress(OSError):
        if time.time() - os.stat(directory).st_mtime > _DAY:
            os.utime(directory)


def keep_description(home: Path, place: str, environment: str, text: str) -> str:
    """Keep the description of a place in an environment; gives the absolute path of its file.

    Its name is made from its content, so that a process that runs on reads what
    it was started with, and apps that share a place do not see each other's.
    Files of the same place that nobody has been given for a month are removed.
    Raises StoreError.
    """
    content = text.encode("utf-8", "surrogateescape")
    directory = environment_directory(home, place, environment)
    name = f"{_PREFIX}{sha256(content).hexdigest()[:16]}.json"
    path = os.path.join(directory, name)
    with storage(path):
        make_private(os.fspath(home), directory)
        if _content(path) != content:
            write_file(path, content, 0o600)
        os.utime(path)
        _sweep(directory, name)
    return path


_PREFIX = "project-"
_DAY = 24 * 3600.0
_MONTH = 30 * 24 * 3600.0


def _sweep(directory: str, current: str) -> None:
    given = os.stat(os.path.join(directory, current)).st_mtime
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if not name.startswith(_PREFIX) or name == current:
            continue
        try:
            if given - os.stat(path).st_mtime > _MONTH:
                os.unlink(path)
        except FileNotFoundError:
            continue  # another process swept too


def _files() -> dict[str, bytes]:
    source = os.path.join(os.path.dirname(os.path.dirname(__file__)), "project.py")
    with storage(source), open(source, "rb") as file:
        project = file.read()
    return {
        "stead/__init__.py": _PACKAGE.encode(),
        "stead/project.py": project,
        "stead/py.typed": b"",
    }


def _whole(directory: str, files: Mapping[str, bytes]) -> bool:
    return all(_content(os.path.join(directory, n)) == content for n, content in files.items())


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
