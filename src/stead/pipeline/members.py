"""Members of a workspace that depend on each other, and what a project says of itself."""

from __future__ import annotations

import json
import os
from typing import Any

from stead.pipeline.files import is_ours
from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.requirement import Requirement, Source
from stead.values.sha import sha256

_LEFTOVERS = {"__pycache__", "build", "dist", "node_modules"}
_NAME = regex(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def fingerprint(directory: str) -> str:
    """Digest what an installation of the project in a directory depends on.

    That is its name, version, dependencies, entry points and build system: an
    edit of anything else in ``pyproject.toml`` locks and builds nothing anew.
    Empty where there is no project.
    """
    data = _pyproject(directory)
    if data is None:
        raw = b""
        for name in ("setup.py", "setup.cfg"):
            try:
                with open(os.path.join(directory, name), "rb") as file:
                    raw += file.read()
            except OSError:
                continue
        return sha256(raw).hexdigest()[:16] if raw else ""
    path = os.path.join(directory, "pyproject.toml")
    project = dict(_table(data, path, "project"))
    for prose in ("description", "readme", "keywords", "classifiers", "urls", "authors"):
        project.pop(prose, None)
    relevant = {
        "project": project,
        "build-system": data.get("build-system"),
        "sources": _table(data, path, "tool", "uv").get("sources"),
        "poetry": _table(data, path, "tool").get("poetry"),
    }
    text = json.dumps(relevant, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:16]


def content_digest(directory: str) -> str:
    """Digest the files of a directory that is copied into a build, names and contents.

    What version control, builds and tools leave there takes no part.
    """
    digest = sha256()
    for where, directories, files in os.walk(directory):
        directories[:] = sorted(
            d
            for d in directories
            if not d.startswith(".") and d not in _LEFTOVERS and not d.endswith(".egg-info")
        )
        for name in sorted(files):
            path = os.path.join(where, name)
            if os.path.isfile(path):
                relative = os.path.relpath(path, directory).replace(os.sep, "/")
                with open(path, "rb") as file:
                    import hashlib

                    content = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(f"{relative}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def with_members(
    requirements: tuple[Requirement, ...], root: str, place: str
) -> tuple[Requirement, ...]:
    """Add the members of the workspace that the requirements reach, as editable paths.

    A requirement by name that a member bears means that member; so do the
    members' own dependencies, transitively. Where nothing declares members, the
    projects beside the place within its root are its neighbours: a name that one
    of them bears never means a stranger's package of that name.
    """
    found = members_of(root) or neighbours_of(place, root)
    if not found:
        return requirements
    reached: dict[str, Requirement] = {}
    wanted = [(r.name, r.origin) for r in requirements]
    for r in requirements:
        if r.source and r.source.kind == "path":
            wanted += [(n, r.origin) for n in _dependencies(r.source.location)]
    while wanted:
        name, origin = wanted.pop()
        directory = found.get(name)
        if directory is None or name in reached:
            continue
        source = Source("path", directory, editable=True)
        reached[name] = Requirement("pypi", name, source=source, origin=origin)
        wanted += [(n, Origin(directory)) for n in _dependencies(directory)]
    sourced = {r.name for r in requirements if r.source}
    return (*requirements, *(r for n, r in sorted(reached.items()) if n not in sourced))


def members_of(root: str) -> dict[str, str]:
    """Give the workspace's members: normalised project name → absolute directory."""
    patterns = _patterns(root)
    found: dict[str, str] = {}
    if not patterns:
        return found
    import glob

    for pattern in patterns:
        for directory in sorted(glob.glob(os.path.join(glob.escape(root), pattern))):
            if name := _project_name(directory):
                found[name] = os.path.normpath(directory)
    return found


def neighbours_of(place: str, root: str) -> dict[str, str]:
    """Give the projects in the directory that a place lies in, if that is within the root."""
    parent = os.path.dirname(place)
    if place == root or not f"{parent}{os.sep}".startswith(f"{root}{os.sep}"):
        return {}
    found: dict[str, str] = {}
    for entry in sorted(os.scandir(parent), key=lambda e: e.name):
        directory = os.path.join(parent, entry.name)
        if entry.name.startswith(".") or directory == place or not is_ours(directory):
            continue
        try:
            name = _project_name(directory)
        except ManifestError:
            continue  # a neighbour's mistake is its own
        if name and is_ours(os.path.join(directory, "pyproject.toml")):
            found[name] = directory
    return found


def _project_name(directory: str) -> str:
    """Give the normalised name of the project in a directory, empty without one."""
    data = _pyproject(directory)
    file = os.path.join(directory, "pyproject.toml")
    name = _table(data or {}, file, "project").get("name")
    return normalize_pypi(name) if isinstance(name, str) else ""


def _patterns(root: str) -> list[str]:
    data = _pyproject(root) or {}
    file = os.path.join(root, "pyproject.toml")
    patterns = _texts(data, file, "tool", "uv", "workspace", "members")
    patterns += _texts(data, file, "tool", "stead", "workspace", "members")
    own = os.path.join(root, "stead.toml")
    return patterns + _texts(_toml(own) or {}, own, "workspace", "members")


def _dependencies(directory: str) -> list[str]:
    """Name the distributions a project asks for, of all its extras too."""
    data = _pyproject(directory) or {}
    file = os.path.join(directory, "pyproject.toml")
    texts = _texts(data, file, "project", "dependencies")
    for extra in _table(data, file, "project", "optional-dependencies"):
        texts += _texts(data, file, "project", "optional-dependencies", extra)
    return [normalize_pypi(m[1]) for t in texts if (m := _NAME.match(t))]


def _pyproject(directory: str) -> dict[str, Any] | None:
    return _toml(os.path.join(directory, "pyproject.toml"))


def _toml(path: str) -> dict[str, Any] | None:
    """Read a file of TOML; None where there is none. Raises ManifestError with its line."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ManifestError(
            "the file is not UTF-8",
            where=Origin(path, content.count(b"\n", 0, exc.start) + 1),
            remedy="save it as UTF-8",
        ) from exc
    from stead.formats.toml_lines import parse

    return parse(text, path)[0]


def _table(data: dict[str, Any], file: str, *keys: str) -> dict[str, Any]:
    """Give a table by its keys, an empty one where it is not there."""
    return _value(data, file, keys, dict, "a table")  # type: ignore[no-any-return]


def _texts(data: dict[str, Any], file: str, *keys: str) -> list[str]:
    """Give a list of strings by its keys, an empty one where it is not there."""
    found = _value(data, file, keys, list, "a list of strings")
    if not all(isinstance(text, str) for text in found):
        raise _wrong(file, keys, "a list of strings")
    return list(found)


def _value(data: dict[str, Any], file: str, keys: tuple[str, ...], kind: type, says: str) -> Any:
    value: Any = data
    for i, key in enumerate(keys):
        if not isinstance(value, dict):
            raise _wrong(file, keys[:i], "a table")
        if key not in value:
            return kind()
        value = value[key]
    if not isinstance(value, kind):
        raise _wrong(file, keys, says)
    return value


def _wrong(file: str, keys: tuple[str, ...], says: str) -> ManifestError:
    from stead.formats.toml_lines import parse

    with open(file, encoding="utf-8") as stream:
        line = parse(stream.read(), file)[1].at(*keys)
    return ManifestError(
        f"{'.'.join(keys)} must be {says}", where=Origin(file, line), remedy="correct the file"
    )
