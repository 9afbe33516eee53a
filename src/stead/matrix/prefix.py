"""Directories in the tree by which commands see a build of the store.

Where a project's configuration says where an environment lies (``.tox/py312``), that is
a real directory. What it holds are links to the build, but for the programs that name
the Python they run under: these are written anew, so that ``sys.prefix`` is the directory
that the configuration speaks of. Several such directories may lead to one build.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

from stead.matrix.compiled import forget_changed, records, tops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from stead.values.context import Context

NOTE = ".stead-environment.json"
"""Written last: what lies beside it is whole."""

LOGS = "log"

_MARKS = frozenset({NOTE, "pyvenv.cfg", ".tox-info.json", "conda-meta"})
"""What shows that a directory is an environment: made by Stead, a venv, tox's, conda's."""
_OWN = frozenset({LOGS, "tmp"})
"""What a run leaves in one that was never made."""

_SYSTEM = "include-system-site-packages"
_LONGEST_HEAD = 4096
_VERSION = 2


def is_made(directory: str, build: str, key: str, *, own: bool = False) -> bool:
    """Say whether a directory holds the environment of this key, made from this build.

    ``own`` says that it is a copy, not links.
    """
    try:
        with open(os.path.join(directory, NOTE), "rb") as file:
            noted = json.loads(file.read())
        if noted != _note(build, key):
            return False
        return own or os.path.lexists(os.path.join(directory, "lib"))
    except (OSError, ValueError):
        return False


def make(
    directory: str,
    build: str,
    key: str,
    context: Context,
    *,
    system: bool = False,
    product: str = "",
) -> None:
    """Fill a directory with links to a build, in place of what was there.

    ``product`` names the distribution under test: its files lie in the directory itself,
    where programs that resolve links (coverage) find them as well. ``system`` lets its Python see the packages of the interpreter as well. Killed at any
    point, it is made again next time. Raises StoreError.
    """
    with alone(directory, context):
        if is_made(directory, build, key):
            return  # somebody else just has
        before = leads_to(directory)
        clear(directory)
        _link(directory, build, product)
        forget_changed(context.home, directory, before, build)
        if system:
            open_to_system(directory)
        note(directory, build, key)


@contextlib.contextmanager
def alone(directory: str, context: Context) -> Iterator[None]:
    """Have a directory for oneself while it is made. Raises StoreError."""
    from stead.store.atomic import storage
    from stead.store.locking import exclusive

    guard = _lock(directory, context)
    doing = f"making {directory}"
    wait = context.progress.note
    with (
        exclusive(guard, note=wait, description=doing, remove=True, hand_on=True),
        storage(directory),
    ):
        yield


@contextlib.contextmanager
def used(directory: str, context: Context) -> Iterator[None]:
    """Use a directory together with others: who wants to make it anew waits. Raises StoreError."""
    from stead.store.locking import acquire, shared
    from stead.values.errors import StoreError

    guard = _lock(directory, context)
    with shared(guard, note=context.progress.note, description=f"testing in {directory}"):
        yield
    with contextlib.suppress(StoreError):  # somebody else has removed it
        last = acquire(guard, wait=False, create=False)
        if last is not None:
            last.release(remove=True)


def is_used(directory: str, context: Context) -> bool:
    """Say whether somebody uses a directory, or makes it."""
    from stead.store.locking import acquire

    guard = _lock(directory, context)
    if not os.path.exists(guard):
        return False
    lock = acquire(guard, wait=False)
    if lock is not None:
        lock.release(remove=True)
    return lock is None


def _lock(directory: str, context: Context) -> str:
    from stead.values.digest import short_key

    return os.path.join(context.home, "locks", f"prefix-{short_key(directory)}")


def holds(directory: str, key: str) -> bool:
    """Say whether a directory holds the environment of this key, from whichever build."""
    try:
        with open(os.path.join(directory, NOTE), "rb") as file:
            return bool(json.loads(file.read())["key"] == key)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def note(directory: str, build: str, key: str) -> None:
    """Note what a directory holds: from now on it is whole."""
    _write(directory, json.dumps(_note(build, key)).encode())


def forget(directory: str) -> None:
    """Have a directory made anew, whatever it holds."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(directory, NOTE))


def open_to_system(directory: str) -> None:
    """Let the Python of a directory see its interpreter's own packages."""
    path = os.path.join(directory, "pyvenv.cfg")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(f"{_SYSTEM} = false", f"{_SYSTEM} = true"))


def clear(directory: str) -> None:
    """Make a directory, or empty it, whoever made it; logs of earlier runs stay.

    Raises StoreError for a directory that holds something else than an environment.
    """
    from stead.store.atomic import remove_tree

    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        # Another environment's may be made at the same time.
        os.makedirs(parent, exist_ok=True)
        with open(os.path.join(parent, ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*\n")
    if os.path.islink(directory) or os.path.isfile(directory):
        os.unlink(directory)
    os.makedirs(directory, exist_ok=True)
    names = os.listdir(directory)
    _refuse_strange(directory, names)
    # It says that what is here is Stead's, whole or not, until a note of the whole is written.
    _write(directory, b"")
    for name in names:
        path = os.path.join(directory, name)
        if name == NOTE or (name == LOGS and os.path.isdir(path) and not os.path.islink(path)):
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            os.unlink(path)


def is_environment(directory: str) -> bool:
    """Say whether a directory holds an environment, whoever made it, and whole or not."""
    try:
        return not _MARKS.isdisjoint(os.listdir(directory))
    except OSError:
        return False


def _refuse_strange(directory: str, names: Sequence[str]) -> None:
    """Raise StoreError for a directory whose loss somebody would mind."""
    from stead.values.errors import StoreError

    if _MARKS.isdisjoint(names) and not _OWN.issuperset(names):
        raise StoreError(
            "an environment is to be made here, and there is something else",
            where=directory,
            details=[f"such as {min(set(names) - _OWN)}"],
            remedy="name another directory for it, or remove what is there",
        )


def _write(directory: str, note: bytes) -> None:
    """Write a note. It is not brought to the disk, and may be half there: then all is made anew."""
    with open(os.path.join(directory, NOTE), "wb") as file:
        file.write(note)


def leads_to(directory: str) -> str:
    """Give the build that a directory leads to; empty where that is not known."""
    try:
        with open(os.path.join(directory, NOTE), "rb") as file:
            return str(json.loads(file.read())["build"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _note(build: str, key: str) -> dict[str, object]:
    return {"version": _VERSION, "key": key, "build": build}


def _link(directory: str, build: str, product: str) -> None:
    from stead.store.layout import METADATA

    for name in os.listdir(build):
        source, target = os.path.join(build, name), os.path.join(directory, name)
        if name == METADATA:
            continue
        if name == "bin":
            _programs(source, target, build, directory)
        elif name == "lib" and not os.path.islink(source):
            _library(source, target, _tops_of(build, product))
        elif os.path.islink(source) and not os.path.isabs(os.readlink(source)):
            os.symlink(os.readlink(source), target)
        else:
            os.symlink(source, target)


def _library(source: str, target: str, own: Collection[str]) -> None:
    """Link what is in ``lib``; ``site-packages`` is a directory, and some of it lies there itself."""
    os.mkdir(target)
    for name in os.listdir(source):
        path, there = os.path.join(source, name), os.path.join(target, name)
        inner = name.startswith(("python", "pypy")) or name == "site-packages"
        if inner and os.path.isdir(path) and not os.path.islink(path):
            _library(path, there, own)
        elif name in own and os.path.basename(source) == "site-packages":
            _hard(path, there)
        else:
            os.symlink(path, there)


def _tops_of(build: str, product: str) -> set[str]:
    """Name what a distribution brings into ``site-packages``."""
    from stead.values.names import normalize_pypi

    for info, record in records(build):
        name = os.path.basename(info)
        if product and normalize_pypi(name.partition("-")[0]) == normalize_pypi(product):
            return {name, *tops(record)}
    return set()


def _hard(source: str, target: str) -> None:
    """Link a file, or all files of a directory; copy them where that cannot be."""
    import shutil

    if os.path.isdir(source) and not os.path.islink(source):
        os.mkdir(target)
        for name in os.listdir(source):
            _hard(os.path.join(source, name), os.path.join(target, name))
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _programs(source: str, target: str, build: str, directory: str) -> None:
    """Link programs; a link within the directory stays one, a script is written for its Python."""
    from stead.ecosystems.pypi.scripts import with_shebang

    old, python = os.path.join(build, "bin", "python"), os.path.join(directory, "bin", "python")
    known = os.fsencode(old)
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
            if not (head.startswith(b"#!") and known in head):
                os.symlink(path, there)
                continue
            content = with_shebang(head + file.read(), {old}, python)
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        with open(there, "wb") as file:
            file.write(content)
        os.chmod(there, mode | stat.S_IWUSR)
