"""Modules that a place uses: where their files are.

A path is used where it lies. A git address is fetched at the commit its
revision means, into ``$STEAD_HOME/modules``; the commit is pinned in the lock.

Locations, revisions and commits come from files that others wrote: none of
them may become an option of git, or start a program by way of a transport.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from stead.pipeline.discover import read_module
from stead.store.atomic import inside, make_read_only, remove_tree
from stead.store.modules import asked_for
from stead.values.digest import short_key
from stead.values.errors import (
    LockError,
    LockOutdatedError,
    ManifestError,
    NetworkError,
    StoreError,
)
from stead.values.frozen import dataclass, field, replace
from stead.values.lock import Pin
from stead.values.patterns import regex
from stead.values.requirement import Source

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.manifest import Manifest, Use
    from stead.values.origin import Origin
    from stead.values.requirement import Requirement


_COMMIT = regex(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REMOTE = regex(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\\]+:(?![/\\]{2})")
"""An address that names a machine or a scheme: ``https://…``, ``user@host:path``."""
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
    used: dict[str, Pin] = field(default_factory=dict)

    def __call__(self, use: Use) -> tuple[Manifest, ...]:
        """Give the manifests of a used module.

        Raises ManifestError with the place of the ``uses`` entry.
        """
        directory = self.directory(use)
        try:
            manifests = read_module(directory)
        except ManifestError as exc:
            if exc.where:
                raise
            raise ManifestError(
                f"module {use.name}: {exc.message}", where=use.origin, remedy=exc.remedy
            ) from exc
        if use.kind == "path":
            return manifests
        pin = self.used[use.name]
        return tuple(
            _from_git(m, use, pin.commit, str(self._clone_of(use, pin))) for m in manifests
        )

    def directory(self, use: Use) -> str:
        """Give the absolute directory of a module, fetching it where allowed."""
        if use.kind == "path":
            directory = os.path.normpath(os.path.join(use.base, use.location))
            if not os.path.isdir(directory):
                raise ManifestError(
                    f"module {use.name}: there is no directory {directory}",
                    where=use.origin,
                    remedy="correct the path, or take the entry out",
                )
            return directory
        _refuse_options(use)
        pin = self._pinned(use)
        clone = self._clone_of(use, pin)
        if not clone.is_dir():
            if not self.fetch:
                raise LockOutdatedError(
                    f"module {use.name} has not been fetched yet",
                    where=use.origin,
                    remedy="run `stead lock`",
                )
            self._clone(use, pin.commit, clone)
        asked_for(clone, self.context.now())
        self.used[use.name] = pin
        if not use.subdirectory:
            return str(clone)
        try:
            directory = str(inside(clone, use.subdirectory))
        except StoreError as exc:
            raise ManifestError(
                f"module {use.name}: {use.subdirectory} leaves its repository",
                where=use.origin,
                remedy="name a directory within the repository",
            ) from exc
        if not os.path.isdir(directory) or os.path.islink(directory):
            raise ManifestError(
                f"module {use.name}: {use.location} has no directory {use.subdirectory}",
                where=use.origin,
                remedy="correct the subdirectory, or the revision",
            )
        return directory

    def _clone_of(self, use: Use, pin: Pin) -> Path:
        return Path(self.context.home) / "modules" / checkout_key(pin)

    def _pinned(self, use: Use) -> Pin:
        for pin in self.pins:
            same = (pin.name, pin.location, pin.requested)
            if same == (use.name, use.location, use.revision) and not self._refresh(use.name):
                if not _COMMIT.match(pin.commit):
                    raise LockError(
                        f"module {use.name} is pinned to {pin.commit!r}, which is no commit",
                        where=use.origin,
                        remedy=f"take [pin.{use.name}] out of stead.lock and run `stead lock`",
                    )
                return replace(pin, subdirectory=use.subdirectory)
        if self.locked or not self.fetch:
            raise LockOutdatedError(
                f"module {use.name} is not in the lock", where=use.origin, remedy="run `stead lock`"
            )
        commit = self._resolve(use)
        return Pin(use.name, use.location, use.revision, commit, use.subdirectory)

    def _refresh(self, name: str) -> bool:
        return self.fetch and not self.locked and bool({"*", name} & self.context.upgrade)

    def _git(self, use: Use, *arguments: str, cwd: str | None = None) -> str:
        caller = self.context.environ
        env = {k: v for k, v in caller.items() if k not in _OF_ANOTHER_REPOSITORY}
        env["GIT_TERMINAL_PROMPT"] = "0"
        env.setdefault("GIT_ALLOW_PROTOCOL", _TRANSPORTS)
        no_hooks = ("-c", f"core.hooksPath={os.devnull}")
        done = self.context.run(["git", *no_hooks, *arguments], cwd=cwd, env=env)
        if done.returncode:
            raise NetworkError(
                f"module {use.name} could not be fetched from {use.location}",
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
                f"module {use.name}: {revision} cannot be looked up offline",
                where=use.origin,
                remedy="run once without --offline, or name a full commit",
            )
        asked = self._git(use, "ls-remote", "--", _address(use), revision, f"{revision}^{{}}")
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
        raise ManifestError(
            f"module {use.name}: {use.location} has no revision {revision}",
            where=use.origin,
            remedy="name a branch, a tag or a full commit that exists",
        )

    def _clone(self, use: Use, commit: str, clone: Path) -> None:
        if self.context.offline:
            raise NetworkError(
                f"module {use.name} is not here yet, and cannot be fetched offline",
                where=use.origin,
                remedy="run once without --offline",
            )
        clone.parent.mkdir(parents=True, exist_ok=True)
        temporary = clone.with_name(f".{clone.name}-{os.getpid()}")
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
        source = ("--", _address(use))
        try:
            self._git(use, "fetch", "--quiet", "--depth=1", *source, commit, cwd=directory)
        except NetworkError:
            self._git(use, "fetch", "--quiet", *source, "+refs/*:refs/stead/*", cwd=directory)
        try:
            self._git(use, "checkout", "--quiet", "--detach", commit, "--", cwd=directory)
        except NetworkError as exc:
            raise ManifestError(
                f"module {use.name}: {use.location} has no commit {commit}",
                where=use.origin,
                details=exc.details,
                remedy="name a branch, a tag or a full commit that exists",
            ) from exc


def checkout_key(pin: Pin) -> str:
    """Name the directory of a pinned module's checkout."""
    return short_key([pin.location, pin.commit])


def checkouts_in_use(home: Path) -> set[str]:
    """Give the keys of all checkouts that kept places name: their records, and their locks.

    Raises LockError where a lock cannot be read: what it names is not known then.
    """
    from stead.pipeline import lockfile
    from stead.store import places

    top = os.path.join(home, "modules", "")
    used: set[str] = set()
    locks: set[str] = set()
    for record in places.records(home):
        activation = record.activation
        locks.add(os.path.join(activation.root, "stead.lock"))
        for path in activation.inputs:
            if path.startswith(top):
                used.add(path[len(top) :].split(os.sep)[0])
            elif path.endswith(".lock"):
                locks.add(path)
    for path in sorted(locks):
        if os.path.exists(path):
            used.update(checkout_key(pin) for pin in lockfile.read_to_build_on(path).pins)
    return used


def _refuse_options(use: Use) -> None:
    """Refuse what git could take for an option, or for a program to start."""
    for what, text in (("address", use.location), ("revision", use.revision)):
        if text.startswith("-"):
            raise ManifestError(
                f"module {use.name}: {text!r} is no {what}: it begins with a dash",
                where=use.origin,
                remedy=f"give the {what} of a git repository",
            )
    if re.match(r"[A-Za-z0-9+.-]+::", use.location):
        raise ManifestError(
            f"module {use.name}: {use.location!r} names a program, not an address",
            where=use.origin,
            remedy="give an address with https, ssh, git or file, or a path",
        )
    if re.search(r"[*?\[\s\x00-\x1f~^:\\]|\.\.|@\{", use.revision):
        raise ManifestError(
            f"module {use.name}: {use.revision!r} cannot be a revision",
            where=use.origin,
            remedy="name a branch, a tag or a full commit",
        )


def _address(use: Use) -> str:
    """Give what git is told: a path relative to its manifest becomes absolute."""
    if _REMOTE.match(use.location):
        return use.location
    return os.path.normpath(os.path.join(use.base, use.location))


def _from_git(manifest: Manifest, use: Use, commit: str, clone: str) -> Manifest:
    """Say of projects within a fetched module that they come from git.

    Where the clone lies is a matter of this machine, and has no place in a lock.
    """
    address = _address(use)
    if not _REMOTE.match(address):
        address = Path(address).as_uri()

    for further in manifest.uses:
        _stay_within(further, use, clone)
    for layer in manifest.layers:
        for channel in layer.channels:
            if channel.name.startswith("."):
                raise _of_this_machine("channel", channel.name, channel.origin, use)
        for index in layer.indexes:
            if "://" not in index.url and not index.url.startswith(("/", "~", "$")):
                raise _of_this_machine("index", index.url, index.origin, use)

    def moved(requirement: Requirement) -> Requirement:
        source = requirement.source
        if source is None or source.kind != "path":
            return requirement
        within = os.path.relpath(source.location, clone).replace(os.sep, "/")
        if within == ".." or within.startswith("../"):
            raise ManifestError(
                f"module {use.name} asks for {source.location}, which is not in its repository",
                where=requirement.origin,
                remedy="only what the repository holds can be used from elsewhere",
            )
        below = "" if within == "." else within
        return replace(requirement, source=Source("git", address, False, commit, below))

    layers = (
        replace(
            layer,
            requirements=tuple(map(moved, layer.requirements)),
            constraints=tuple(map(moved, layer.constraints)),
        )
        for layer in manifest.layers
    )
    return replace(manifest, layers=tuple(layers))


def _of_this_machine(what: str, written: str, where: Origin, use: Use) -> ManifestError:
    """Refuse a source of packages within a clone: the lock would name where that lies here."""
    return ManifestError(
        f"module {use.name} brings the {what} {written}, which is a path in its own directory",
        where=where,
        details=[f"{use.origin}: module {use.name} is used here"],
        remedy=f"give the {what}'s address in the module, or use the module by path",
    )


def _stay_within(further: Use, use: Use, clone: str) -> None:
    """Refuse a path by which a fetched module would use what lies on this machine."""
    if further.kind == "git" and (
        _REMOTE.match(further.location) or os.path.isabs(further.location)
    ):
        return
    target = os.path.realpath(os.path.join(further.base, further.location))
    top = os.path.realpath(clone)
    if further.kind == "path" and (target == top or target.startswith(top + os.sep)):
        return
    raise ManifestError(
        f"module {use.name} uses {further.location}, which is not in its repository",
        where=further.origin,
        details=[f"{use.origin}: module {use.name} is used here"],
        remedy="only what the repository holds, or an address, can be used from elsewhere",
    )
