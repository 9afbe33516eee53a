"""Where things stand below ``$STEAD_HOME``."""

from __future__ import annotations

import os
import stat

from stead.values.errors import StoreError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

LONGEST_COMPONENT = 60
"""Characters of ``<key>-<name>``: shebang lines past about 120 and Windows paths past 260 break."""

METADATA = ".stead"
"""Directory of a build with what Stead knows about it."""

PLACE = "place"

_BUILD = regex(r"([a-z2-7]{20})-[A-Za-z0-9._+-]{1,39}\Z")
_UNSAFE = regex(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Layout:
    """The directories of one home. Nothing is created by asking for them."""

    home: Path

    @property
    def store(self) -> Path:
        """Builds, each ``<key>-<name>``; what begins with a dot is none."""
        return self.home / "store"

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"

    @property
    def packages(self) -> Path:
        """Caches of packages, on the store's file system so that they can be linked."""
        return self.home / "packages"

    @property
    def places(self) -> Path:
        return self.home / "places"

    @property
    def pycache(self) -> Path:
        """Compiled Python of builds, which are read-only themselves."""
        return self.home / "pycache"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def journal(self) -> Path:
        """Intents of running transactions."""
        return self.home / "journal"

    @property
    def roots(self) -> Path:
        """Pins and registered links: what is in use beside the places' records."""
        return self.home / "roots"

    @property
    def locks(self) -> Path:
        """Files that processes hold while they build, use or collect."""
        return self.home / "locks"

    @property
    def scratch(self) -> Path:
        """Temporary directories on the store's file system; anything here may be removed."""
        return self.home / "scratch"

    @property
    def tests(self) -> Path:
        """What tests of projects leave that is not in their trees, a directory per project.

        A file named :data:`PLACE` in it says which one, and when it was last tested.
        """
        return self.home / "tests"

    @property
    def activations(self) -> Path:
        """What the packages of each build ask for, as ``<build>.json``."""
        return self.home / "activations"

    @property
    def runtime(self) -> Path:
        """What a project's own Python gets of Stead, a directory per version of it."""
        return self.home / "runtime"

    def build_directory(self, key: str, name: str) -> Path:
        """Give the path of a build; nothing says that it is there."""
        return self.store / component(key, name)


def check_home(home: str) -> None:
    """Refuse a home that others can write to: they would decide what runs here.

    Raises StoreError; a home that is not there yet is fine.
    """
    try:
        found = os.stat(home)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise StoreError(
            f"STEAD_HOME cannot be used: {exc.strerror}",
            where=home,
            remedy="set STEAD_HOME to a directory of your own",
        ) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(
            "STEAD_HOME is not a directory",
            where=home,
            remedy="set it to a directory of your own, or take it away for the default one",
        )
    if not hasattr(os, "getuid"):
        return
    if found.st_uid not in (os.getuid(), 0):
        raise StoreError(
            "STEAD_HOME belongs to another user",
            where=home,
            remedy="set it to a directory of your own, or take it away for the default one",
        )
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise StoreError(
            "everybody may write to STEAD_HOME", where=home, remedy=f"chmod o-w {home}"
        )


def component(key: str, name: str) -> str:
    """Give ``<key>-<name>`` with a name that is safe and short in every file system."""
    safe = _UNSAFE.sub("-", name)[: LONGEST_COMPONENT - len(key) - 1].strip("-.")
    return f"{key}-{safe or 'env'}"


def key_of(name: str) -> str | None:
    """Give the key in the name of a directory of the store; None when it names no build."""
    found = _BUILD.match(name)
    return found[1] if found else None


def build_names(layout: Layout) -> list[str]:
    """List the directories of the store that are builds, sorted; empty without a store."""
    try:
        return sorted(name for name in os.listdir(layout.store) if key_of(name))
    except FileNotFoundError:
        return []
