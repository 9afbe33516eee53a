"""Members of a workspace that depend on each other, and what a project says of itself."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from typing import Any

from stead.values.names import normalize_pypi
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.requirement import Requirement, Source

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
        return hashlib.sha256(raw).hexdigest()[:16] if raw else ""
    project = dict(data.get("project", {}))
    for prose in ("description", "readme", "keywords", "classifiers", "urls", "authors"):
        project.pop(prose, None)
    tool = data.get("tool", {})
    relevant = {
        "project": project,
        "build-system": data.get("build-system"),
        "sources": tool.get("uv", {}).get("sources"),
        "poetry": tool.get("poetry"),
    }
    text = json.dumps(relevant, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_digest(directory: str) -> str:
    """Digest the files of a directory that is copied into a build, names and contents.

    What version control, builds and tools leave there takes no part.
    """
    digest = hashlib.sha256()
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
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(f"{relative}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def with_members(requirements: tuple[Requirement, ...], root: str) -> tuple[Requirement, ...]:
    """Add the members of the workspace that the requirements reach, as editable paths.

    A requirement by name that a member bears means that member; so do the
    members' own dependencies, transitively.
    """
    found = members_of(root)
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
            data = _pyproject(directory)
            name = (data or {}).get("project", {}).get("name")
            if isinstance(name, str):
                found[normalize_pypi(name)] = os.path.normpath(directory)
    return found


def _patterns(root: str) -> list[str]:
    patterns: list[str] = []
    data = _pyproject(root) or {}
    tool = data.get("tool", {})
    patterns += tool.get("uv", {}).get("workspace", {}).get("members", [])
    patterns += tool.get("stead", {}).get("workspace", {}).get("members", [])
    try:
        with open(os.path.join(root, "stead.toml"), "rb") as file:
            patterns += tomllib.load(file).get("workspace", {}).get("members", [])
    except (OSError, tomllib.TOMLDecodeError):
        pass
    return patterns


def _dependencies(directory: str) -> list[str]:
    """Name the distributions a project asks for, of all its extras too."""
    project = (_pyproject(directory) or {}).get("project", {})
    texts = list(project.get("dependencies", []))
    for extra in project.get("optional-dependencies", {}).values():
        texts += extra
    return [normalize_pypi(m[1]) for t in texts if (m := _NAME.match(str(t)))]


def _pyproject(directory: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(directory, "pyproject.toml"), "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError):
        return None
