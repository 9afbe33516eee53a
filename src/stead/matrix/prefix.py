"""Directories in the tree by which commands see a build of the store.

Where a project's configuration says where an environment lies (``.tox/py312``), that is
a real directory. What it holds are links to the build, but for the programs that name
the Python they run under: these are written anew, so that ``sys.prefix`` is the directory
that the configuration speaks of. Several such directories may lead to one build.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stead.values.context import Context

NOTE = ".stead-environment.json"
"""Written last: what lies beside it is whole."""

_LONGEST_HEAD = 4096
_VERSION = 1


def is_made(directory: str, build: str, key: str) -> bool:
    """Say whether a directory holds the environment of this key, made from this build."""
    try:
        with open(os.path.join(directory, NOTE), "rb") as file:
            noted = json.loads(file.read())
        if noted != _note(build, key):
            return False
        return os.readlink(os.path.join(directory, "lib")) == os.path.join(build, "lib")
    except (OSError, ValueError):
        return False


def make(directory: str, build: str, key: str, context: Context) -> None:
    """Fill a directory with links to a build, in place of what was there.

    Killed at any point, it is made again next time. Raises StoreError.
    """
    from stead.store.atomic import storage, write_file
    from stead.store.layout import Layout
    from stead.store.locking import exclusive
    from stead.values.digest import short_key

    guard = Layout(context.home).locks / f"prefix-{short_key(directory)}"
    doing = f"making {directory}"
    note = context.progress.note
    with exclusive(guard, note=note, description=doing, remove=True), storage(directory):
        _clear(directory)
        _link(directory, build)
        write_file(os.path.join(directory, NOTE), json.dumps(_note(build, key)).encode())


def _note(build: str, key: str) -> dict[str, object]:
    return {"version": _VERSION, "key": key, "build": build}


def _clear(directory: str) -> None:
    """Empty a directory, which may be tox's; logs of earlier runs stay."""
    from stead.store.atomic import remove_tree

    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        os.makedirs(parent)
        with open(os.path.join(parent, ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*\n")
    if os.path.islink(directory) or not os.path.isdir(directory):
        if os.path.lexists(directory):
            os.unlink(directory)
        os.makedirs(directory)
    names = os.listdir(directory)
    for name in sorted(names, key=lambda n: n != NOTE):
        path = os.path.join(directory, name)
        if name == "log" and os.path.isdir(path) and not os.path.islink(path):
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            os.unlink(path)


def _link(directory: str, build: str) -> None:
    from stead.store.layout import METADATA

    for name in os.listdir(build):
        source, target = os.path.join(build, name), os.path.join(directory, name)
        if name == METADATA:
            continue
        if name == "bin":
            _programs(source, target, build, directory)
        elif os.path.islink(source) and not os.path.isabs(os.readlink(source)):
            os.symlink(os.readlink(source), target)
        else:
            os.symlink(source, target)


def _programs(source: str, target: str, build: str, directory: str) -> None:
    """Link programs; a link within the directory stays one, a script is written for its place."""
    old, new = os.fsencode(build), os.fsencode(directory)
    os.mkdir(target)
    for name in os.listdir(source):
        path, there = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(path):
            leads = os.readlink(path)
            # Python finds its environment by the path that it was called by, link by link.
            os.symlink(leads if os.path.isabs(leads) or "/" not in leads else path, there)
            continue
        with open(path, "rb") as file:
            head = file.read(_LONGEST_HEAD) if os.path.isfile(path) else b""
            if not (head.startswith(b"#!") and old in head):
                os.symlink(path, there)
                continue
            content = (head + file.read()).replace(old, new)
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        with open(there, "wb") as file:
            file.write(content)
        os.chmod(there, mode | stat.S_IWUSR)
