"""The ``[packages]`` tables of ``stead.toml``: requirements, channels, indexes."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.formats import _specs
from stead.formats._grammar_packages import CondaPackage, IndexTable, PackagesTable, PypiPackage
from stead.formats._secrets import secret_parameter
from stead.formats._words import bare_or_quoted
from stead.values.manifest import Channel, Index
from stead.values.names import ECOSYSTEM_PLUGINS, nearest, normalize_pypi
from stead.values.requirement import PYTHON, Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stead.formats.models import Problems, Where


class Checks:
    """What one file is read with: where entries stand, and where mistakes go."""

    def __init__(
        self, file: str, where: Where, problems: Problems, ecosystems: Collection[str]
    ) -> None:
        self.file = file
        self.directory = os.path.dirname(file)
        self.where = where
        self.problems = problems
        self.ecosystems = ecosystems

    def wrong(self, message: str, path: tuple[str | int, ...], remedy: str = "") -> None:
        """Note a mistake of meaning, unless the entry could not even be read."""
        if not self.problems.spoilt(path):
            self.problems.add(message, self.where(*path), remedy)

    def spec(self, read_spec: Callable[[str], str], text: str, at: tuple[str | int, ...]) -> str:
        try:
            return read_spec(text)
        except _specs.SpecError as exc:
            self.wrong(exc.message, at, exc.remedy)
            return ""

    def check_inside(self, subdirectory: str, at: tuple[str | int, ...]) -> None:
        if subdirectory and leaves(subdirectory):
            self.wrong(
                f'"{subdirectory}" leads out of the repository', at, "name a directory in it"
            )

    def check_address(self, address: str, at: tuple[str | int, ...]) -> None:
        """Refuse an address that carries a password or token: manifests are shared."""
        rest = address.partition("://")[2]
        login, sign, _ = rest.partition("/")[0].rpartition("@")
        if sign and ":" in login:
            self.wrong(
                "an address in a manifest must not hold a password",
                at,
                "leave it out and keep it where the tools look for it (~/.netrc, a keyring, git's credential helper)",
            )
        elif secret := secret_parameter(address):
            self.wrong(
                f"an address in a manifest must not hold a credential ({secret}=…)",
                at,
                f"write a variable there: {secret}=${{TOKEN}}",
            )


class Packages(Checks):
    """Turns the tables of packages into requests."""

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


def leaves(path: str) -> bool:
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
