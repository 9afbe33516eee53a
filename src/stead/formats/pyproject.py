"""``pyproject.toml``: a project's dependencies, extras and groups; uv's sources; ``[tool.stead]``.

The default layer holds the dependencies of ``[project]`` and the project itself,
editable, where it can be installed:

- there is ``[build-system]``, ``setup.py``, or ``[tool.uv] package = true``, or
- its package lies in ``src/``, or beside the file where ``[project.scripts]`` or
  entry points make an installation necessary.

``[tool.uv] package = false`` says that it is not installed. What is not installed
is importable all the same: its directory, and ``src``, are on Python's path.

Each extra, and each group of ``[dependency-groups]``, is a layer; an extra and a
group of one name are one layer. Constraints and overrides of ``[tool.uv]`` are
both taken as constraints. Tables of Poetry, PDM and Hatch are read by their own
build back ends, which uv asks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.formats import _pep508, toml_lines
from stead.formats._static_name import exists, name_in_pyproject, setuptools_name
from stead.values.errors import CycleError, ManifestError
from stead.values.frozen import dataclass, field, replace
from stead.values.manifest import Layer, Manifest, Workspace
from stead.values.names import nearest, normalize_pypi
from stead.values.origin import Origin
from stead.values.requirement import PYTHON, Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stead.formats._uv_tables import Sources
    from stead.values.manifest import Index

    Load = Callable[[str], str]

FORMAT = "pyproject.toml"


def read(file: str, load: Load, layer: str = "") -> Manifest:  # noqa: ARG001 (the readers' form)
    """Read a ``pyproject.toml`` (absolute path). Raises ManifestError with file and line.

    The file declares its layers itself: ``layer`` means nothing here.
    """
    data, lines = toml_lines.parse(load(file), file)
    manifest = _Reader(file, load, data, lines).manifest()
    stead = data["tool"].get("stead") if "tool" in data else None
    if stead is None:
        return manifest
    from stead.formats import stead_toml

    return _joined(manifest, stead_toml.from_table(stead, lines, file, ("tool", "stead")))


@dataclass
class _Draft:
    """A layer being filled."""

    requirements: list[Requirement] = field(default_factory=list)
    inherits: list[str] = field(default_factory=list)
    origin: Origin | None = None


class _Reader:
    def __init__(
        self, file: str, load: Load, data: dict[str, Any], lines: toml_lines.Lines
    ) -> None:
        self._file = file
        self._directory = os.path.dirname(file)
        self._load = load
        self._data = data
        self._lines = lines
        self._tool = self._table(data, "tool")
        self._uv = self._table(self._tool, "uv", ("tool",))
        self._project = self._table(data, "project")
        self._reads: list[str] = []
        self._layers: dict[str, _Draft] = {"": _Draft()}
        self._sources = self._sources_of_uv()

    def manifest(self) -> Manifest:
        name = self._name()
        installed = self._is_installed(name)
        self._default(name, installed=installed)
        self._extras(name, installed=installed)
        self._groups(name)
        layers = []
        for layer, draft in self._layers.items():
            layers.append(
                Layer(
                    layer,
                    requirements=tuple(draft.requirements),
                    inherits=tuple(dict.fromkeys(draft.inherits)),
                    origin=draft.origin or Origin(self._file),
                )
            )
        layers[0] = replace(
            layers[0],
            constraints=tuple(self._constraints()),
            indexes=self._indexes(),
        )
        return Manifest(
            file=self._file,
            format=FORMAT,
            directory=self._directory,
            layers=tuple(layers),
            workspace=self._workspace(),
            project=(name or normalize_pypi(os.path.basename(self._directory)) or "project")
            if installed
            else "",
            modules=self._modules() if self._project and not installed else (),
            reads=tuple(self._reads),
        )

    def _sources_of_uv(self) -> Sources | None:
        table = self._table(self._uv, "sources", ("tool", "uv"))
        if not table:
            return None
        from stead.formats._uv_tables import Sources

        return Sources(
            table, self._directory, self._load, lambda *p: self._at("tool", "uv", "sources", *p)
        )

    def _sourced(
        self, requirement: Requirement, *, extra: str = "", group: str = ""
    ) -> Iterable[Requirement]:
        if self._sources is None:
            return (requirement,)
        return self._sources.apply(requirement, extra=extra, group=group)

    def _indexes(self) -> tuple[Index, ...]:
        if not self._uv:
            return ()
        from stead.formats._uv_tables import indexes

        return indexes(self._uv, self._directory, lambda *p: self._at("tool", "uv", *p))

    def _at(self, *path: str | int) -> Origin:
        return Origin(self._file, self._lines.at(*path))

    def _table(
        self, data: dict[str, Any], key: str, path: tuple[str | int, ...] = ()
    ) -> dict[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong((*path, key), "a table", value)
        return value

    def _strings(
        self, data: dict[str, Any], key: str, path: tuple[str | int, ...]
    ) -> Iterator[tuple[str, Origin]]:
        value = data.get(key, [])
        if not isinstance(value, list):
            raise self._wrong((*path, key), "a list of strings", value)
        for number, item in enumerate(value):
            if not isinstance(item, str):
                raise self._wrong((*path, key, number), "a string", item)
            yield item, self._at(*path, key, number)

    def _wrong(self, path: tuple[str | int, ...], wanted: str, value: Any) -> ManifestError:
        kinds = {dict: "a table", list: "a list", str: "a string", bool: "true or false"}
        is_kind = kinds.get(type(value), "a number")
        return ManifestError(
            f"{'.'.join(map(str, path))} must be {wanted}, not {is_kind}",
            where=self._at(*path),
            remedy=f"make it {wanted}",
        )

    def _name(self) -> str:
        name = self._project.get("name", "")
        if not isinstance(name, str):
            raise self._wrong(("project", "name"), "a string", name)
        if self._project and not name:
            raise ManifestError(
                "[project] has no name", where=self._at("project"), remedy='add name = "…"'
            )
        if name:
            return normalize_pypi(name)
        if "build-system" not in self._data:
            return ""
        if found := name_in_pyproject(self._data):
            return normalize_pypi(found)
        found, read = setuptools_name(self._directory, self._load)
        self._reads += read
        return found

    def _is_installed(self, name: str) -> bool:
        package = self._uv.get("package")
        if package is not None:
            return bool(package)
        if "build-system" in self._data:
            return True
        if not self._project:
            return False
        if exists(self._load, os.path.join(self._directory, "setup.py")):
            return True
        # Without a build system setuptools guesses which folders are packages, and
        # refuses a directory with several. `src` leaves nothing to guess; beside the
        # file it is worth the try only where scripts could not work otherwise.
        module = name.replace("-", "_")
        wanted = self._project.keys() & {"scripts", "gui-scripts", "entry-points"}
        places = ("src", "") if wanted else ("src",)
        return any(
            exists(self._load, os.path.join(self._directory, place, *rest))
            for place in places
            for rest in ((module, "__init__.py"), (f"{module}.py",))
        )

    def _modules(self) -> tuple[str, ...]:
        source = os.path.join(self._directory, "src")
        return (self._directory, source) if exists(self._load, source) else (self._directory,)

    def _default(self, name: str, *, installed: bool) -> None:
        default = self._layers[""].requirements
        if "requires-python" in self._project:
            origin = self._at("project", "requires-python")
            value = self._project["requires-python"]
            if not isinstance(value, str):
                raise self._wrong(("project", "requires-python"), "a string", value)
            spec = _pep508.check_specifiers(value, origin)
            default.append(Requirement(PYTHON, PYTHON, spec, origin=origin))
        if installed:
            default.append(self._itself(name))
        for text, origin in self._strings(self._project, "dependencies", ("project",)):
            requirement = _pep508.parse(text, self._directory, origin)
            default.extend(self._sourced(requirement))

    def _itself(self, name: str, *extras: str) -> Requirement:
        where = self._at("project") if self._project else self._at("build-system")
        source = Source("path", self._directory, editable=True)
        return Requirement("pypi", name, extras=extras, source=source, origin=where)

    def _extras(self, name: str, *, installed: bool) -> None:
        path = ("project", "optional-dependencies")
        for extra in self._table(self._project, path[1], path[:1]):
            layer = normalize_pypi(extra)
            draft = self._draft(layer, self._at(*path, extra))
            if installed:
                draft.requirements.append(self._itself(name, layer))
            table = self._project["optional-dependencies"]
            for text, origin in self._strings(table, extra, path):
                requirement = _pep508.parse(text, self._directory, origin)
                if requirement.name == name:
                    draft.inherits += requirement.extras
                else:
                    draft.requirements += self._sourced(requirement, extra=extra)

    def _groups(self, name: str) -> None:
        groups = self._table(self._data, "dependency-groups")
        names = {normalize_pypi(g): g for g in groups}
        includes: dict[str, list[tuple[str, Origin]]] = {}
        for group, entries in groups.items():
            path = ("dependency-groups", group)
            if not isinstance(entries, list):
                raise self._wrong(path, "a list", entries)
            layer = normalize_pypi(group)
            draft = self._draft(layer, self._at(*path))
            for number, entry in enumerate(entries):
                origin = self._at(*path, number)
                if isinstance(entry, str):
                    self._grouped(draft, entry, origin, group, name)
                elif isinstance(entry, dict) and list(entry) == ["include-group"]:
                    included = normalize_pypi(str(entry["include-group"]))
                    if included not in names:
                        close = nearest(included, names)
                        raise ManifestError(
                            f"there is no group {entry['include-group']!r}",
                            where=origin,
                            remedy=f"did you mean {close}?" if close else "declare it",
                        )
                    draft.inherits.append(included)
                    includes.setdefault(layer, []).append((included, origin))
                else:
                    raise ManifestError(
                        "an entry of a group must be a requirement or { include-group = '…' }",
                        where=origin,
                        remedy="write one of the two",
                    )
        _check_cycles(includes)
        for text, origin in self._strings(self._uv, "dev-dependencies", ("tool", "uv")):
            self._grouped(self._draft("dev", origin), text, origin, "dev", name)

    def _grouped(self, draft: _Draft, text: str, origin: Origin, group: str, name: str) -> None:
        requirement = _pep508.parse(text, self._directory, origin)
        if name and requirement.name == name and not requirement.source:
            # The project itself, with extras: those are layers of this very file.
            draft.inherits += requirement.extras
        else:
            draft.requirements += self._sourced(requirement, group=group)

    def _draft(self, layer: str, origin: Origin) -> _Draft:
        draft = self._layers.setdefault(layer, _Draft())
        draft.origin = draft.origin or origin
        return draft

    def _constraints(self) -> Iterator[Requirement]:
        for key in ("constraint-dependencies", "override-dependencies"):
            for text, origin in self._strings(self._uv, key, ("tool", "uv")):
                yield _pep508.parse(text, self._directory, origin)

    def _workspace(self) -> Workspace | None:
        if "workspace" not in self._uv:
            return None
        table = self._table(self._uv, "workspace", ("tool", "uv"))
        members = self._strings(table, "members", ("tool", "uv", "workspace"))
        return Workspace(
            members=tuple(text for text, _ in members),
            origin=self._at("tool", "uv", "workspace"),
        )


def _check_cycles(includes: dict[str, list[tuple[str, Origin]]]) -> None:
    done: set[str] = set()

    def visit(group: str, path: tuple[str, ...]) -> None:
        for included, origin in includes.get(group, ()):
            if included in (*path, group):
                raise CycleError(
                    "groups include each other: " + " → ".join((*path, group, included)),
                    where=origin,
                    remedy="take one of the includes out",
                )
            if included not in done:
                visit(included, (*path, group))
        done.add(group)

    for group in includes:
        visit(group, ())


def _joined(project: Manifest, stead: Manifest) -> Manifest:
    """Join what ``[tool.stead]`` says to what the rest of the file says."""
    layers = {layer.name: layer for layer in project.layers}
    for layer in stead.layers:
        old = layers.get(layer.name)
        layers[layer.name] = layer if old is None else _both(old, layer)
    workspace = stead.workspace or project.workspace
    if stead.workspace and project.workspace:
        members = dict.fromkeys((*stead.workspace.members, *project.workspace.members))
        workspace = replace(stead.workspace, members=tuple(members))
    return replace(
        stead,
        format=FORMAT,
        own=True,
        layers=tuple(layers.values()),
        workspace=workspace,
        project=stead.project or project.project,
        modules=stead.modules or project.modules,
        reads=(*project.reads, *stead.reads),
    )


def _both(first: Layer, second: Layer) -> Layer:
    """Join a layer of the project's own tables to one of ``[tool.stead]``, which alone has the rest."""
    return replace(
        second,
        requirements=(*first.requirements, *second.requirements),
        constraints=(*first.constraints, *second.constraints),
        removed=(*first.removed, *second.removed),
        channels=(*first.channels, *second.channels),
        indexes=(*first.indexes, *second.indexes),
        variables=(*first.variables, *second.variables),
        paths=(*first.paths, *second.paths),
        tasks=(*first.tasks, *second.tasks),
        inherits=(*first.inherits, *second.inherits),
        origin=first.origin,
    )
