"""Commits written as git's loose objects, where a repository is like nearly all are.

A process of git's costs more than all else that a change does. The format is git's own
documented one (gitformat-loose, gitrepository-layout): an object is its kind, its size
and its content, compressed, under the sha1 of that; a reference is a file that is
written as ``NAME.lock`` and renamed.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib

from stead.values.sha import sha1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_UNUSUAL = (b"extensions", b"sharedrepository", b"worktreeconfig", b"include")
"""What in a repository's own settings may mean another format, or other rights."""

_DEAD = 60.0
"""Seconds."""


class UnusualError(Exception):
    """The repository is left to git itself."""


def write_commit(
    directory: str, name: str, files: Mapping[str, bytes], head: bytes, message: bytes
) -> None:
    """Put a commit of ``files`` (path → content) on a reference, behind what is there.

    ``directory`` is the repository (``.git``); ``head`` holds the lines of author and
    committer. Raises UnusualError where git had better do it, OSError; then the
    reference is as it was.
    """
    _check_usual(directory)
    reference = os.path.join(directory, *name.split("/"))
    before = _before(directory, name, reference)
    tree = _write_tree(directory, {tuple(p.split("/")): c for p, c in files.items()})
    parent = b"parent %s\n" % before if before else b""
    body = b"tree %s\n%s%s\n%s" % (tree.hex().encode(), parent, head, message)
    new = _write(directory, b"commit", body).hex().encode() + b"\n"
    lock = _locked(reference, new)
    try:
        same = _before(directory, name, reference) == before
        if same:
            os.replace(lock, reference)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
    if not same:
        raise UnusualError


def _check_usual(directory: str) -> None:
    if os.path.lexists(os.path.join(directory, "commondir")):
        raise UnusualError
    with open(os.path.join(directory, "config"), "rb") as file:
        settings = file.read().lower()
    if any(word in settings for word in _UNUSUAL):
        raise UnusualError


def _locked(reference: str, content: bytes) -> str:
    """Take the lock of a reference, which holds what that shall be."""
    lock = f"{reference}.lock"
    for _ in range(3):
        try:
            os.makedirs(os.path.dirname(reference), exist_ok=True)
            file = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            continue  # git has just taken an empty directory away
        except FileExistsError:
            _remove_old(lock)
            continue
        except NotADirectoryError as exc:
            raise UnusualError from exc
        with open(file, "wb") as opened:
            opened.write(content)
        return lock
    raise UnusualError


def _remove_old(lock: str) -> None:
    """Take away a lock whose holder was killed: it is held for less than a millisecond."""
    with contextlib.suppress(OSError):
        if time.time() - os.stat(lock).st_mtime > _DEAD:
            os.unlink(lock)


def _before(directory: str, name: str, reference: str) -> bytes:
    """Read where a reference is; empty where it is not there."""
    try:
        with open(reference, "rb") as file:
            text = file.read().strip()
    except FileNotFoundError:
        text = _packed(directory, name.encode())
    if text and (len(text) != 40 or text.strip(b"0123456789abcdef")):
        raise UnusualError
    return text


def _packed(directory: str, name: bytes) -> bytes:
    try:
        with open(os.path.join(directory, "packed-refs"), "rb") as file:
            for line in file:
                if line.rstrip(b"\n").endswith(b" " + name):
                    return line.split(b" ", 1)[0]
    except FileNotFoundError:
        pass
    return b""


def _write_tree(directory: str, files: Mapping[tuple[str, ...], bytes]) -> bytes:
    """Write the tree of files named by their paths' parts, with those in it."""
    inner: dict[str, dict[tuple[str, ...], bytes]] = {}
    entries: list[tuple[bytes, bytes]] = []  # what git sorts by, what it keeps
    for path, content in files.items():
        if len(path) > 1:
            inner.setdefault(path[0], {})[path[1:]] = content
        else:
            name = os.fsencode(path[0])
            entries.append((name, b"100644 %s\0%s" % (name, _write(directory, b"blob", content))))
    for part, below in inner.items():
        name = os.fsencode(part)
        entries.append((name + b"/", b"40000 %s\0%s" % (name, _write_tree(directory, below))))
    return _write(directory, b"tree", b"".join(entry for _, entry in sorted(entries)))


def _write(directory: str, kind: bytes, content: bytes) -> bytes:
    """Write an object, if it is not there; gives its name as 20 bytes."""
    whole = b"%s %d\0%s" % (kind, len(content), content)
    name = sha1(whole)
    text = name.hexdigest()
    objects = os.path.join(directory, "objects")
    inside = os.path.join(objects, text[:2])
    path = os.path.join(inside, text[2:])
    if not os.path.exists(path):
        if not os.path.isdir(inside):
            with contextlib.suppress(FileExistsError):
                os.mkdir(inside)
                # A repository that several share says so by the rights of this directory.
                os.chmod(inside, os.stat(objects).st_mode & 0o7777)
        temporary = os.path.join(inside, f"tmp_obj_{os.urandom(6).hex()}")
        try:
            with open(temporary, "xb") as file:
                file.write(zlib.compress(whole, 1))
                if hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), 0o444)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return name.digest()
