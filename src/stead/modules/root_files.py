"""The root's own files: a package that includes the modules' code, with an extra for each.

Each is made only where it is missing. A ``pyproject.toml`` that lists where setuptools finds
packages gets a new module's entries; one of another make is left alone.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice, _toml_text
from stead.values.errors import ManifestError
from stead.values.frozen import dataclass, replace
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYPROJECT = "pyproject.toml"
MANIFEST_IN = "MANIFEST.in"
PRE_COMMIT = ".pre-commit-config.yaml"
GITIGNORE = ".gitignore"

_WHERE = ("tool", "setuptools", "packages", "find")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_TAKEN = frozenset({"src", "tests", "test", "modules", "build", "dist"})


@dataclass(frozen=True, slots=True)
class Part:
    """What the root's package takes of one Python module."""

    name: str
    """The distribution's, which the extra is called by."""
    source: str
    """Where its packages lie, relative to the root, with slashes."""
    requirements: tuple[str, ...] = ()
    scripts: tuple[tuple[str, str], ...] = ()
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    """Its own, such as ``test``."""
    needs: tuple[str, ...] = ()
    """Other modules whose requirements are its too: extras of the root's package."""


def part_of(name: str, directory: str, pyproject: bytes | None) -> Part | None:
    """Read a module's own ``pyproject.toml``; None where it makes no Python package.

    Raises ManifestError for one that cannot be read.
    """
    if pyproject is None:
        return None
    try:
        data = tomllib.loads(pyproject.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ManifestError(
            f"the pyproject.toml of {name} cannot be read: {exc}",
            remedy="nothing was written; tell those who keep the registry",
        ) from exc
    if "project" not in data:
        return None
    project = _table(data, "project")
    scripts, extras = _table(project, "scripts"), _table(project, "optional-dependencies")
    requirements = project.get("dependencies", [])
    texts = [project.get("name"), project.get("requires-python", ""), *scripts.values()]
    if not isinstance(requirements, list) or not all(
        isinstance(text, str) for text in (*texts, *requirements)
    ):
        raise ManifestError(
            f"the [project] of {name}'s pyproject.toml is not one that packaging tools read",
            remedy="nothing was written; tell those who keep the registry",
        )
    return Part(
        project["name"],
        f"{directory}/src",
        tuple(requirements),
        tuple(scripts.items()),
        project.get("requires-python", ""),
        tuple(extras),
    )


def _table(data: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Give a table in tables, empty where there is none."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def within(part: Part, project: str) -> Part:
    """Give a part as the root's package has it: a module that it needs is an extra there."""
    if not part.needs:
        return part
    others = tuple(f"{project}[{name}]" for name in part.needs)
    kept = tuple(r for r in part.requirements if _name(r) not in part.needs)
    return replace(part, requirements=(*kept, *others), needs=())


def _name(requirement: str) -> str:
    found = _REQUIREMENT.match(requirement)
    return normalize_pypi(found[1]) if found else ""


def name_of(text: str) -> str:
    """Give the project's name."""
    return str(tomllib.loads(text)["project"]["name"])


def project_name(directory: str, modules: Sequence[str]) -> str:
    """Give the root's package a name after its directory, which no module has."""
    plain = re.sub(r"[^a-z0-9]+", "-", directory.lower()).strip("-") or "project"
    if not plain[0].isalpha():
        plain = f"project-{plain}"
    import sys
    from keyword import iskeyword

    package = plain.replace("-", "_")
    names = {normalize_pypi(m) for m in modules}
    if (
        plain in names
        or plain in _TAKEN
        or iskeyword(package)
        or package in sys.stdlib_module_names
    ):
        plain += "-project"
    return plain


def new_pyproject(name: str, python: str) -> str:
    """Write the root's ``pyproject.toml``, without modules; ``python`` are versions of Python."""
    value = _toml_text.value
    requires = f"requires-python = {value(python)}\n" if python else ""
    return f"""\
# The project's own package. It includes the modules' code; what a module requires is an extra
# of its name: `pip install ".[NAME]"`.
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = {value(name)}
version = "0.1.0"
{requires}dependencies = []

[project.optional-dependencies]

[project.scripts]

[tool.setuptools.packages.find]
where = ["src"]
"""


def takes_parts(text: str) -> bool:
    """Say whether a ``pyproject.toml`` is such a package: one of setuptools, with ``where``."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    project = _table(data, "project")
    backend = _table(data, "build-system").get("build-backend", "setuptools.build_meta")
    dynamic = project.get("dynamic", ())
    return (
        isinstance(_table(data, *_WHERE).get("where"), list)
        and backend == "setuptools.build_meta"
        and isinstance(project.get("name"), str)
        and isinstance(project.get("optional-dependencies", {}), dict)
        and isinstance(project.get("scripts", {}), dict)
        and not {"optional-dependencies", "scripts"} & set(dynamic)
    )


def collisions(text: str, part: Part) -> list[str]:
    """Name what a ``pyproject.toml`` says otherwise than a module's entries would."""
    project = tomllib.loads(text)["project"]
    found = []
    if normalize_pypi(project["name"]) == normalize_pypi(part.name):
        found.append("project.name")
    extras = project.get("optional-dependencies", {})
    if extras.get(part.name, list(part.requirements)) != list(part.requirements):
        found.append(f"project.optional-dependencies.{part.name}")
    scripts = project.get("scripts", {})
    found += [f"project.scripts.{n}" for n, to in part.scripts if scripts.get(n, to) != to]
    return found


def with_part(text: str, part: Part) -> str:
    """Add a module's entries and leave every other byte as it is; what is there stays.

    Raises ManifestError where that cannot be done.
    """
    plain = text.replace("\r\n", "\n")
    before = tomllib.loads(plain)
    project = before["project"]
    changed = plain
    if part.source not in before["tool"]["setuptools"]["packages"]["find"]["where"]:
        changed = _toml_splice.append(changed, _WHERE, "where", part.source)
    if part.name not in project.get("optional-dependencies", {}):
        changed = _toml_splice.put(
            changed, ("project", "optional-dependencies"), part.name, list(part.requirements)
        )
    for name, to in part.scripts:
        if name not in project.get("scripts", {}):
            changed = _toml_splice.put(changed, ("project", "scripts"), name, to)
    if tomllib.loads(changed) != _expected(before, part):
        raise ManifestError(
            f"the entries of {part.name} cannot be added without changing more",
            where=PYPROJECT,
            details=lines_of(part),
            remedy="add them by hand",
        )
    return changed.replace("\n", "\r\n") if plain != text else changed


def _expected(before: dict[str, Any], part: Part) -> dict[str, Any]:
    project = dict(before["project"])
    extras = project.get("optional-dependencies", {})
    project["optional-dependencies"] = {part.name: list(part.requirements), **extras}
    if part.scripts:
        project["scripts"] = {**dict(part.scripts), **project.get("scripts", {})}
    tool = before["tool"]
    packages = tool["setuptools"]["packages"]
    where = packages["find"]["where"]
    found = {**packages["find"], "where": [*where, *({part.source} - set(where))]}
    setuptools = {**tool["setuptools"], "packages": {**packages, "find": found}}
    return {**before, "project": project, "tool": {**tool, "setuptools": setuptools}}


def lines_of(part: Part) -> list[str]:
    """Give the lines that a ``pyproject.toml`` of another make would need, for people."""
    value = _toml_text.value
    lines = [
        "[project.optional-dependencies]",
        f"{_toml_text.key(part.name)} = {value(list(part.requirements))}",
    ]
    if part.scripts:
        lines += [
            "[project.scripts]",
            *(f"{_toml_text.key(n)} = {value(t)}" for n, t in part.scripts),
        ]
    return [*lines, f"(and the packages below {part.source})"]


def manifest_in(text: str | None, parts: Sequence[Part]) -> str:
    """Write ``MANIFEST.in``, or add to it: the data beside the modules' code is packed too."""
    held = (text or "").splitlines()
    known = {line.strip() for line in held}
    new = [f"graft {part.source}" for part in parts if f"graft {part.source}" not in known]
    if not new:
        return text or ""
    if _EXCLUDED in known:  # what is excluded must come last
        at = [line.strip() for line in held].index(_EXCLUDED)
        held[at:at] = new
    else:
        held += [*new, _EXCLUDED]
    end = "\r\n" if text and "\r\n" in text else "\n"
    return "".join(f"{line}{end}" for line in held)


_EXCLUDED = "global-exclude *.py[cod]"

PRE_COMMIT_TEXT = """\
# Hooks that need nothing but the environment they are called from: `pre-commit install`.
repos:
  - repo: local
    hooks:
      - id: compiles
        name: Python files can be compiled
        entry: python -m compileall -q
        language: system
        types: [python]
      - id: tests
        name: tests of the modules
        entry: python -m pytest --import-mode=importlib modules
        language: system
        pass_filenames: false
        stages: [pre-push]
"""

GITIGNORE_TEXT = """\
# What is private, and what tools make anew.
.stead/
.env
__pycache__/
*.py[cod]
*.egg-info/
build/
dist/
"""
