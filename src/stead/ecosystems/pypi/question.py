"""What uv is asked: a lock request, written as the files that uv reads.

A project of our own carries the requirements, because only a project can say
which index a requirement must come from; an output file carries the old pins,
which uv prefers; one configuration file carries the indexes.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from stead.ecosystems.pypi.indexes import quoted
from stead.values.errors import ContradictionError, ManifestError, UnsatisfiableError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.ecosystems.protocol import LockRequest
    from stead.ecosystems.pypi.indexes import Place
    from stead.values.context import Context
    from stead.values.lock import Artifact
    from stead.values.requirement import Requirement, Source

PROJECT = "stead-environment"
"""What uv calls the project in its explanations."""


@dataclass(frozen=True, slots=True)
class Question:
    """The files of one question, in ``directory``, and uv's arguments."""

    directory: str
    config: str
    arguments: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    """Those whose markers hold on the platform asked for."""


def applicable(request: LockRequest, requirements: Iterable[Requirement]) -> list[Requirement]:
    """Keep the requirements for PyPI whose markers hold for the request.

    Raises ManifestError for a marker that is none.
    """
    environment = request.platform.marker_environment(request.python)
    if request.interpreter and request.interpreter.tag.startswith("pp"):
        environment["platform_python_implementation"] = "PyPy"
        environment["implementation_name"] = "pypy"
    return [
        r
        for r in requirements
        if r.ecosystem == "pypi" and (not r.marker or _holds(r, environment))
    ]


def write(
    directory: str,
    request: LockRequest,
    context: Context,
    indexes: Sequence[Place],
    default: Place | None,
    *,
    first: Sequence[Place] = (),
    constraints: Sequence[str] = (),
) -> Question:
    """Write the question into ``directory``.

    ``first`` are indexes to be asked before all others; ``constraints`` further
    lines beside the request's own. Raises ManifestError and ContradictionError.
    """
    requirements = applicable(request, request.requirements)
    named = [r for r in requirements if r.name]
    unnamed = [r for r in requirements if not r.name]
    _write(directory, "pyproject.toml", _project(named, indexes))
    lines = [requirement_line(r) for r in applicable(request, request.constraints)]
    _write(directory, "constraints.txt", "\n".join([*lines, *constraints, ""]))
    _write(directory, "pylock.toml", _preferences(request.old, context.upgrade))
    asked = [*first, *(p for p in indexes if not p.flat and not p.explicit and not p.default)]
    tables = [f"[[index]]\n{p.toml(explicit=False)}" for p in asked]
    if default:
        tables.append(f"[[index]]\n{default.toml(default=True, explicit=False)}")
    _write(directory, "uv.toml", "\n".join(tables))
    arguments = ["pip", "compile", "pyproject.toml", "--constraints", "constraints.txt"]
    if unnamed:
        _write(directory, "unnamed.in", "".join(f"{_unnamed_line(r)}\n" for r in unnamed))
        arguments.append("unnamed.in")
    for place in indexes:
        if place.flat and not place.explicit:
            arguments += ["--find-links", place.url]
    arguments += ["--python-platform", request.platform.triple, "--python-version", request.python]
    arguments += ["--python", request.interpreter.path if request.interpreter else sys.executable]
    if not context.build_sources:
        arguments.append("--no-build")
    if request.exclude_newer:
        arguments += ["--exclude-newer", request.exclude_newer]
    if (
        not context.offline
    ):  # these make uv ask the index anew; offline the old pins are just left out
        if "*" in context.upgrade:
            arguments.append("--upgrade")
        for name in sorted(context.upgrade - {"*"}):
            arguments += ["--upgrade-package", name]
    return Question(
        directory,
        os.path.join(directory, "uv.toml"),
        tuple(arguments),
        tuple(requirements),
    )


def requirement_line(requirement: Requirement) -> str:
    """Give a requirement as PEP 508 writes it, without marker and path sources."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    source = requirement.source
    if source is not None and source.kind != "path":
        return f"{requirement.name}{extras} @ {direct_url(source)}"
    spec = requirement.spec.strip()
    if spec in ("", "*"):
        return f"{requirement.name}{extras}"
    return f"{requirement.name}{extras}{spec if spec[0] in '<>=!~(' else '==' + spec}"


def direct_url(source: Source) -> str:
    """Give the URL that stands after ``@`` for a source of kind ``url`` or ``git``."""
    url = source.location
    if source.kind == "git":
        url = f"git+{git_address(url)}"
        if source.revision:
            url += f"@{source.revision}"
    if source.subdirectory:
        url += f"{'&' if '#' in url else '#'}subdirectory={source.subdirectory}"
    return url


def path_of(source: Source) -> str:
    """Give the absolute path of a source of kind ``path``."""
    return os.path.normpath(os.path.join(source.location, source.subdirectory))


def git_address(location: str) -> str:
    """Give a repository's address as a URL: a path and git's ``user@host:path`` are none yet."""
    if "://" in location:
        return location
    if match := re.match(r"([\w.-]+@[\w.-]+):(.*)", location):
        return f"ssh://{match[1]}/{match[2]}"
    return f"file://{location}"


def _holds(requirement: Requirement, environment: dict[str, str]) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    try:
        return Marker(requirement.marker).evaluate(dict(environment))
    except (InvalidMarker, UndefinedEnvironmentName) as exc:
        raise ManifestError(
            f"{requirement.marker!r} is not an environment marker",
            where=requirement.origin,
            remedy="write it like python_version < '3.12'",
        ) from exc


def _project(requirements: Sequence[Requirement], indexes: Sequence[Place]) -> str:
    sources: dict[str, str] = {}
    said: dict[str, Requirement] = {}
    for r in requirements:
        if r.source and r.source.kind == "path":
            entry = f"path = {quoted(path_of(r.source))}"
            if r.source.editable:
                entry += ", editable = true"
        elif r.index:
            if all(p.name != r.index for p in indexes):
                raise ManifestError(
                    f"{r.name} must come from the index {r.index!r}, which no manifest describes",
                    where=r.origin,
                    remedy=f"describe the index {r.index!r}, or remove its name here",
                )
            entry = f"index = {quoted(r.index)}"
        else:
            continue
        if sources.setdefault(r.name, entry) != entry:
            raise ContradictionError(
                f"{r.name} is to come from two places",
                details=(f"{said[r.name].origin}: {said[r.name]}", f"{r.origin}: {r}"),
                remedy="keep one of them",
            )
        said[r.name] = r
    lines = ["[project]", f"name = {quoted(PROJECT)}", 'version = "0"', "dependencies = ["]
    lines += [f"  {quoted(requirement_line(r))}," for r in requirements]
    # The workspace table keeps uv from taking this for a member of one further up.
    lines += ["]", "[tool.uv.workspace]", "[tool.uv.sources]"]
    lines += [f"{quoted(name)} = {{ {entry} }}" for name, entry in sources.items()]
    named = {r.index for r in requirements if r.index}
    for place in indexes:
        if place.name in named:
            lines += ["[[tool.uv.index]]", place.toml(default=False)]
    return "\n".join(lines) + "\n"


def _unnamed_line(requirement: Requirement) -> str:
    """Give a requirement without a name: its source says what it is."""
    from pathlib import Path

    source = requirement.source
    if source is None:
        raise ManifestError("a requirement has no name", where=requirement.origin)
    if source.kind != "path":
        return direct_url(source)
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{'-e ' if source.editable else ''}{Path(path_of(source)).as_uri()}{extras}"


def _preferences(old: Sequence[Artifact], upgrade: frozenset[str]) -> str:
    """Give the old pins as the output file that uv would have written."""
    head = ['lock-version = "1.0"', 'created-by = "stead"']
    lines: list[str] = []
    for artifact in old:
        if artifact.ecosystem != "pypi" or upgrade & {"*", artifact.name}:
            continue
        source = artifact.source
        if source is None:
            lines += ["[[packages]]", f"name = {quoted(artifact.name)}"]
            lines.append(f"version = {quoted(artifact.version)}")
        elif source.kind == "git":
            entry = {
                "type": "git",
                "url": git_address(source.location),
                "requested-revision": artifact.get("requested", ""),
                "commit-id": source.revision,
                "subdirectory": source.subdirectory,
            }
            text = ", ".join(f"{k} = {quoted(v)}" for k, v in entry.items() if v)
            lines += ["[[packages]]", f"name = {quoted(artifact.name)}", f"vcs = {{ {text} }}"]
    return "\n".join([*head, *(lines or ["packages = []"])]) + "\n"


def _write(directory: str, name: str, text: str) -> None:
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)


def check_python(request: LockRequest) -> None:
    """Raise UnsatisfiableError where packages are wanted but no Python is."""
    if not request.python:
        raise UnsatisfiableError(
            "PyPI packages are asked for, but no Python to run them",
            remedy='ask for one: [packages] python = "3.12"',
        )
