"""Putting back what is declared, where something was changed behind Stead's back.

What somebody wrote by hand is kept and named: an edited file beside the place's
records, a damaged build until the next collection, a whole copy beside the new one.
"""

from __future__ import annotations

import contextlib
import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.store import copies as store
from stead.store import installed
from stead.store.atomic import inside, remove_tree, storage
from stead.store.builds import recorded_path
from stead.store.copying import copy_tree
from stead.store.layout import METADATA, Layout
from stead.store.locking import exclusive
from stead.store.relocation import relocate
from stead.values.errors import StoreError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.pipeline.steps import Prepared
    from stead.store.copies import Copy
    from stead.values.context import Context
    from stead.values.drift import Drift, Installed


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. ``kept`` are what was there, and where that is now."""

    done: tuple[Drift, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[Drift, str, str], ...] = ()
    """What could not be: why, and what to do."""


def lost(drift: Drift) -> str:
    """Say what is gone for good once a drift is taken back; empty where nothing is."""
    if drift.kind != "package" or drift.what == "removed":
        return ""
    return f"{drift.ecosystem} {drift.name} {drift.found} goes from {drift.where}"


def packages(drift: Sequence[Drift], copy: Copy, builds: Sequence[Path], context: Context) -> None:
    """Put packages of a copy back as they should be, from the first of ``builds`` that has them.

    Other packages, and files that belong to none, stay as they are. Raises StoreError,
    before anything has changed, where no build has what is needed.
    """
    guard = os.path.join(copy.directory, METADATA, "lock")
    note = context.progress.note
    with exclusive(guard, note=note, description=f"restoring {copy.directory}", remove=True):
        now = store.as_of(store.read(copy.directory) or copy, copy.build)
        _packages(drift, now, builds, context)


def _packages(drift: Sequence[Drift], copy: Copy, builds: Sequence[Path], context: Context) -> None:
    wanted = {d.name: d.ecosystem for d in drift}
    gone, came = store.looks(copy)
    gone = [one for one in gone if wanted.get(one.name) == one.ecosystem]
    came = [one for one in came if wanted.get(one.name) == one.ecosystem]
    conda = [one for one in (*gone, *came) if one.ecosystem == "conda"]
    brought = {path for one in conda for path in one.brings}
    source = _source(gone, builds, copy)
    with _fresh(source, copy.directory) as tree:
        put = _files_of(gone, brought, tree)
        taken = _files_of(came, brought, copy.directory)
        there = {f for f in taken if os.path.lexists(os.path.join(tree, f))}
        for file in sorted(taken, key=_records_last):
            _take(copy.directory, file)
        for file in sorted({*put, *there}, key=_records_last):
            _put(tree, copy.directory, file)
    now = installed.look(copy.directory)
    held = {
        path: (now.get(path, time) if wanted.get(one.name) or path in brought else time, one)
        for path, (time, one) in copy.packages.items()
    }
    store.save(context.home, replace(copy, packages=held))


def _records_last(file: str) -> tuple[int, str]:
    """Sort files so that a package is told to have drifted until all of it is put right."""
    if file.endswith(".dist-info/RECORD") or file.startswith("conda-meta/"):
        return 2, file
    return (1 if ".dist-info/" in file else 0), file


def _source(gone: Iterable[Installed], builds: Sequence[Path], copy: Copy) -> Path:
    """Choose a build that has all that is to be put back."""
    wanted = {(one.key, one.version) for one in gone}
    for build in builds:
        if not os.path.isdir(build):
            continue
        if not wanted or wanted <= {(o.key, o.version) for o in store.inventory(str(build))}:
            return build
    raise StoreError(
        "the build that this copy was made from is gone",
        where=copy.directory,
        remedy=f"`stead restore {copy.directory}` makes the whole copy anew",
    )


@contextlib.contextmanager
def _fresh(build: Path, directory: str) -> Iterator[str]:
    """Give a tree with what a build holds, right for ``directory``, in which it lies.

    What a killed process left of one goes first: whoever calls this is alone here.
    """
    tree = os.path.join(directory, METADATA, "fresh")
    remove_tree(tree)
    try:
        with storage(directory):
            os.mkdir(tree, 0o700)
            copy_tree(os.fspath(build), tree, skip=frozenset({METADATA}))
            relocate(tree, recorded_path(build) or build, directory)
        yield tree
    finally:
        with contextlib.suppress(StoreError):
            remove_tree(tree)


def _files_of(ones: Iterable[Installed], brought: Iterable[str], tree: str) -> set[str]:
    """Give all files of packages in a tree, relative to it."""
    found: set[str] = set()
    for path in (*(one.path for one in ones), *brought):
        found.update(installed.files(tree, path))
        for parent, _, names in os.walk(os.path.join(tree, path)):
            below = os.path.relpath(parent, tree).replace(os.sep, "/")
            found.update(f"{below}/{name}" for name in names)
    return found


def _take(tree: str, file: str) -> None:
    """Remove a file with the bytecode made of it, and directories that are empty then."""
    with contextlib.suppress(StoreError, OSError):
        path = os.fspath(inside(tree, file))
        head, name = os.path.split(path)
        if name.endswith(".py"):
            cached = glob.escape(os.path.join(head, "__pycache__", name[:-3]))
            for bytecode in glob.glob(f"{cached}.*.pyc"):
                os.unlink(bytecode)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        for parent in (os.path.join(head, "__pycache__"), head):
            with contextlib.suppress(OSError):
                os.rmdir(parent)
        while (head := os.path.dirname(head)) != tree:
            os.rmdir(head)  # not empty: OSError ends this


def _put(source: str, tree: str, file: str) -> None:
    """Move a file from one tree to where it stands in another."""
    old = os.path.join(source, file)
    if not os.path.lexists(old) or (os.path.isdir(old) and not os.path.islink(old)):
        return
    new = os.fspath(inside(tree, file))
    with storage(new):
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.replace(old, new)


def anew(copy: Copy, build: Path, context: Context) -> str:
    """Make a whole copy again from a build; gives where the former one is now. Raises StoreError."""
    from stead.store.writable import private_copy

    number = 1
    while os.path.lexists(aside := f"{copy.directory}.before-{number}"):
        number += 1
    with storage(copy.directory):
        os.rename(copy.directory, aside)
    try:
        private_copy(build, Path(copy.directory))
    except BaseException:
        os.rename(aside, copy.directory)
        raise
    store.made(context.home, copy.place, copy.environment, os.fspath(build), copy.directory)
    return aside


def build(drift: Sequence[Drift], context: Context) -> tuple[tuple[str, str], ...]:
    """Set a changed build aside, so that it is made again when it is next used.

    Gives what was set aside: the build's name, and where it is until the next collection. Where
    only times were changed, these are set right. Raises StoreError.
    """
    from stead.store import glance
    from stead.store.verify import repair, verify

    layout = Layout(context.home)
    kept: list[tuple[str, str]] = []
    for where in dict.fromkeys(d.where for d in drift):
        findings = verify(layout, [Path(where)], context.progress)
        if findings:
            done = repair(layout, findings, context.progress.note)
            kept += [(name, os.fspath(layout.store / now)) for name, now in done.aside]
        else:
            glance.set_times(where, [d.name for d in drift if d.where == where])
    return tuple(kept)


def files(drift: Iterable[Drift], place: str, context: Context) -> Restored:
    """Take edited files out of the way, so that they are rendered again; each is kept."""
    from stead.store.rendered import set_aside

    done, kept, failed = [], [], []
    for one in drift:
        if os.path.isdir(one.where) and not os.path.islink(one.where):
            failed.append((one, "a directory stands there", "move it away"))
            continue
        if os.path.exists(one.where):
            kept.append((one.name, set_aside(context.home, place, one.where)))
        with storage(one.where), contextlib.suppress(FileNotFoundError):
            os.unlink(one.where)
        done.append(one)
    return Restored(tuple(done), tuple(kept), tuple(failed))


def only_other(
    kept: Iterable[tuple[str, str]], files: Iterable[Drift]
) -> tuple[tuple[str, str], ...]:
    """Forget what was kept of files that have the same content again; gives the others."""
    where = {one.name: one.where for one in files}
    others = []
    for name, path in kept:
        with storage(path), open(path, "rb") as old, open(where[name], "rb") as new:
            same = old.read() == new.read()
        if same:
            remove_tree(os.path.dirname(path))
        else:
            others.append((name, path))
    return tuple(others)


def variables(prepared: Prepared, context: Context) -> bool:
    """Have the hook set the variables again at the next prompt; says whether there is a hook."""
    from stead.pipeline import keep

    if not keep.is_trusted(prepared.composed.spec, context):
        return False
    keep.keep(prepared.composed, prepared.activation, context, started=context.now(), anew=True)
    return True
