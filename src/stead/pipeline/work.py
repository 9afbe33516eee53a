"""Working copies: a used module that is edited beside the project which uses it.

The manifests stay as they are. The lock says of a pin which directory is used
instead of the commit, and so the composition, the build and every later command
follow; ``--locked`` refuses such a lock.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import lockfile, locks, steps, working_git
from stead.pipeline.brought import address_of
from stead.pipeline.compose import layer_candidates
from stead.pipeline.discover import discover
from stead.store import working
from stead.store.atomic import remove_tree
from stead.values.errors import NetworkError, SteadError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.names import nearest

if TYPE_CHECKING:
    from stead.pipeline.locks import Change
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.pipeline.working_git import Work
    from stead.values.context import Context
    from stead.values.lock import Pin
    from stead.values.manifest import Use


@dataclass(frozen=True)
class WorkingCopy:
    """A module's working copy: what it stands for, and where it is.

    ``work`` is None where the directory is gone, and where it is not this user's
    doing that the lock names it: then git is not asked about it.
    """

    pin: Pin
    directory: str
    there: bool
    known: bool
    work: Work | None = None


@dataclass(frozen=True)
class Done:
    """What starting or ending work on a module did.

    ``made``: the directory was cloned, or removed, by this command. ``notes`` are for
    the user to read.
    """

    copy: WorkingCopy
    made: bool
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def start(request: Request, context: Context, name: str, at: str = "") -> Done:
    """Use a module from a working copy, cloning it at its pinned revision where needed.

    ``at`` is an absolute directory, which may hold a clone already; without it one
    beside the project is made. Raises UsageError for what is no module of this place
    or no place for a clone, NetworkError, and what locking raises.
    """
    root, pins = _lock_of(request, context)
    for pin in pins:
        directory = _directory(root, pin)
        if pin.name == name and pin.working and os.path.isdir(directory):
            if at and os.path.realpath(at) != os.path.realpath(directory):
                raise UsageError(
                    f"module {name} has a working copy already: {directory}",
                    remedy=f"run `stead work {name} --drop` first",
                )
            working.remember(context.home, _known(context, directory, pin.location))
            return Done(_seen(root, pin, context), made=False)
    composed = steps.composed_for(replace(request, working={name: ""}), context, fetch=True)
    use = _use(composed, name)
    pin = composed.modules.used[name]
    shared = _shared(root, pins, pin)
    directory = os.path.normpath(at or shared or _beside(composed.spec.root, use))
    made = _prepare(use, pin, directory, context, named=bool(at or shared))
    try:
        relative = os.path.relpath(directory, composed.spec.root).replace(os.sep, "/")
        changes, notes = _locked_anew(request, context, name, relative)
    except BaseException:
        if made:
            remove_tree(directory)
            working.forget(context.home, directory)
        raise
    copy = _seen(root, replace(pin, working=relative), context)
    if made and copy.work is not None and not copy.work.branch:
        notes = (*notes, f"{directory} is on no branch: `git switch -c NAME` there makes one")
    return Done(copy, made, changes, notes)


def drop(request: Request, context: Context, name: str, *, force: bool = False) -> Done:
    """Go back to a module's pinned revision, and remove its working copy if Stead made it.

    Raises UsageError for a module without a working copy, and, unless ``force``, for one
    that holds what was not committed or not pushed.
    """
    root, pins = _lock_of(request, context)
    mine = [p for p in pins if p.name == name and p.working]
    if not mine:
        others = sorted({p.name for p in pins if p.working})
        raise UsageError(
            f"module {name} has no working copy",
            remedy=f"there are some of {', '.join(others)}"
            if others
            else "`stead work` lists them",
        )
    pin = mine[0]
    copy = _seen(root, pin, context)
    others = [p.name for p in pins if p.working == pin.working and p.name != name]
    remembered = working.known(context.home, copy.directory)
    removable = copy.there and not others and remembered is not None and remembered.made
    if removable:
        _refuse_to_lose(copy, name, context, force=force)
    changes, notes = _locked_anew(request, context, name, "")
    if removable:
        _refuse_to_lose(copy, name, context, force=force)  # locking may have taken a while
        remove_tree(copy.directory)
    elif copy.there:
        why = f"{', '.join(others)} uses it" if others else "Stead did not make it"
        notes = (*notes, f"{copy.directory} stays: {why}")
    if not others:
        working.forget(context.home, copy.directory)
    if copy.work is not None and copy.work.head != pin.commit:
        now = (
            f"{name} is at {replace(pin, working='')}: `stead use {name}` takes what that means now"
        )
        notes = (*notes, f"{now}, `stead use {name}@REV` another revision")
    return Done(copy, removable, changes, notes)


def copies(request: Request, context: Context) -> tuple[WorkingCopy, ...]:
    """List the working copies that the lock of a place names. Fetches nothing, makes nothing."""
    root, pins = _lock_of(request, context)
    return tuple(_seen(root, pin, context) for pin in pins if pin.working)


def _lock_of(request: Request, context: Context) -> tuple[str, tuple[Pin, ...]]:
    """Give the root of a place, and what its lock pins."""
    found = discover(
        request.directory, layer_candidates(request.environment), home=request.user_home
    )
    path = lockfile.lock_file(found.root, found.place, bare=found.bare, home=context.home)
    return found.root, lockfile.read_to_build_on(path).pins


def _directory(root: str, pin: Pin) -> str:
    return os.path.normpath(os.path.join(root, pin.working))


def _seen(root: str, pin: Pin, context: Context) -> WorkingCopy:
    directory = _directory(root, pin)
    there = os.path.isdir(directory)
    known = working.known(context.home, directory) is not None
    work = None
    if there and known and os.path.lexists(os.path.join(directory, ".git")):
        work = working_git.look(context, directory, pin.commit)
    return WorkingCopy(pin, directory, there, known, work)


def _use(composed: Composed, name: str) -> Use:
    uses = {u.name: u for u in composed.spec.uses}
    use = uses.get(name)
    if use is None:
        close = nearest(name, uses)
        raise UsageError(
            f"no module {name} is used here" + (f"; did you mean {close}?" if close else ""),
            remedy=f"used are: {', '.join(sorted(uses)) or 'none'}",
        )
    if use.kind == "registry":
        raise UsageError(
            f"module {use.name} is an item of a registry, and has no repository to work in",
            where=use.origin,
            remedy=f"`stead module add {use.name}` copies its source into the project",
        )
    if use.kind == "path":
        raise UsageError(
            f"module {name} is used by path: an edit of it takes effect already",
            where=use.origin,
            remedy="edit it where it lies",
        )
    return use


def _shared(root: str, pins: tuple[Pin, ...], pin: Pin) -> str:
    """Give the working copy of another module of the same repository and commit."""
    for other in pins:
        same = (other.location, other.commit) == (pin.location, pin.commit)
        if same and other.working and other.name != pin.name:
            directory = _directory(root, other)
            if os.path.isdir(directory):
                return directory
    return ""


def _beside(root: str, use: Use) -> str:
    """Choose a directory beside the project: the repository's name where it holds several."""
    name = use.name
    if use.subdirectory:
        name = use.location.rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    return os.path.join(os.path.dirname(root), name or use.name)


def _prepare(use: Use, pin: Pin, directory: str, context: Context, *, named: bool) -> bool:
    """See to it that a directory is a clone; says whether it was made."""
    address = address_of(use)
    known = working.known(context.home, directory)
    if os.path.lexists(directory) and not _is_empty(directory):
        ours = known is not None or named
        if ours and working_git.is_clone_of(context, directory, address):
            working.remember(context.home, _known(context, directory, use.location))
            return False
        raise UsageError(
            f"{directory} is there already, and is no clone of {use.location}"
            if ours
            else f"{directory} is there already",
            remedy="name another directory with --at, or one that holds a clone",
        )
    if context.offline:
        raise NetworkError(
            f"module {use.name} cannot be cloned offline",
            where=use.origin,
            remedy="run once without --offline",
        )
    with context.progress.task(f"cloning module {use.name}"):
        working_git.clone(context, address, directory, pin.commit, use.revision)
    working.remember(
        context.home, working.Known(os.path.realpath(directory), use.location, made=True)
    )
    return True


def _known(context: Context, directory: str, location: str) -> working.Known:
    found = working.known(context.home, directory)
    return found or working.Known(os.path.realpath(directory), location)


def _is_empty(directory: str) -> bool:
    try:
        return not os.path.islink(directory) and not os.listdir(directory)
    except NotADirectoryError:
        return False


def _locked_anew(
    request: Request, context: Context, name: str, directory: str
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Lock with a working copy, or without: this place, then the others of its lock."""
    request = replace(request, working={name: directory})
    changes = locks.lock_all(request, context, named=False)
    first = steps.composed_for(request, context, fetch=True)
    root, held = first.spec.root, lockfile.read_to_build_on(first.lock_path).environments
    notes = []
    for place in sorted({e.place for e in held} - {first.slot[0]}):
        at = os.path.normpath(os.path.join(root, place))
        environment = next(e.environment for e in held if e.place == place)
        if not os.path.isdir(at):
            continue
        try:
            changes += locks.lock_all(
                replace(request, directory=at, environment=environment), context, named=False
            )
        except SteadError as exc:
            notes.append(f"{place} is not locked anew: {exc.message}")
    return changes, tuple(notes)


def _refuse_to_lose(copy: WorkingCopy, name: str, context: Context, *, force: bool) -> None:
    if force:
        return
    if not os.path.lexists(os.path.join(copy.directory, ".git")):
        lines = ["it is no git repository any more"]
    else:
        lines = working_git.look(context, copy.directory, copy.pin.commit).lines
    if lines:
        raise UsageError(
            f"{copy.directory} holds work that is nowhere else",
            details=lines,
            remedy=f"commit and push it, or lose it by `stead work {name} --drop --force`",
        )
