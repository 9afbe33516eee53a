"""Which packages a place defines, for building them alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.matrix import describe
from stead.matrix.backend import FILES
from stead.pipeline.files import upwards
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.names import nearest
from stead.values.package import FORMATS, PackageDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.matrix.asking import Asked
    from stead.values.context import Context
    from stead.values.suite import Suite

BY_DEFAULT = ("sdist", "wheel")
"""What a project that defines no packages makes."""


@dataclass(frozen=True, slots=True)
class Defined:
    """The packages of a place: ``usual`` are those that are built when none is named."""

    root: str
    definitions: tuple[PackageDefinition, ...]
    usual: tuple[str, ...]
    suite: Suite | None = None

    def chosen(self, names: Iterable[str]) -> tuple[PackageDefinition, ...]:
        """Give the definitions of these names, or the usual ones. Raises UsageError, ManifestError."""
        known = {one.name: one for one in self.definitions}
        wanted = tuple(dict.fromkeys(names)) or self.usual
        for name in wanted:
            if name not in known:
                like = nearest(name, known)
                raise UsageError(
                    f"no package {name!r} is defined here",
                    remedy=f"did you mean {like}?" if like else "see `stead package --list`",
                )
        if not wanted:
            raise ManifestError(
                "there is nothing to package here",
                where=self.root,
                remedy="write a pyproject.toml, or [package.NAME] in stead.toml",
            )
        return tuple(known[name] for name in wanted)


def defined(asked: Asked, context: Context) -> Defined:
    """Find the packages of the place that a directory belongs to.

    Those of ``[package]`` tables; where there are none, the source distribution and the wheel
    of the project, and what tox's files make of it. Raises ManifestError.
    """
    plain = _plain(_project_of(asked.directory, asked.user_home))
    described = describe.find(asked, context)
    if described is None:
        return plain
    suite = describe.suite(asked, context, whole=False, described=described)
    if suite.source == "layers" and suite.definitions:
        usual = tuple(d.name for d in suite.definitions if d.builder not in ("file", "release"))
        return Defined(suite.root, suite.definitions, usual, suite)
    if suite.root != plain.root:
        return plain  # a project of its own, within one that has tests
    named = {one.name: one for one in (*plain.definitions, *suite.definitions)}
    return replace(plain, definitions=tuple(named.values()), suite=suite)


def _plain(root: str) -> Defined:
    """Give the packages of a project that says nothing of them."""
    there = any(os.path.isfile(os.path.join(root, name)) for name in FILES)
    made = tuple(
        PackageDefinition(name, name, name, path=root)
        for name in FORMATS
        if name in BY_DEFAULT and there
    )
    return Defined(root, made, tuple(one.name for one in made))


def _project_of(directory: str, home: str) -> str:
    """Give the nearest directory upwards that is a project; the directory itself without one."""
    for candidate in upwards(directory, home):
        if any(os.path.isfile(os.path.join(candidate, name)) for name in FILES):
            return candidate
    return directory
