"""Which packages are in a tree, by the records that installers leave there.

Conda's are ``conda-meta/NAME-VERSION-BUILD.json``; those of PyPI's packages are
``NAME-VERSION.dist-info`` directories in ``site-packages``. Their names and times tell at a
glance whether something was installed or taken away; they are opened only where it was.
"""

from __future__ import annotations

import contextlib
import json
import os

from stead.values.drift import Installed
from stead.values.names import normalize_pypi
from stead.values.patterns import regex
from stead.values.requirement import Source
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CONDA = "conda-meta"
_ENDS = (".dist-info", ".egg-info")
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = regex(r"\bextra\s*==")


def look(tree: str) -> dict[str, int]:
    """Give the path of each package's record, relative to ``tree``, with its time in nanoseconds.

    Opens nothing: two listings, and one look per package.
    """
    found = {}
    with contextlib.suppress(OSError), os.scandir(os.path.join(tree, _CONDA)) as entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                found[f"{_CONDA}/{entry.name}"] = entry.stat().st_mtime_ns
    for site in _sites(tree):
        with contextlib.suppress(OSError), os.scandir(os.path.join(tree, site)) as entries:
            for entry in entries:
                # What pip is about to remove begins with a tilde.
                if entry.name.endswith(_ENDS) and entry.name[0] != "~":
                    found[f"{site}/{entry.name}"] = entry.stat().st_mtime_ns
    return found


def read(tree: str, path: str) -> Installed:
    """Read one record that :func:`look` found. What is damaged is known by its name alone."""
    if path.startswith(f"{_CONDA}/"):
        return _conda(tree, path)
    return _distribution(tree, path)


def files(tree: str, path: str) -> tuple[str, ...]:
    """Give the files that a package brought, relative to ``tree``, those outside it left out."""
    found = []
    if path.startswith(f"{_CONDA}/"):
        data = _json(os.path.join(tree, path))
        found = [path, *(f for f in data.get("files", ()) if isinstance(f, str))]
    else:
        base = os.path.dirname(path)
        found = [os.path.normpath(os.path.join(base, row)) for row, _ in _rows(tree, path)]
    kept = (f.replace(os.sep, "/") for f in found)
    return tuple(f for f in kept if not f.startswith(("../", "/")) and f != "..")


def _sites(tree: str) -> Iterator[str]:
    if os.path.isdir(os.path.join(tree, "Lib", "site-packages")):
        yield "Lib/site-packages"
    try:
        names = os.listdir(os.path.join(tree, "lib"))
    except OSError:
        return
    for name in sorted(names):
        if name.startswith(("python3", "pypy3")):
            yield f"lib/{name}/site-packages"


def _conda(tree: str, path: str) -> Installed:
    stem = os.path.basename(path).removesuffix(".json")
    name, version, build = [*stem.rsplit("-", 2), "", ""][:3]
    data = _json(os.path.join(tree, path))
    wished = data.get("requested_specs") or data.get("requested_spec")
    depends = [d for d in data.get("depends", ()) if isinstance(d, str)]
    brought = [f for f in data.get("files", ()) if isinstance(f, str)]
    dists = {f.rpartition("/")[0] for f in brought if f.rpartition("/")[0].endswith(_ENDS)}
    return Installed(
        "conda",
        str(data.get("name", name)).lower(),
        str(data.get("version", version)),
        path,
        content=str(data.get("sha256") or build),
        requested=bool(wished) and wished != "None",
        needs=tuple(d.split()[0].lower() for d in depends if d.split()),
        brings=tuple(sorted(dists)),
    )


def _distribution(tree: str, path: str) -> Installed:
    stem = os.path.basename(path)
    for end in _ENDS:
        stem = stem.removesuffix(end)
    name, _, version = stem.partition("-")
    version = version.partition("-py")[0]
    needs = []
    for line in _metadata(tree, path):
        if line.startswith("Name:"):
            name = line[5:].strip()
        elif line.startswith("Version:"):
            version = line[8:].strip()
        elif line.startswith("Requires-Dist:") and not _EXTRA.search(line):
            found = _NAME.match(line[14:].strip())
            needs += [normalize_pypi(found[0])] if found else []
    return Installed(
        "pypi",
        normalize_pypi(name),
        version,
        path,
        content=_content(tree, path),
        source=_source(os.path.join(tree, path, "direct_url.json")),
        requested=os.path.exists(os.path.join(tree, path, "REQUESTED")),
        needs=tuple(needs),
    )


def _metadata(tree: str, path: str) -> list[str]:
    """Give the header lines of a distribution's metadata."""
    full = os.path.join(tree, path)
    for name in ("METADATA", "PKG-INFO", ""):
        try:
            with open(os.path.join(full, name) if name else full, encoding="utf-8") as file:
                return file.read().partition("\n\n")[0].splitlines()
        except (OSError, UnicodeDecodeError):
            continue
    return []


def _rows(tree: str, path: str) -> list[tuple[str, str]]:
    """Give the rows of a distribution's ``RECORD``: a path relative to site-packages, its hash."""
    import csv

    try:
        with open(os.path.join(tree, path, "RECORD"), encoding="utf-8", newline="") as file:
            return [(row[0], row[1]) for row in csv.reader(file) if len(row) > 1]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _content(tree: str, path: str) -> str:
    """Give a digest of what was installed, whichever installer did it, and wherever."""
    own = os.path.basename(path) + "/"
    rows = [
        f"{name},{value}\n"
        for name, value in _rows(tree, path)
        if not name.startswith((own, "..")) and not name.endswith(".pyc")
    ]
    return sha256("".join(sorted(rows)).encode()).hexdigest() if rows else ""


def _source(path: str) -> Source | None:
    """Read where a distribution was installed from, if not from an index."""
    data = _json(path)
    url = data.get("url")
    if not isinstance(url, str) or "://" not in url:
        return None
    inner = str(data.get("subdirectory") or "")
    version = data.get("vcs_info")
    if isinstance(version, dict):
        if version.get("vcs") != "git":
            return Source("url", url)
        revision = version.get("requested_revision") or version.get("commit_id") or ""
        return Source("git", url, revision=str(revision), subdirectory=inner)
    if url.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        editable = bool((data.get("dir_info") or {}).get("editable"))
        return Source("path", unquote(urlsplit(url).path), editable=editable)
    return Source("url", url, subdirectory=inner)


def _json(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
