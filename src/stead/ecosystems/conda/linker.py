"""Linking packages that are already checked and cached, without starting rattler.

Most of what a package brings is linked as it is, which takes less time than
rattler takes to be imported. What rattler would write is written: the same
files, and the same facts in ``conda-meta``. Whatever is unusual (another
platform than Linux, link scripts, menus, lists of old packages, files of two
packages under one name, no hard links here) is left to rattler; :func:`suits`
and :class:`UnusualError` say so.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.ecosystems.conda.recipes import POINT
from stead.ecosystems.groups import StaleError, link_group
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from stead.ecosystems.conda.recipes import Changed, Recipe
    from stead.ecosystems.groups import Group
    from stead.values.platform import Platform

_LONGEST = 127
"""Bytes of a first line that every Linux takes for a program's name."""
_DIRECTORY = 4
"""How many links take as long as making a directory."""
_NO_LINKS_HERE = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.EEXIST})
_TAG = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# Packages made this directory, and can make it again: programs for backups may leave it out.
"""
_SCRIPT = """\
#!{python}
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {first}

if __name__ == '__main__':
\tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
\tsys.exit({function}())
"""


class UnusualError(Exception):
    """Something that is left to rattler; what was linked until then is to be removed."""


class Package(NamedTuple):
    """A package to be linked."""

    recipe: Recipe
    name: str
    """``NAME-VERSION-BUILD``: the record's file name."""
    describe: Callable[[], dict[str, Any]]
    """Gives what the record says of it besides its files."""


class Linked(NamedTuple):
    """What `link` has done."""

    made: Sequence[str]
    """The directories."""
    mixed: Collection[str]
    """Those of them that hold other files than hard links."""
    sizes: Mapping[str, Mapping[str, int]]
    """Per record, the files that were written and whose sha256 it carries."""


def suits(
    recipes: Sequence[Recipe], prefix: str, final: str, python: str, platform: Platform
) -> bool:
    """Say whether all is usual, as far as that is seen before; see :func:`link`.

    ``python`` is empty where there is none.
    """
    if not platform.name.startswith("linux") or os.listdir(prefix):
        return False
    first = f"#!{final}/{python}"
    if " " in first or len(os.fsencode(first)) > _LONGEST:
        return False
    return bool(python) or not any(recipe.pure for recipe in recipes)


def link(packages: Sequence[Package], prefix: str, final: str, python: str) -> Linked:
    """Link packages into ``prefix``, an empty directory, as they must stand at ``final``.

    ``python`` is the program in the prefix that generated scripts start, relative.
    Raises UnusualError, StaleError for a file that is not as its recipe says, OSError.
    """
    directories = _Directories(prefix)
    failed: list[Exception] = []
    threads = [
        Thread(target=_link_all, args=(directories, prefix, share, failed), daemon=True)
        for share in _shares(packages, min(4, os.cpu_count() or 1))
    ]
    for thread in threads:
        thread.start()
    mixed = {"", "conda-meta"}
    sizes: dict[str, dict[str, int]] = {}
    try:
        texts = []
        for recipe, name, describe in packages:
            for path, source, leads in recipe.links:
                mixed.add(path.rpartition("/")[0])
                target = directories.place(path)
                os.symlink(leads, target)
                time = os.lstat(f"{recipe.directory}/{source}").st_mtime_ns
                os.utime(target, ns=(time, time), follow_symlinks=False)
            written = [
                _write_changed(recipe, file, directories.place(file.path), final)
                for file in recipe.changed
            ]
            written += [
                _write_script(point, directories, f"{final}/{python}") for point in recipe.points
            ]
            mixed.update(entry["_path"].rpartition("/")[0] for entry in written)
            record = f"conda-meta/{name}.json"
            sizes[record] = {entry["_path"]: entry["size_in_bytes"] for entry in written}
            texts.append((record, _text(recipe, describe(), written)))
    except FileExistsError as exc:
        raise UnusualError from exc
    finally:
        for thread in threads:
            thread.join()
    for error in failed:
        if isinstance(error, OSError) and error.errno in _NO_LINKS_HERE:
            raise UnusualError from error
        raise error
    for name, text in (*texts, ("conda-meta/history", b""), ("CACHEDIR.TAG", _TAG)):
        with open(directories.place(name), "xb") as stream:
            stream.write(text)
    return Linked(directories.made, mixed, sizes)


class _Directories:
    """The directories of a new tree, made when something is to be put into them.

    Threads share them: making one can take long where many were removed just before.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._made = {""}
        self.made: list[str] = []
        """Those that were not there, in the order they were made."""

    def make(self, relative: str) -> str:
        """Make one with all above it, if it is not there; gives its path."""
        path = f"{self._root}/{relative}"
        if relative not in self._made:
            self.make(relative.rpartition("/")[0])
            with suppress(FileExistsError):  # another thread was faster
                os.mkdir(path)
                self.made.append(relative)
            self._made.add(relative)
        return path

    def place(self, path: str) -> str:
        """Make the directory of a file; gives the file's path."""
        self.make(path.rpartition("/")[0])
        return f"{self._root}/{path}"


_Share = list[tuple[str, "Group"]]


def _shares(packages: Sequence[Package], count: int) -> list[_Share]:
    """Divide groups among threads, neighbours together, so that each has about as much."""
    groups = [(p.recipe.directory, group) for p in packages for group in p.recipe.groups]
    groups.sort(key=lambda g: g[1].target)
    whole = sum(len(group.names) + _DIRECTORY for _, group in groups)
    shares: list[_Share] = [[] for _ in range(count)]
    done = 0
    for item in groups:
        shares[min(done * count // whole, count - 1)].append(item)
        done += len(item[1].names) + _DIRECTORY
    return [share for share in shares if share]


def _link_all(directories: _Directories, tree: str, share: _Share, failed: list[Exception]) -> None:
    try:
        for package, group in share:
            if failed:
                return
            directories.make(group.target)
            link_group(group, package, tree)
    except (OSError, ValueError, TypeError, StaleError) as exc:
        failed.append(exc)


def _write_changed(recipe: Recipe, file: Changed, target: str, final: str) -> dict[str, Any]:
    """Copy a file with the final prefix in place of the one it was built with.

    Gives what ``conda-meta`` says of it.
    """
    with open(f"{recipe.directory}/{file.source}", "rb") as stream:
        data = stream.read()
        mode = os.fstat(stream.fileno()).st_mode & 0o7777
    if len(data) != file.size:
        raise StaleError
    old, new = os.fsencode(str(file.entry["prefix_placeholder"])), os.fsencode(final)
    if file.entry.get("file_mode", "text") == "binary":
        data = _in_strings(data, old, new)
    else:
        if data.startswith(b"#!"):
            first, end, _ = data.partition(b"\n")
            if not end or len(first.replace(old, new)) > _LONGEST:
                raise UnusualError
        data = data.replace(old, new)
    with open(target, "xb") as stream:
        stream.write(data)
        os.fchmod(stream.fileno(), mode)
    described = {"file_mode": "text", **file.entry, "size_in_bytes": len(data)}
    digest = sha256(data).hexdigest()
    if digest != file.sha256:
        described["sha256_in_prefix"] = digest
    return described


def _in_strings(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a prefix in strings that end with a zero byte, and keep their length."""
    if len(new) > len(old):
        raise UnusualError

    def replaced(match: re.Match[bytes]) -> bytes:
        text = match.group()
        return text.replace(old, new).ljust(len(text), b"\0")

    return re.sub(re.escape(old) + rb"[^\0]*", replaced, data)


def _write_script(point: str, directories: _Directories, python: str) -> dict[str, Any]:
    """Write the program of an entry point, and say of it what ``conda-meta`` says."""
    match = POINT.match(point)
    assert match is not None
    name, module, function = match.groups()
    text = _SCRIPT.format(
        python=python, module=module, first=function.partition(".")[0], function=function
    ).encode()
    path = f"bin/{name}"
    with open(directories.place(path), "xb") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o775)
    return {
        "_path": path,
        "path_type": "unix_python_entry_point",
        "sha256": sha256(text).hexdigest(),
        "size_in_bytes": len(text),
    }


def _text(recipe: Recipe, facts: Mapping[str, Any], written: Sequence[dict[str, Any]]) -> bytes:
    """Give what ``conda-meta`` says of a package; most of it is in the recipe as it stands."""
    directory = recipe.directory
    value = {
        **facts,
        "extracted_package_dir": directory,
        "requested_specs": [],
        "link": {"source": directory, "type": 1},
    }
    head = _json(value)[:-1]
    files = ",".join(filter(None, [recipe.files, *(_json(w["_path"]) for w in written)]))
    entries = ",".join(filter(None, [recipe.entries, *map(_json, written)]))
    paths = f'"paths_data":{{"paths_version":1,"paths":[{entries}]}}'
    return f'{head},"files":[{files}],{paths}}}'.encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
