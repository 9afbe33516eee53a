"""``stead.toml``, and ``[tool.stead]`` of ``pyproject.toml``: text to a manifest.

The grammar stands in ``_grammar``; this file gives it meaning. Where a file has
several mistakes, all of them are reported at once.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

from stead.formats import _specs
from stead.formats._grammar import (
    CondaPackage,
    IndexTable,
    LayerTable,
    PackagesTable,
    PypiPackage,
    Root,
    Tables,
    TaskTable,
    UseTable,
    WorkspaceTable,
)
from stead.formats.models import Problems, bare_or_quoted
from stead.formats.models import read as read_model
from stead.formats.toml_lines import Lines, parse
from stead.values.errors import ManifestError, SteadError
from stead.values.manifest import (
    Channel,
    Index,
    Layer,
    Manifest,
    PathEntry,
    Task,
    Use,
    Variable,
    Workspace,
)
from stead.values.names import DEFAULT, ECOSYSTEM_PLUGINS, nearest, normalize_pypi
from stead.values.origin import Origin
from stead.values.requirement import PYTHON, Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from stead.formats.models import Where

NAME = "stead.toml"
ECOSYSTEMS = ("conda", "pypi")


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


class _Reader:
    """Turns the tables of one file into values; mistakes go to ``problems``."""

    def __init__(
        self, file: str, where: Where, problems: Problems, ecosystems: Collection[str]
    ) -> None:
        self.file = file
        self.directory = os.path.dirname(file)
        self.where = where
        self.problems = problems
        self.ecosystems = ecosystems

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
        if root.link and _leaves(root.link):
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
        )

    def wrong(self, message: str, path: tuple[str | int, ...], remedy: str = "") -> None:
        """Note a mistake of meaning, unless the entry could not even be read."""
        if not self.problems.spoilt(path):
            self.problems.add(message, self.where(*path), remedy)

    # -- workspace, uses

    def workspace(self, table: WorkspaceTable) -> Workspace:
        from stead.values.platform import platform_named

        for at, name in enumerate(table.platforms):
            try:
                platform_named(name)
            except SteadError as exc:
                self.wrong(exc.message, ("workspace", "platforms", at), exc.remedy)
        for at, pattern in enumerate(table.members):
            if _leaves(pattern):
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

    def use(self, name: str, table: UseTable) -> Use:
        path = ("uses", name)
        if bool(table.path) == bool(table.git):
            self.wrong(
                f"uses.{bare_or_quoted(name)} needs either path or git",
                path,
                f'for example: {name} = {{ path = "../{name}" }}',
            )
        for key in ("rev", "subdirectory"):
            if table.path and getattr(table, key):
                self.wrong(f"{key} goes with git, not with path", (*path, key), f"remove {key}")
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
            inherits=table.inherits if isinstance(table, LayerTable) else (),
            origin=self.where(*at),
        )

    def variables(
        self, table: Mapping[str, str | float | bool], at: tuple[str | int, ...]
    ) -> tuple[Variable, ...]:
        made = []
        for name, value in table.items():
            text = _text(value)
            if text is not None and "\0" in text:
                self.wrong(f"the value of {name} holds a NUL character", (*at, name))
            made.append(Variable(name, text, self.where(*at, name)))
        return tuple(made)

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

    # -- packages

    def requirements(
        self, table: PackagesTable, at: tuple[str | int, ...]
    ) -> tuple[list[Requirement], list[Requirement]]:
        kept: list[Requirement] = []
        removed: list[Requirement] = []
        if table.python is False:
            removed.append(Requirement(PYTHON, PYTHON, origin=self.where(*at, "python")))
        elif table.python:
            spec = self.spec(_specs.python, table.python, (*at, "python"))
            kept.append(Requirement(PYTHON, PYTHON, spec, origin=self.where(*at, "python")))
        for name, conda in table.conda.requirements.items():
            place = (*at, "conda", name)
            if conda is False:
                removed.append(Requirement("conda", name.lower(), origin=self.where(*place)))
            else:
                kept.append(self.conda(name, conda, place))
        for name, pypi in table.pypi.requirements.items():
            place = (*at, "pypi", name)
            if pypi is False:
                removed.append(Requirement("pypi", normalize_pypi(name), origin=self.where(*place)))
            else:
                kept.append(self.pypi(name, pypi, place))
        for ecosystem, requests in table.others.items():
            if ecosystem not in self.ecosystems and not _is_plugged_in(ecosystem):
                self.unknown_ecosystem(ecosystem, (*at, ecosystem))
                continue
            for name, other in requests.items():
                spec = "" if other in ("*", False) else str(other)
                made = Requirement(ecosystem, name, spec, origin=self.where(*at, ecosystem, name))
                (removed if other is False else kept).append(made)
        self.check_twice([*kept, *removed])
        return kept, removed

    def unknown_ecosystem(self, name: str, at: tuple[str | int, ...]) -> None:
        like = nearest(name, self.ecosystems)
        known = ", ".join(sorted(self.ecosystems))
        self.wrong(
            f"unknown ecosystem {bare_or_quoted(name)}",
            at,
            f"did you mean {like}?"
            if like
            else f"known are {known}; the interpreter is [packages] python",
        )

    def check_twice(self, requirements: list[Requirement]) -> None:
        seen: dict[tuple[str, str], Requirement] = {}
        for r in requirements:
            first = seen.setdefault((r.ecosystem, r.name), r)
            if first is not r:
                self.problems.add(
                    f"{r.ecosystem} {r.name} is asked for twice in this table, first in line {first.origin.line}",
                    r.origin,
                    "keep one of the two spellings",
                )

    def conda(
        self, name: str, value: str | bool | CondaPackage, at: tuple[str | int, ...]
    ) -> Requirement:
        table = value if isinstance(value, CondaPackage) else CondaPackage(version=str(value))
        place = at if not isinstance(value, CondaPackage) else (*at, "version")
        spec = self.spec(_specs.conda, table.version, place)
        if table.build:
            if " " in spec:
                self.wrong("the build stands in version already", (*at, "build"), "write it once")
            spec = f"{spec or '*'} {table.build}"
        self.check_address(table.channel, (*at, "channel"))
        return Requirement("conda", name.lower(), spec, index=table.channel, origin=self.where(*at))

    def pypi(
        self, name: str, value: str | bool | PypiPackage, at: tuple[str | int, ...]
    ) -> Requirement:
        normal = normalize_pypi(name)
        if normal == PYTHON:
            self.wrong("Python is not a package of PyPI", at, 'write python = "…" under [packages]')
        if not isinstance(value, PypiPackage):
            spec = self.spec(_specs.pypi, str(value), at)
            return Requirement("pypi", normal, spec, origin=self.where(*at))
        self.check_pypi_keys(value, at)
        source, hashes = self.source(value, at)
        return Requirement(
            "pypi",
            normal,
            "" if source else self.spec(_specs.pypi, value.version, (*at, "version")),
            extras=tuple(sorted({normalize_pypi(e) for e in value.extras})),
            marker=self.spec(_specs.marker, value.marker, (*at, "marker")),
            source=source,
            hashes=hashes,
            index=value.index,
            origin=self.where(*at),
        )

    def check_pypi_keys(self, table: PypiPackage, at: tuple[str | int, ...]) -> None:
        given = [k for k in ("path", "url", "git") if getattr(table, k)]
        if len(given) > 1:
            self.wrong(
                f"{' and '.join(given)} exclude each other", (*at, given[1]), "keep one of them"
            )
        kind = given[0] if given else ""
        revisions = [k for k in ("rev", "tag", "branch") if getattr(table, k)]
        if len(revisions) > 1:
            self.wrong(
                f"{' and '.join(revisions)} exclude each other",
                (*at, revisions[1]),
                "keep the most exact one",
            )
        needs = {"editable": ("path",), "subdirectory": ("git", "url")}
        needs |= dict.fromkeys(revisions, ("git",))
        for key, kinds in needs.items():
            if getattr(table, key) and kind not in kinds:
                self.wrong(f"{key} goes with {' or '.join(kinds)}", (*at, key), f"remove {key}")
        for key in ("version", "index"):
            if kind and getattr(table, key):
                self.wrong(
                    f"{key} goes with an index; this package comes from {kind}",
                    (*at, key),
                    f"remove {key}",
                )
        self.check_inside(table.subdirectory, (*at, "subdirectory"))

    def source(
        self, table: PypiPackage, at: tuple[str | int, ...]
    ) -> tuple[Source | None, tuple[str, ...]]:
        if table.path:
            location = os.path.normpath(os.path.join(self.directory, table.path))
            return Source("path", location, editable=table.editable), ()
        if table.git:
            self.check_address(table.git, (*at, "git"))
            return (
                Source(
                    "git",
                    self.git_address(table.git),
                    revision=table.rev or table.tag or table.branch,
                    subdirectory=table.subdirectory,
                ),
                (),
            )
        if table.url:
            self.check_address(table.url, (*at, "url"))
            address, _, fragment = table.url.partition("#")
            if "://" not in address:
                self.wrong(
                    f'url must be a whole address, not "{table.url}"',
                    (*at, "url"),
                    f'for a file of the tree: path = "{table.url}"',
                )
            hashes = tuple(
                part.replace("=", ":", 1)
                for part in fragment.split("&")
                if part.startswith(("sha256=", "sha384=", "sha512="))
            )
            return Source("url", address, subdirectory=table.subdirectory), hashes
        return None, ()

    def git_address(self, text: str) -> str:
        """Make an address that git takes from anywhere: a plain path becomes a ``file://`` one."""
        if "://" in text or _is_scp(text):
            return text
        return "file://" + os.path.normpath(os.path.join(self.directory, text))

    def channels(self, table: PackagesTable, at: tuple[str | int, ...]) -> tuple[Channel, ...]:
        for i, name in enumerate(table.conda.channels):
            self.check_address(name, (*at, i))
            if not name.strip():
                self.wrong("a channel has no name", (*at, i))
        return tuple(
            Channel(name, self.directory, self.where(*at, i))
            for i, name in enumerate(table.conda.channels)
        )

    def indexes(self, table: PackagesTable, at: tuple[str | int, ...]) -> tuple[Index, ...]:
        made: list[Index] = []
        for i, item in enumerate(table.pypi.indexes):
            place = (*at, "indexes", i)
            t = item if isinstance(item, IndexTable) else IndexTable(url=item)
            self.check_address(t.url, place)
            made.append(
                Index(
                    t.name or index_name(t.url),
                    t.url,
                    self.directory,
                    t.flat,
                    t.explicit,
                    t.default,
                    self.where(*place),
                )
            )
        for i, url in enumerate(table.pypi.find_links):
            place = (*at, "find-links", i)
            self.check_address(url, place)
            made.append(
                Index(index_name(url), url, self.directory, flat=True, origin=self.where(*place))
            )
        seen: dict[str, Index] = {}
        for index in made:
            if seen.setdefault(index.name, index).url != index.url:
                self.problems.add(
                    f'two indexes are called "{index.name}"',
                    index.origin,
                    'name them: { name = "…", url = "…" }',
                )
        return tuple(made)

    # -- small checks

    def spec(self, read_spec: Callable[[str], str], text: str, at: tuple[str | int, ...]) -> str:
        try:
            return read_spec(text)
        except _specs.SpecError as exc:
            self.wrong(exc.message, at, exc.remedy)
            return ""

    def check_inside(self, subdirectory: str, at: tuple[str | int, ...]) -> None:
        if subdirectory and _leaves(subdirectory):
            self.wrong(
                f'"{subdirectory}" leads out of the repository', at, "name a directory in it"
            )

    def check_address(self, address: str, at: tuple[str | int, ...]) -> None:
        """Refuse an address that carries a password: manifests are shared."""
        rest = address.partition("://")[2]
        login, sign, _ = rest.partition("/")[0].rpartition("@")
        if sign and ":" in login:
            self.wrong(
                "an address in a manifest must not hold a password",
                at,
                "leave it out and keep it where the tools look for it (~/.netrc, a keyring, git's credential helper)",
            )


def _text(value: str | float | bool) -> str | None:
    if value is False:
        return None
    if value is True:
        return "true"
    text: str = getattr(value, "text", None) or str(value)
    return text


def _leaves(path: str) -> bool:
    """Say whether a relative path leads out of its directory, or is none."""
    normal = os.path.normpath(path.replace("\\", "/"))
    return os.path.isabs(normal) or normal == ".." or normal.startswith("../") or normal[1:2] == ":"


def _is_scp(text: str) -> bool:
    """Tell ``git@host:path`` from a path."""
    head, colon, _ = text.partition(":")
    return bool(colon) and "/" not in head and len(head) > 1


def index_name(url: str) -> str:
    """Make a short name for an index from its address (``packages-example-org``)."""
    import re

    rest = url.partition("://")[2] or url
    rest = rest.rpartition("@")[2] if "@" in rest.partition("/")[0] else rest
    rest = rest.rstrip("/").removesuffix("/simple")
    return re.sub(r"[^A-Za-z0-9]+", "-", rest).strip("-").lower() or "index"


def _is_plugged_in(ecosystem: str) -> bool:
    from importlib.metadata import entry_points

    return bool(entry_points(group=ECOSYSTEM_PLUGINS, name=ecosystem))
