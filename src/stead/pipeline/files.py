"""Files of the tree: whose they are, and reading them without being held up."""

from __future__ import annotations

import os
import stat

from stead.values.errors import ManifestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_CONTROL = (".git", ".hg", ".jj")
"""Names that make a directory the root of a repository."""


def is_ours(path: str) -> bool:
    """Say whether a path, and what it leads to, belongs to this user or to root.

    What others own does not count: whoever can write a directory above a place
    could otherwise put a manifest, a lock or a repository there. False for what
    is not there.
    """
    if not hasattr(os, "getuid"):
        return os.path.exists(path)
    owners = (os.getuid(), 0)
    try:
        return os.lstat(path).st_uid in owners and os.stat(path).st_uid in owners
    except (OSError, ValueError):
        return False


def is_file(path: str) -> bool:
    """Say whether a path leads to a regular file."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def load_text(path: str) -> str:
    """Read a file as UTF-8 text, with a byte order mark or without.

    Of a ``.env`` the mark and the line ends stay as they are: not all who read it take
    them alike. Raises ManifestError for other text, and for a pipe or a device, which might
    never end; OSError as :func:`open` does.
    """
    exact = load_exact(path)
    return exact if os.path.basename(path) == ".env" else plain(exact)


def plain(text: str) -> str:
    """Give a text without byte order mark and with plain line ends, as readers of formats want it."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def load_exact(path: str) -> str:
    """Read a file as UTF-8 text with its mark and line ends, to be edited. Raises as load_text."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ManifestError(
            "this is not a regular file", where=path, remedy="put a file of text in its place"
        )
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ManifestError(
            "the file is not UTF-8 text", where=f"{path}:{line}", remedy="save it as UTF-8"
        ) from exc


def text_of(path: str, data: bytes) -> str:
    """Give what :func:`load_exact` would of a file with this content. Raises ManifestError."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise ManifestError(
            "the file is not UTF-8 text", where=f"{path}:{line}", remedy="save it as UTF-8"
        ) from exc


def upwards(directory: str, home: str) -> Iterator[str]:
    """Give a directory and its parents, up to the user's home, exclusively."""
    while True:
        yield directory
        parent = os.path.dirname(directory)
        if directory == home or parent in (directory, home):
            return
        directory = parent
