"""What builds a project: its back end and the exact packages that this needs, kept in the store.

The requirements of a build are resolved as an environment's are, and the answer is kept at
home for each place until something asked differs or it is asked for afresh.
"""

from __future__ import annotations

import json
import os
import threading

from stead.store.atomic import write_file
from stead.store.products import place_directory
from stead.values.digest import short_key
from stead.values.errors import ManifestError, StoreError
from stead.values.frozen import asdict, dataclass, field, replace
from stead.values.names import DEFAULT, normalize_pypi
from stead.values.origin import NOWHERE, Origin
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from stead.matrix.sources import Sources
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.manifest import Index
    from stead.values.requirement import Requirement
    from stead.values.spec import Spec
    from stead.values.suite import Product

MEMORY = "backend.json"
_FORMAT = 1
_MOST = 30
"""Answers of one kind that are remembered for a place."""

LEGACY = "setuptools.build_meta:__legacy__"
_LEGACY_NEEDS = ("setuptools>=40.8.0",)

_VERSIONED = regex(
    r"setuptools[_-](scm|git|vcs)|use_scm_version|hatch[_-]vcs|versioningit|versioneer|\bpbr\b"
    r"|dunamai|dynamic[_-]versioning|vcs[_-]versioning|git[_-]version|flit[_-]scm|setupmeta"
    r"|source\s*=\s*['\"](scm|vcs|git)['\"]"
)
_ASKS_GIT = regex(r"\bgit\b")


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """What a project says of its own build.

    ``name`` and ``version`` are what it states; empty where they are computed.
    ``versioned`` says that its version may come from version control.
    """

    requires: tuple[str, ...]
    backend: str
    path: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    name: str = ""
    version: str = ""
    requires_python: str = ""
    versioned: bool = False

    @property
    def origin(self) -> Origin:
        return Origin(self.file, self.line)


class Memory:
    """What was found out about a place's builds, in one file at home.

    Answers are kept under what was asked, whose first word says of what kind it is; of each
    kind, the latest stay.
    """

    def __init__(self, context: Context, root: str) -> None:
        self._path = os.path.join(place_directory(context.home, root), MEMORY)
        self._held = self._read()

    def get(self, key: str) -> Any:
        return self._held.get(key)

    def keep(self, key: str, value: Any) -> None:
        """Remember an answer; a home that cannot be written to remembers nothing."""
        with _keeping:  # others may have found out more meanwhile
            held = self._read()
            held.pop(key, None)
            held[key] = self._held[key] = value
            kind = key.partition(" ")[0]
            for old in [k for k in held if k.partition(" ")[0] == kind][:-_MOST]:
                del held[old]
            text = json.dumps({"format": _FORMAT, "answers": held})
            try:
                write_file(self._path, text.encode())
            except StoreError:
                pass

    def _read(self) -> dict[str, Any]:
        try:
            with open(self._path, "rb") as file:
                held = json.loads(file.read())
            return dict(held["answers"]) if held["format"] == _FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


_keeping = threading.Lock()

FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Any of these makes a directory a project that can be built."""


def build_system(sources: Sources, memory: Memory) -> BuildSystem:
    """Read what a project says of its build. Raises ManifestError with file and line."""
    asked = "system " + short_key([sources.root, [sources.content_of(name) for name in FILES]])
    return _remembered(asked, memory, lambda: _of_sources(sources))


def build_system_of(sdist: Product, memory: Memory) -> BuildSystem:
    """Read what a source distribution says of its build. Raises ManifestError, ArtifactError."""

    def read() -> BuildSystem:
        from stead.matrix.content import texts_of

        return _read(texts_of(sdist.path, FILES), os.path.basename(sdist.path))

    return _remembered(f"sdist {sdist.content}", memory, read)


def _remembered(asked: str, memory: Memory, read: Callable[[], BuildSystem]) -> BuildSystem:
    held = memory.get(asked)
    if held is not None:
        for name in ("requires", "path"):
            held = {**held, name: tuple(held[name])}
        return BuildSystem(**held)
    found = read()
    memory.keep(asked, asdict(found))
    return found


def _of_sources(sources: Sources) -> BuildSystem:
    if not any(sources.content_of(name) for name in FILES):
        raise ManifestError(
            "there is nothing to build here: no pyproject.toml, no setup.py, no setup.cfg",
            where=sources.root,
            remedy="write a pyproject.toml, or say in [package.NAME] where the project is (path)",
        )
    return _read({name: _text(sources, name) for name in FILES}, sources.root)


def _read(texts: Mapping[str, str], root: str) -> BuildSystem:
    """Understand the texts of the files that say how a project in ``root`` is built."""
    from stead.formats.toml_lines import parse

    file = os.path.join(root, "pyproject.toml")
    data, lines = parse(texts["pyproject.toml"], file)
    table = _table(data, "build-system", file, lines)
    project = _table(data, "project", file, lines)
    requires, backend, path = list(_LEGACY_NEEDS), LEGACY, []
    if "build-system" in data:
        requires = _texts(table, "requires", file, lines)
        backend = table.get("build-backend", LEGACY)
        path = _texts(table, "backend-path", file, lines) if "backend-path" in table else []
        if not isinstance(backend, str) or not backend.strip():
            raise _wrong("build-backend must be a string", "build-backend", file, lines)
        if any(os.path.isabs(p) or ".." in p.replace("\\", "/").split("/") for p in path):
            raise _wrong("backend-path must lie in the project", "backend-path", file, lines)
    scripts = texts["setup.py"] + texts["setup.cfg"]
    return BuildSystem(
        requires=tuple(requires),
        backend=backend,
        path=tuple(path),
        file=file if texts["pyproject.toml"] else os.path.join(root, "setup.py"),
        line=lines.at("build-system", "requires"),
        name=normalize_pypi(project["name"]) if isinstance(project.get("name"), str) else "",
        version=project["version"] if isinstance(project.get("version"), str) else "",
        requires_python=str(project.get("requires-python", "")),
        versioned=bool(
            path
            or _VERSIONED.search("\n".join((texts["pyproject.toml"], scripts)))
            or _ASKS_GIT.search(texts["setup.py"])
        ),
    )


def _text(sources: Sources, name: str) -> str:
    if not sources.content_of(name):
        return ""
    path = os.path.join(sources.root, name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError as exc:
        if name != "pyproject.toml":
            return ""
        raise ManifestError("the file is not UTF-8", where=path, remedy="save it as UTF-8") from exc
    except OSError:
        return ""


def _table(data: dict[str, Any], name: str, file: str, lines: Any) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise ManifestError(
            f"{name} must be a table", where=Origin(file, lines.at(name)), remedy=f"write [{name}]"
        )
    return table


def _texts(table: dict[str, Any], name: str, file: str, lines: Any) -> list[str]:
    value = table.get(name)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise _wrong(f"{name} must be a list of strings", name, file, lines)
    return value


def _wrong(message: str, key: str, file: str, lines: Any) -> ManifestError:
    return ManifestError(
        message,
        where=Origin(file, lines.at("build-system", key)),
        remedy='for example: requires = ["hatchling"], build-backend = "hatchling.build"',
    )


# -- the environment of a build


@dataclass(frozen=True, slots=True)
class Needs:
    """What the environment of a build is to hold. ``requires`` is sorted."""

    root: str
    requires: tuple[str, ...]
    interpreter: Interpreter
    further: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    indexes: tuple[Index, ...] = ()
    exclude_newer: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)
    """Where the requirements are written."""

    def more(self, requires: Iterable[str]) -> Needs:
        return replace(self, requires=tuple(sorted({*self.requires, *requires})))


@dataclass(frozen=True, slots=True)
class Tools:
    """The environment of a build, locked: ``key`` is that of its tree, made or not."""

    needs: Needs
    key: str
    lock: str

    @property
    def build(self) -> str:
        return f"{self.key}-{_NAME}"


_NAME = "build-tools"


def tools(needs: Needs, context: Context, memory: Memory) -> Tools:
    """Lock what a build needs, or give what it was locked to before.

    Raises UnsatisfiableError, ManifestError, NetworkError.
    """
    from stead.ecosystems.pypi.indexes import mirror

    interpreter = needs.interpreter
    asked = "lock " + short_key(
        {
            "requires": needs.requires,
            "further": [needs.further, needs.constraints],
            "interpreter": [interpreter.path, interpreter.version, interpreter.tag],
            "indexes": needs.indexes or mirror(context.environ),
            "exclude_newer": needs.exclude_newer,
        }
    )
    held = memory.get(asked)
    if held is None or context.upgrade:
        from stead.formats import stead_lock
        from stead.pipeline import build as building
        from stead.pipeline import lock as locking
        from stead.values.lock import Lock

        spec = _spec(needs)
        locked = locking.lock(
            spec, None, context=context, environment=DEFAULT, place=".", interpreter=interpreter
        )
        want = building.wanted(spec, locked, interpreter)
        held = {
            "key": want.key,
            "lock": stead_lock.write(Lock().with_environment(locked)),
            "build": f"{want.key}-{_NAME}",
        }
        if not any(a.source and a.source.kind == "path" for a in locked.artifacts):
            memory.keep(asked, held)
    return Tools(needs, held["key"], held["lock"])


def made(found: Tools, context: Context) -> Path:
    """Give the tree of a build's environment, making it unless it is there."""
    from pathlib import Path

    from stead.pipeline import build as building
    from stead.store.builds import Builds
    from stead.store.layout import Layout

    build = Builds(Layout(Path(context.home))).find(found.key, _NAME)
    if build is not None:
        return build
    from stead.formats import stead_lock
    from stead.pipeline import lock as locking

    spec = _spec(found.needs)
    locked = stead_lock.read(found.lock, "the lock of a build").environments[0]
    want = building.wanted(spec, locked, found.needs.interpreter)
    plan = locking.plan(spec.packages, has_code=True)
    return building.build(want, spec, plan, context)


def _spec(needs: Needs) -> Spec:
    from stead.formats._pep508 import parse
    from stead.matrix.resolution import here
    from stead.values.spec import PackagesSpec, Spec

    asked = tuple(parse(text, needs.root, needs.origin) for text in needs.requires)
    packages = PackagesSpec(
        requirements=(*asked, *needs.further),
        constraints=needs.constraints,
        indexes=needs.indexes,
        python_from="venv",
        exclude_newer=needs.exclude_newer,
    )
    return Spec(
        place=needs.root,
        root=needs.root,
        environment=DEFAULT,
        layers=(),
        platform=here(),
        packages=packages,
        name=_NAME,
    )
