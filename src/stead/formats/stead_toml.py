"""``stead.toml``, and ``[tool.stead]`` of ``pyproject.toml``: text to a manifest.

The grammar stands in ``_grammar``; this file gives it meaning. Where a file has
several mistakes, all of them are reported at once.
"""

from __future__ import annotations

import os.path
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stead.formats._grammar import (
    LayerTable,
    RegistryTable,
    Root,
    StoreTable,
    Tables,
    TaskTable,
    UseTable,
    WorkspaceTable,
)
from stead.formats._kinds import KindsReader
from stead.formats._packages import leaves
from stead.formats._reserved import GUARDED
from stead.formats._words import bare_or_quoted
from stead.formats.models import Problems
from stead.formats.models import read as read_model
from stead.formats.toml_lines import Lines, parse
from stead.values.errors import ManifestError, SteadError
from stead.values.manifest import (
    Layer,
    Manifest,
    PathEntry,
    Task,
    Use,
    Workspace,
)
from stead.values.names import DEFAULT
from stead.values.origin import Origin
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import TypeGuard

    from stead.formats._matrix import MatrixReader
    from stead.values.registry import Registry
    from stead.values.substitute import StoreAddress


NAME = "stead.toml"
ECOSYSTEMS = ("conda", "pypi")

_ITEM_VERSION = regex(r"(?:[0-9][A-Za-z0-9.+!_-]*|\*)\Z")


def read(
    file: str, load: Callable[[str], str], *, ecosystems: Collection[str] = ECOSYSTEMS
) -> Manifest:
    """Read a ``stead.toml``.

    ``file`` is its absolute path, ``load`` gives the text of a path. Entries keep
    file and line. ``ecosystems`` are the names that ``[packages.X]`` may have
    besides those of installed plugins.
    Raises :class:`ManifestError`.
    """
    try:
        text = load(file)
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ManifestError(
            "this is not UTF-8 text", where=Origin(file, line), remedy="save the file as UTF-8"
        ) from exc
    return _read(text, file, tuple(ecosystems))


@lru_cache(maxsize=64)
def _read(text: str, file: str, ecosystems: tuple[str, ...]) -> Manifest:
    """Read a text once, however often one command composes a place."""
    data, lines = parse(text, file)
    return from_table(data, lines, file, ecosystems=ecosystems)


def from_table(
    data: Mapping[str, Any],
    lines: Lines,
    file: str,
    prefix: tuple[str | int, ...] = (),
    *,
    ecosystems: Collection[str] = ECOSYSTEMS,
) -> Manifest:
    """Make a manifest of a parsed table.

    ``prefix`` is where the table stands in the file (``("tool", "stead")``), for
    the positions in ``lines``. Raises :class:`ManifestError`.
    """

    def where(*path: str | int) -> Origin:
        return Origin(file, lines.at(*prefix, *path))

    problems = Problems()
    root = read_model(Root, data, where, problems)
    manifest = _Reader(file, where, problems, ecosystems).manifest(root, data)
    problems.check()
    return manifest


class _Reader(KindsReader):
    """Turns the tables of one file into values; mistakes go to ``problems``."""

    def manifest(self, root: Root, data: Mapping[str, Any]) -> Manifest:
        layers = [self.layer("", root, ())]
        for name, table in root.layer.items():
            if name == DEFAULT:
                self.wrong(
                    "the default layer is the file's own top-level tables",
                    ("layer", name),
                    "move its entries there, or choose another name",
                )
            layers.append(self.layer(name, table, ("layer", name)))
        if guarded := GUARDED & {part.lower() for part in root.link.split("/")}:
            self.wrong(
                f"link must not lie in {min(guarded)}, which belongs to another program",
                ("link",),
                'for example: link = ".venv"',
            )
        if root.link and leaves(root.link):
            self.wrong(
                f'link must be a path inside this directory, not "{root.link}"',
                ("link",),
                'for example: link = ".venv"',
            )
        return Manifest(
            file=self.file,
            format=NAME,
            directory=self.directory,
            layers=tuple(layers),
            workspace=self.workspace(root.workspace) if root.workspace else None,
            inherit=root.inherit,
            uses=tuple(self.use(n, t) for n, t in root.uses.items()),
            link=root.link,
            kinds=self.kinds(root),
            secrets=self.secrets_table(root.secrets),
            packages=self.matrix().packages_made(root.package) if root.package else (),
            test=self.matrix().test(root.test) if root.test else None,
            registries=self.registries(root.registries) if root.registries else (),
            stores=self.stores(root.stores) if root.stores else (),
        )

    def matrix(self) -> MatrixReader:
        """Give the reader of the test matrix, which most commands of most projects do not need."""
        from stead.formats._matrix import MatrixReader

        return MatrixReader(self.file, self.where, self.problems, self.ecosystems)

    # -- workspace, uses

    def workspace(self, table: WorkspaceTable) -> Workspace:
        from stead.values.platform import platform_named

        for at, name in enumerate(table.platforms):
            try:
                platform_named(name)
            except SteadError as exc:
                self.wrong(exc.message, ("workspace", "platforms", at), exc.remedy)
        for at, pattern in enumerate(table.members):
            if leaves(pattern):
                self.wrong(
                    f'members must lie below this directory; "{pattern}" does not',
                    ("workspace", "members", at),
                )
        newer = table.exclude_newer
        return Workspace(
            name=table.name,
            members=table.members,
            platforms=table.platforms,
            exclude_newer=newer if isinstance(newer, str) else newer.isoformat(),
            channel_priority=table.channel_priority,
            origin=self.where("workspace"),
        )

    def registries(self, tables: Mapping[str, str | RegistryTable]) -> tuple[Registry, ...]:
        from stead.formats._registries import registry

        return tuple(registry(self, n, t, ("registries", n)) for n, t in tables.items())

    def stores(self, tables: Mapping[str, str | StoreTable]) -> tuple[StoreAddress, ...]:
        from stead.formats._stores import store

        return tuple(store(self, n, t, ("stores", n), own=False) for n, t in tables.items())

    def use(self, name: str, table: str | UseTable) -> Use:
        path = ("uses", name)
        if isinstance(table, str):
            table = UseTable(version=table)
        of_item = bool(table.registry or table.version)
        if table.version and not _ITEM_VERSION.match(table.version):
            self.wrong(
                f"{table.version!r} is no version of a registry's item",
                path,
                f'write {name} = {{ path = "…" }} for a directory, {{ git = "…" }} for a repository',
            )
        if [bool(table.path), bool(table.git), of_item].count(True) != 1:
            self.wrong(
                f"uses.{bare_or_quoted(name)} needs either path, git, or registry and version",
                path,
                f'for example: {name} = {{ path = "../{name}" }}',
            )
        for key in ("rev", "subdirectory"):
            if not table.git and getattr(table, key):
                instead = "path" if table.path else "a registry's item"
                self.wrong(
                    f"{key} goes with git, not with {instead}", (*path, key), f"remove {key}"
                )
        if table.options and not of_item:
            self.wrong("options go with a registry's item", (*path, "options"), "remove options")
        if of_item:
            return Use(
                name=name,
                kind="registry",
                location=f"registry:{table.registry}",
                revision="" if table.version == "*" else table.version,
                base=self.directory,
                origin=self.where(*path),
                options=tuple(sorted(table.options.items())),
            )
        self.check_inside(table.subdirectory, (*path, "subdirectory"))
        self.check_address(table.git, (*path, "git"))
        return Use(
            name=name,
            kind="git" if table.git else "path",
            location=table.git or table.path,
            revision=table.rev,
            subdirectory=table.subdirectory,
            base=self.directory,
            origin=self.where(*path),
        )

    # -- layers

    def layer(self, name: str, table: Tables, at: tuple[str | int, ...]) -> Layer:
        kept, removed = self.requirements(table.packages, (*at, "packages"))
        return Layer(
            name=name,
            requirements=tuple(kept),
            removed=tuple(removed),
            channels=self.channels(table.packages, (*at, "packages", "conda", "channels")),
            indexes=self.indexes(table.packages, (*at, "packages", "pypi")),
            variables=self.variables(table.vars, (*at, "vars")),
            paths=tuple(
                PathEntry(
                    n,
                    p if isinstance(p, str) else None,
                    self.directory,
                    self.where(*at, "paths", n),
                )
                for n, p in table.paths.items()
            ),
            tasks=tuple(self.task(n, t, (*at, "tasks", n)) for n, t in table.tasks.items()),
            files=self.files(table.files, (*at, "files")),
            checks=self.checks(table.checks, (*at, "checks")),
            choice=self.choice(table.choose, at),
            adopt=table.adopt,
            inherits=table.inherits if isinstance(table, LayerTable) else (),
            goal=self.matrix().goal(table, at) if _says_of_testing(table) else None,
            origin=self.where(*at),
        )

    def task(
        self, name: str, table: tuple[str, ...] | TaskTable, at: tuple[str | int, ...]
    ) -> Task:
        if not isinstance(table, TaskTable):
            table = TaskTable(run=table)
        if not table.run and not table.depends:
            self.wrong(
                f"task {name} has nothing to do", at, f'for example: {name} = ["python", "main.py"]'
            )
        if table.run and not table.run[0].strip():
            self.wrong(f"task {name} names no program", at)
        if any("\0" in word for word in table.run):
            self.wrong(f"an argument of task {name} holds a NUL character", at)
        return Task(
            name=name,
            command=table.run,
            depends=table.depends,
            inputs=table.inputs,
            outputs=table.outputs,
            variables=self.variables(table.env, (*at, "env")),
            environment=table.environment,
            cwd=os.path.normpath(os.path.join(self.directory, table.cwd)),
            description=table.description,
            origin=self.where(*at),
        )


def _says_of_testing(table: Tables) -> TypeGuard[LayerTable]:
    return isinstance(table, LayerTable) and bool(
        table.package is not None
        or table.commands
        or table.depends
        or table.labels
        or table.resources
        or table.timeout
        or table.retries
        or table.kind
    )
