"""Which modules a place uses, and at which revision: ``[uses]``, edited and locked in one go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats import edit
from stead.pipeline import change, lockfile, steps, working_git
from stead.pipeline.brought import is_remote
from stead.pipeline.variables import own_manifest
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass, field, replace
from stead.values.names import nearest
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.pipeline.change import Changed
    from stead.pipeline.discover import Found
    from stead.pipeline.request import Request
    from stead.values.context import Context
    from stead.values.lock import Pin
    from stead.values.manifest import Use

_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_NAMED = regex(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.*)\Z")
_AUTHORITY = regex(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*|[^/\\]+:(?![/\\]{2})")


@dataclass(frozen=True)
class Wish:
    """One word about a module: another revision of one, or where to take it from.

    ``source`` is empty for one that is used already; else it is what ``[uses]`` holds,
    a path or a git repository's being absolute. ``revision`` None asks for what the
    revision that stands there means now.
    """

    name: str
    revision: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Used:
    """A module that a place uses; ``pin`` is None for a path, and where nothing is locked yet."""

    use: Use
    pin: Pin | None = None


def parse_wish(text: str, directory: str, name: str = "") -> Wish:
    """Read ``NAME``, ``NAME@REV``, ``[NAME=]PATH``, ``[NAME=]git+URL[@REV][#subdirectory=DIR]``
    or ``registry:[REGISTRY/]NAME[@VERSION]``.

    Paths are relative to ``directory``. ``name`` is what a source that has none is
    called. Raises UsageError.
    """
    named = _NAMED.match(text)
    rest = text
    if named is not None:
        name, rest = named[1], named[2]
    if rest.startswith("git+"):
        return _from_git(rest.removeprefix("git+"), directory, name)
    if rest.startswith("registry:"):
        return _from_registry(rest.removeprefix("registry:"), name)
    if named is not None or rest.startswith((".", "/", "~")) or os.sep in rest.partition("@")[0]:
        return _from_path(rest, directory, name)
    name, at, revision = rest.partition("@")
    if not _NAME.match(name) or (at and not revision):
        raise UsageError(
            f"{text!r} does not say which module",
            remedy="write NAME@REV, NAME=PATH or NAME=git+URL@REV",
        )
    return Wish(name, revision if at else None)


def _from_path(text: str, directory: str, name: str) -> Wish:
    if "://" in text or is_remote(text):
        raise UsageError(f"{text!r} is no path", remedy=f"for a git repository write git+{text}")
    path = os.path.normpath(os.path.join(directory, os.path.expanduser(text)))
    if not text or not os.path.isdir(path):
        beside = os.path.dirname(path)
        names = os.listdir(beside) if os.path.isdir(beside) else []
        close = nearest(os.path.basename(path), names)
        raise UsageError(
            f"there is no directory {path}" + (f"; did you mean {close}?" if close else ""),
            remedy="give the directory of a module: one with a stead.toml, pyproject.toml, …",
        )
    return Wish(_name_for(name or os.path.basename(path)), source={"path": path})


def _from_registry(text: str, name: str) -> Wish:
    """Read an item of a registry: its own name is what it is called here."""
    where, at, version = text.partition("@")
    registry, _, item = where.rpartition("/")
    if not item or (at and not version):
        raise UsageError(
            f"registry:{text} is incomplete",
            remedy="write registry:NAME@VERSION or registry:TEAM/NAME",
        )
    if name not in ("", item):
        raise UsageError(
            f"an item of a registry cannot be called {name} here",
            remedy=f"write registry:{where}: it is called {item}",
        )
    source = {**({"registry": registry} if registry else {}), "version": version or "*"}
    return Wish(_name_for(item), source=source)


def _from_git(text: str, directory: str, name: str) -> Wish:
    address, _, fragment = text.partition("#")
    subdirectory = fragment.removeprefix("subdirectory=").strip("/")
    if fragment and (subdirectory == fragment or not subdirectory):
        raise UsageError(
            f"#{fragment} says nothing about a module", remedy="write #subdirectory=DIR"
        )
    # What stands before an @ in the host's part is a user.
    host = _AUTHORITY.match(address)
    start = host.end() if host else 0
    path, at, revision = address[start:].rpartition("@")
    location = address[:start] + (path if at else revision)
    if not location or (at and not revision):
        raise UsageError(f"git+{text} is incomplete", remedy="write git+URL@REV")
    if not host:
        location = os.path.normpath(os.path.join(directory, os.path.expanduser(location)))
    last = location.rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    source = {
        "git": location,
        **({"rev": revision} if at else {}),
        **({"subdirectory": subdirectory} if subdirectory else {}),
    }
    return Wish(_name_for(name or os.path.basename(subdirectory) or last), source=source)


def _name_for(name: str) -> str:
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot name a module",
            remedy="use letters, digits, `.`, `_` and `-`: --as NAME gives it one",
        )
    return name


def use(request: Request, context: Context, wishes: Sequence[Wish]) -> Changed:
    """Use modules from elsewhere or at another revision, lock, and write all of it together.

    Whatever is raised, nothing on disk has changed: UsageError and ManifestError for
    what is no module of this place or no revision, and what locking raises.
    """
    _tell_of_uncommitted(wishes, context)
    afresh = frozenset(w.name for w in wishes if not w.source and w.revision is None)

    def edited(found: Found, read: Callable[[str], str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for wish in wishes:
            file = _file_for(found, wish)
            text = texts[file] if file in texts else read(file)
            if wish.source:
                texts[file] = edit.put_use(file, text, wish.name, _near(wish.source, file))
            elif wish.revision is not None:
                texts[file] = edit.set_revision(file, text, wish.name, wish.revision)
            else:
                texts[file] = text
        return texts

    done = change.edited(request, replace(context, upgrade=afresh), edited)
    _tell_of_copies(request, {w.name for w in wishes}, done, context)
    return done


def drop(request: Request, context: Context, names: Sequence[str]) -> Changed:
    """Use modules no more, lock, and write manifests and lock together. Raises as :func:`use`."""

    def edited(found: Found, read: Callable[[str], str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name in names:
            file = _holding(found, name).origin.file
            texts[file] = edit.drop_use(file, texts[file] if file in texts else read(file), name)
        return texts

    done = change.edited(request, context, edited)
    _tell_of_copies(request, set(names), done, context)
    return done


def used(request: Request, context: Context) -> tuple[Used, ...]:
    """List what the manifests of a place use, by name, as it is locked. Fetches nothing."""
    found = steps.found_for(request)
    overlay = request.overlay
    path = lockfile.lock_file(
        found.root, found.place, bare=found.bare, home=context.home, overlay=overlay
    )
    lock = lockfile.read_to_build_on(path, overlay)
    pins = {(p.name, p.location, p.requested): p for p in lock.pins}
    return tuple(
        Used(u, pins.get((u.name, u.location, u.revision)))
        for u in sorted((u for m in found.manifests for u in m.uses), key=lambda u: u.name)
    )


def _file_for(found: Found, wish: Wish) -> str:
    """Choose the file of the place to edit. Raises for a module that is not there to be changed."""
    if wish.source:
        held = [u for m in found.manifests for u in m.uses if u.name == wish.name]
        return _holding(found, wish.name).origin.file if held else own_manifest(found)
    use = _holding(found, wish.name)
    if use.kind == "path":
        raise UsageError(
            f"module {wish.name} is used by path, and has no revisions",
            where=use.origin,
            remedy=f"`stead use {wish.name}=git+URL@REV` takes it from a repository",
        )
    return use.origin.file


def _holding(found: Found, name: str) -> Use:
    """Give the entry of the place's own manifests that uses a module."""
    uses = {u.name: (m, u) for m in found.manifests for u in m.uses}
    if name not in uses:
        close = nearest(name, uses)
        raise UsageError(
            f"no module {name} is used here" + (f"; did you mean {close}?" if close else ""),
            remedy=f"`stead use {name}=PATH` or `{name}=git+URL@REV` adds it"
            + (f"; used are: {', '.join(sorted(uses))}" if uses else ""),
        )
    manifest, use = uses[name]
    if manifest.directory != found.place:
        raise ManifestError(
            f"module {name} is not used by {found.place} itself",
            where=use.origin,
            remedy=f"`stead -C {manifest.directory} use {name}` changes it for all that is below",
        )
    return use


def _near(source: Mapping[str, str], file: str) -> dict[str, str]:
    """Write a path relative to the file that holds it."""
    key = "path" if "path" in source else "git"
    if key not in source:
        return dict(source)
    where = source[key]
    if os.path.isabs(where):
        where = os.path.relpath(where, os.path.dirname(file)).replace(os.sep, "/")
    return {**source, key: where}


def _tell_of_uncommitted(wishes: Sequence[Wish], context: Context) -> None:
    """Say of a repository on this machine that what is not committed there takes no part."""
    for wish in wishes:
        directory = wish.source.get("git", "").removeprefix("file://")
        if os.path.isabs(directory) and os.path.lexists(os.path.join(directory, ".git")):
            changed = working_git.uncommitted(context, directory)
            if changed:
                some = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
                context.progress.note(
                    f"{directory} holds changes that are not committed, which take no part: {some}"
                )


def _tell_of_copies(request: Request, names: set[str], done: Changed, context: Context) -> None:
    """Say which working copies stay, in use or not: Stead removes none on the way."""
    now = {p.name: p for p in done.pins}
    for pin in done.pins_before:
        if pin.name not in names or not pin.working:
            continue
        directory = os.path.normpath(os.path.join(steps.found_for(request).root, pin.working))
        kept = now.get(pin.name)
        if kept is not None and kept.working:
            context.progress.note(
                f"{directory} is worked on, and stays what is used; `stead work {pin.name} "
                f"--drop` goes to {kept.commit[:12]}"
            )
        elif os.path.isdir(directory):
            context.progress.note(f"{directory} stays: the working copy of {pin.name} before")
