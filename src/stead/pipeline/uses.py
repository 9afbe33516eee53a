"""Modules that a place uses: where their files are.

A path is used where it lies. A git address is fetched at the commit its
revision means, into ``$STEAD_HOME/modules``; the commit is pinned in the lock.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.pipeline.discover import read_module
from stead.store.atomic import inside, remove_tree
from stead.values.digest import short_key
from stead.values.errors import LockOutdatedError, ManifestError, NetworkError, StoreError
from stead.values.frozen import dataclass, field
from stead.values.lock import Pin

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.manifest import Manifest, Use


@dataclass
class Modules:
    """Finds the modules of one composition, and remembers their pins.

    ``fetch`` False looks only at what is there already, and raises
    LockOutdatedError for a module that is not: reading commands never reach out.
    """

    context: Context
    pins: tuple[Pin, ...] = ()
    fetch: bool = False
    root: str = ""
    used: dict[str, Pin] = field(default_factory=dict)

    def __call__(self, use: Use) -> tuple[Manifest, ...]:
        """Give the manifests of a used module.

        Raises ManifestError with the place of the ``uses`` entry.
        """
        directory = self.directory(use)
        try:
            return read_module(directory)
        except ManifestError as exc:
            if exc.where:
                raise
            raise ManifestError(
                f"module {use.name}: {exc.message}", where=use.origin, remedy=exc.remedy
            ) from exc

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
        pin = self._pinned(use)
        clone = Path(self.context.home) / "modules" / short_key([use.location, pin.commit])
        if not clone.is_dir():
            if not self.fetch:
                raise LockOutdatedError(
                    f"module {use.name} has not been fetched yet",
                    where=use.origin,
                    remedy="run `stead lock`",
                )
            self._clone(use, pin.commit, clone)
        self.used[use.name] = pin
        if not use.subdirectory:
            return str(clone)
        try:
            return str(inside(clone, use.subdirectory))
        except StoreError as exc:
            raise ManifestError(
                f"module {use.name}: {use.subdirectory} leaves its repository",
                where=use.origin,
                remedy="name a directory within the repository",
            ) from exc

    def _pinned(self, use: Use) -> Pin:
        for pin in self.pins:
            same = (pin.name, pin.location, pin.requested)
            if same == (use.name, use.location, use.revision) and not self._refresh(use.name):
                return pin
        if not self.fetch:
            raise LockOutdatedError(
                f"module {use.name} is not in the lock", where=use.origin, remedy="run `stead lock`"
            )
        commit = self._resolve(use)
        return Pin(use.name, use.location, use.revision, commit, use.subdirectory)

    def _refresh(self, name: str) -> bool:
        return self.fetch and bool({"*", name} & self.context.upgrade)

    def _git(self, use: Use, *arguments: str, cwd: str | None = None) -> str:
        env = {k: v for k, v in self.context.environ.items() if not k.startswith("GIT_DIR")}
        env["GIT_TERMINAL_PROMPT"] = "0"
        done = self.context.run(["git", *arguments], cwd=cwd, env=env)
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
        if len(revision) == 40 and all(c in "0123456789abcdef" for c in revision):
            return revision
        if self.context.offline:
            raise NetworkError(
                f"module {use.name}: {revision} cannot be looked up offline",
                where=use.origin,
                remedy="run once without --offline, or name a full commit",
            )
        lines = self._git(use, "ls-remote", use.location, revision, f"{revision}^{{}}").splitlines()
        if not lines:
            raise ManifestError(
                f"module {use.name}: {use.location} has no revision {revision}",
                where=use.origin,
                remedy="name a branch, a tag or a full commit that exists",
            )
        return lines[-1].split()[0]

    def _clone(self, use: Use, commit: str, clone: Path) -> None:
        clone.parent.mkdir(parents=True, exist_ok=True)
        temporary = clone.with_name(f".{clone.name}-{os.getpid()}")
        with self.context.progress.task(f"fetching module {use.name}"):
            try:
                self._git(use, "init", "--quiet", str(temporary))
                fetch = ("fetch", "--quiet", "--depth=1", use.location, commit)
                self._git(use, *fetch, cwd=str(temporary))
                self._git(use, "checkout", "--quiet", "FETCH_HEAD", cwd=str(temporary))
                os.rename(temporary, clone)
            except OSError:
                if not clone.is_dir():  # another process may have been first
                    raise
            finally:
                if temporary.exists():
                    remove_tree(temporary)
