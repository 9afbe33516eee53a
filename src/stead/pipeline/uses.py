"""Modules that a place uses: where their files are.

A path is used where it lies. A git address is fetched at the commit its
revision means, into ``$STEAD_HOME/modules``; the commit is pinned in the lock.

Locations, revisions and commits come from files that others wrote: none of
them may become an option of git, or start a program by way of a transport.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from stead.pipeline.brought import address_of, editable, from_git, from_item
from stead.pipeline.checkouts import checkout_key, item_key, put_files
from stead.pipeline.discover import read_module
from stead.store.atomic import inside, make_read_only, remove_tree
from stead.store.modules import asked_for
from stead.values.errors import (
    LockError,
    LockOutdatedError,
    ManifestError,
    NetworkError,
    StoreError,
)
from stead.values.frozen import dataclass, field, replace
from stead.values.lock import Pin
from stead.values.names import nearest
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.context import Context, ReadsRegistries
    from stead.values.manifest import Manifest, Use
    from stead.values.registry import Registry


_COMMIT = regex(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_SHORT = regex(r"[0-9a-fA-F]{4,}\Z")
_SOME = 8
"""So many branches and tags are named to who asked for another."""
_TRANSPORTS = "file:git:http:https:ssh"
_OF_ANOTHER_REPOSITORY = frozenset(
    f"GIT_{name}"
    for name in (
        "ALTERNATE_OBJECT_DIRECTORIES",
        "COMMON_DIR",
        "DIR",
        "GRAFT_FILE",
        "IMPLICIT_WORK_TREE",
        "INDEX_FILE",
        "NAMESPACE",
        "OBJECT_DIRECTORY",
        "PREFIX",
        "SHALLOW_FILE",
        "WORK_TREE",
    )
)
"""What git tells the hooks of a repository about it: not meant for the module's."""


@dataclass
class Modules:
    """Finds the modules of one composition, and remembers their pins.

    ``fetch`` False looks only at what is there already, and raises
    LockOutdatedError for a module that is not: reading commands never reach out.
    ``locked`` fetches what is pinned, and raises LockOutdatedError for what is not.
    """

    context: Context
    pins: tuple[Pin, ...] = ()
    fetch: bool = False
    root: str = ""
    locked: bool = False
    working: Mapping[str, str] = field(default_factory=dict)
    """Working copies to use from now on, or no longer: name → directory, or nothing."""
    overlay: Mapping[str, str | None] = field(default_factory=dict)
    """Files as they would be after an edit: path → text."""
    registries: tuple[Registry, ...] = ()
    """Those that the place knows besides the one that comes with Stead."""
    git_variables: Mapping[str, str] = field(default_factory=dict)
    """What git is told besides: who asks."""
    used: dict[str, Pin] = field(default_factory=dict)

    def __call__(self, use: Use) -> tuple[Manifest, ...]:
        """Give the manifests of a used module.

        Raises ManifestError with the place of the ``uses`` entry.
        """
        directory = self.directory(use)
        try:
            manifests = read_module(directory, overlay=self.overlay)
        except ManifestError as exc:
            if exc.where:
                raise
            raise ManifestError(
                f"{use.noun} {use.name}: {exc.message}", where=use.origin, remedy=exc.remedy
            ) from exc
        if use.kind == "path":
            return manifests
        if use.kind == "registry":
            return tuple(from_item(m, use, directory) for m in manifests)
        pin = self.used[use.name]
        if pin.working:
            return tuple(editable(m, use, self._working_copy(use, pin)) for m in manifests)
        return tuple(from_git(m, use, pin.commit, str(self._clone_of(use, pin))) for m in manifests)

    def directory(self, use: Use) -> str:
        """Give the absolute directory of a module, fetching it where allowed."""
        if use.kind == "path":
            directory = os.path.normpath(os.path.join(use.base, use.location))
            if not os.path.isdir(directory):
                raise ManifestError(
                    f"{use.noun} {use.name}: there is no directory {directory}",
                    where=use.origin,
                    remedy="correct the path, or take the entry out",
                )
            return directory
        if use.kind == "registry":
            return str(self._item(use))
        _refuse_options(use)
        pin = self._pinned(use)
        clone = Path(self._working_copy(use, pin)) if pin.working else self._clone_of(use, pin)
        if pin.working:
            pass
        elif not clone.is_dir():
            if not self.fetch:
                raise LockOutdatedError(
                    f"{use.noun} {use.name} has not been fetched yet",
                    where=use.origin,
                    remedy="run `stead lock`",
                )
            self._clone(use, pin.commit, clone)
        if not pin.working:
            asked_for(clone, self.context.now())
        self.used[use.name] = pin
        if not use.subdirectory:
            return str(clone)
        try:
            directory = str(inside(clone, use.subdirectory))
        except StoreError as exc:
            raise ManifestError(
                f"{use.noun} {use.name}: {use.subdirectory} leaves its repository",
                where=use.origin,
                remedy="name a directory within the repository",
            ) from exc
        if not os.path.isdir(directory) or os.path.islink(directory):
            raise ManifestError(
                f"{use.noun} {use.name}: {use.location} has no directory {use.subdirectory}",
                where=use.origin,
                remedy="correct the subdirectory, or the revision",
            )
        return directory

    def _item(self, use: Use) -> Path:
        """Give the directory of a registry's item, read and checked if it is not there yet."""
        pin = self._pinned_item(use)
        directory = Path(self.context.home) / "modules" / item_key(pin, use)
        if not directory.is_dir():
            if not self.fetch:
                raise LockOutdatedError(
                    f"module {use.name} has not been fetched yet",
                    where=use.origin,
                    remedy="run `stead lock`",
                )
            with self.context.progress.task(f"fetching module {use.name}"):
                files = self._reader(use).files(use, pin, self.registries, self.context)
                put_files(directory, files)
        asked_for(directory, self.context.now())
        self.used[use.name] = pin
        return directory

    def _pinned_item(self, use: Use) -> Pin:
        for pin in self.pins:
            same = (pin.name, pin.location, pin.requested)
            if same == (use.name, use.location, use.revision) and not self._refresh(use.name):
                if not pin.integrity:
                    raise LockError(
                        f"module {use.name} is pinned without a hash of its content",
                        where=use.origin,
                        remedy=f"take [pin.{use.name}] out of stead.lock and run `stead lock`",
                    )
                return pin
        if self.locked or not self.fetch:
            raise LockOutdatedError(
                f"module {use.name} is not in the lock", where=use.origin, remedy="run `stead lock`"
            )
        return self._reader(use).pin(use, self.registries, self.context)

    def _reader(self, use: Use) -> ReadsRegistries:
        if self.context.registries is None:
            raise ManifestError(
                f"module {use.name} comes from a registry, and none can be read here",
                where=use.origin,
                remedy="use it by path or from git",
            )
        return self.context.registries

    def _working_copy(self, use: Use, pin: Pin) -> str:
        """Give the directory of a module's working copy. Raises LockOutdatedError if it is gone."""
        directory = os.path.normpath(os.path.join(self.root, pin.working))
        if not os.path.isdir(directory):
            raise LockOutdatedError(
                f"{use.noun} {use.name}: its working copy {directory} is not there",
                where=use.origin,
                details=[f"it stands for {pin.location} at {pin.commit[:12]}"],
                remedy=f"`stead work {use.name}` makes one, `stead work {use.name} --drop` goes "
                "back to the pinned revision",
            )
        return directory

    def _clone_of(self, use: Use, pin: Pin) -> Path:
        return Path(self.context.home) / "modules" / checkout_key(pin)

    def _pinned(self, use: Use) -> Pin:
        pin = self._pinned_before(use)
        if use.name in self.working:
            pin = replace(pin, working=self.working[use.name])
        return pin

    def _pinned_before(self, use: Use) -> Pin:
        for pin in self.pins:
            same = (pin.name, pin.location, pin.requested)
            if same != (use.name, use.location, use.revision):
                continue
            # What a working copy stands for stays, whatever is taken afresh.
            if pin.working or not self._refresh(use.name):
                if not _COMMIT.match(pin.commit):
                    raise LockError(
                        f"{use.noun} {use.name} is pinned to {pin.commit!r}, which is no commit",
                        where=use.origin,
                        remedy=f"take [pin.{use.name}] out of stead.lock and run `stead lock`",
                    )
                return replace(pin, subdirectory=use.subdirectory)
        if self.locked or not self.fetch:
            raise LockOutdatedError(
                f"{use.noun} {use.name} is not in the lock",
                where=use.origin,
                remedy="run `stead lock`",
            )
        commit = self._resolve(use)
        working = next(
            (p.working for p in self.pins if (p.name, p.location) == (use.name, use.location)), ""
        )
        return Pin(use.name, use.location, use.revision, commit, use.subdirectory, working)

    def _refresh(self, name: str) -> bool:
        return self.fetch and not self.locked and bool({"*", name} & self.context.upgrade)

    def _git(self, use: Use, *arguments: str, cwd: str | None = None) -> str:
        no_hooks = ("-c", f"core.hooksPath={os.devnull}")
        env = git_environment(self.context) | dict(self.git_variables)
        done = self.context.run(["git", *no_hooks, *arguments], cwd=cwd, env=env)
        if done.returncode:
            raise NetworkError(
                f"{use.noun} {use.name} could not be fetched from {use.location}",
                where=use.origin,
                details=done.stderr.strip().splitlines()[-3:],
                remedy="check the address, the revision and your access to it",
            )
        return done.stdout

    def _resolve(self, use: Use) -> str:
        """Ask which commit a revision means. A full commit means itself."""
        revision = use.revision or "HEAD"
        if _COMMIT.match(revision.lower()):
            return revision.lower()
        if self.context.offline:
            raise NetworkError(
                f"{use.noun} {use.name}: {revision} cannot be looked up offline",
                where=use.origin,
                remedy="run once without --offline, or name a full commit",
            )
        asked = self._git(use, "ls-remote", "--", address_of(use), revision, f"{revision}^{{}}")
        found: dict[str, str] = {}
        for line in asked.splitlines():
            commit, _, name = line.partition("\t")
            found[name] = commit
        # What is asked for matches the ends of names (`main` also `refs/heads/x/main`).
        for name in (
            revision,
            f"refs/{revision}",
            f"refs/tags/{revision}",
            f"refs/heads/{revision}",
        ):
            commit = found.get(f"{name}^{{}}") or found.get(name, "")
            if _COMMIT.match(commit):
                return commit
        close, names = self._like(use, revision)
        raise ManifestError(
            f"{use.noun} {use.name}: {use.location} has no revision {revision}"
            + (f"; did you mean {close}?" if close else ""),
            where=use.origin,
            details=[f"there are: {', '.join(names[:_SOME])}{', …' * (len(names) > _SOME)}"],
            remedy="name a branch, a tag or a full commit that exists",
        )

    def _like(self, use: Use, revision: str) -> tuple[str | None, list[str]]:
        """Give the branch or tag that may have been meant, or the commit that begins so, and all."""
        asked = self._git(use, "ls-remote", "--heads", "--tags", "--", address_of(use))
        lines = [line.partition("\t") for line in asked.splitlines()]
        names = sorted({ref.removesuffix("^{}").split("/", 2)[2] for _, _, ref in lines})
        if _SHORT.match(revision):
            for commit, _, _ in lines:
                if commit.startswith(revision.lower()):
                    return commit, names
        return nearest(revision, names), names

    def _clone(self, use: Use, commit: str, clone: Path) -> None:
        if self.context.offline:
            raise NetworkError(
                f"{use.noun} {use.name} is not here yet, and cannot be fetched offline",
                where=use.origin,
                remedy="run once without --offline",
            )
        clone.parent.mkdir(parents=True, exist_ok=True)
        temporary = clone.with_name(f".{clone.name}-{os.getpid()}-{threading.get_ident()}")
        with self.context.progress.task(f"fetching module {use.name}"):
            try:
                self._git(use, "init", "--quiet", "--", str(temporary))
                self._checkout(use, commit, str(temporary))
                remove_tree(temporary / ".git")
                make_read_only(temporary)
                os.rename(temporary, clone)
            except OSError:
                if not clone.is_dir():  # another process may have been first
                    raise
            finally:
                if temporary.exists():
                    remove_tree(temporary)

    def _checkout(self, use: Use, commit: str, directory: str) -> None:
        """Fetch one commit alone, or everything where the server gives no single commits."""
        source = ("--", address_of(use))
        try:
            self._git(use, "fetch", "--quiet", "--depth=1", *source, commit, cwd=directory)
        except NetworkError:
            self._git(use, "fetch", "--quiet", *source, "+refs/*:refs/stead/*", cwd=directory)
        try:
            self._git(use, "checkout", "--quiet", "--detach", commit, "--", cwd=directory)
        except NetworkError as exc:
            raise ManifestError(
                f"{use.noun} {use.name}: {use.location} has no commit {commit}",
                where=use.origin,
                details=exc.details,
                remedy="name a branch, a tag or a full commit that exists",
            ) from exc


def git_environment(context: Context) -> dict[str, str]:
    """Give the variables for git about a module: it asks nobody, and starts no strange transport."""
    env = {k: v for k, v in context.environ.items() if k not in _OF_ANOTHER_REPOSITORY}
    env["GIT_TERMINAL_PROMPT"] = "0"
    env.setdefault("GIT_ALLOW_PROTOCOL", _TRANSPORTS)
    return env


def refuse_working_copies(pins: Iterable[Pin], lock: str) -> None:
    """Raise LockOutdatedError where a lock names working copies: others do not have them."""
    named = [p for p in pins if p.working]
    if named:
        raise LockOutdatedError(
            "the lock names working copies of modules",
            where=lock,
            details=[f"{p.name}: {p.working} instead of {p.commit[:12]}" for p in named],
            remedy="push what was done there, and run "
            + ", ".join(dict.fromkeys(f"`stead work {p.name} --drop`" for p in named)),
        )


def _refuse_options(use: Use) -> None:
    """Refuse what git could take for an option, or for a program to start."""
    for what, text in (("address", use.location), ("revision", use.revision)):
        if text.startswith("-"):
            raise ManifestError(
                f"{use.noun} {use.name}: {text!r} is no {what}: it begins with a dash",
                where=use.origin,
                remedy=f"give the {what} of a git repository",
            )
    if re.match(r"[A-Za-z0-9+.-]+::", use.location):
        raise ManifestError(
            f"{use.noun} {use.name}: {use.location!r} names a program, not an address",
            where=use.origin,
            remedy="give an address with https, ssh, git or file, or a path",
        )
    if re.search(r"[*?\[\s\x00-\x1f~^:\\]|\.\.|@\{", use.revision):
        raise ManifestError(
            f"{use.noun} {use.name}: {use.revision!r} cannot be a revision",
            where=use.origin,
            remedy="name a branch, a tag or a full commit",
        )
