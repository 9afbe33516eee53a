"""Requirement lines of tox's ``deps``, and groups of ``pyproject.toml``, as requests."""

from __future__ import annotations

import os
import re

from stead.pipeline.files import load_text
from stead.values.errors import CycleError, ManifestError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.values.manifest import Index, Manifest
    from stead.values.origin import Origin
    from stead.values.requirement import Requirement

_WITH_PATH = regex(
    r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)[ =]+(.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What lines ask for; ``lines`` are those that only an installer understands."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    indexes: tuple[Index, ...] = ()
    lines: tuple[str, ...] = ()

    def joined(self, other: Asked) -> Asked:
        return Asked(
            (*self.requirements, *other.requirements),
            (*self.constraints, *other.constraints),
            (*self.indexes, *other.indexes),
            (*self.lines, *other.lines),
        )


class Lines:
    """Reads lines that stand in ``file``; a line that many environments have is read once."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._read: dict[str, Asked] = {}

    def read(self, lines: Iterable[str], where: Origin) -> Asked:
        """Read the lines of one environment.

        Raises :class:`ManifestError` for a line that no installer understands either, and
        for a file that is not there.
        """
        found = Asked()
        for line in lines:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if line not in self._read:
                self._read[line] = self._one(line, where)
            found = found.joined(self._read[line])
        return found

    def _one(self, line: str, where: Origin) -> Asked:
        from stead.formats import requirements_txt

        collected = requirements_txt.Collected()
        try:
            requirements_txt.collect(line, self._file, load_text, collected, line=where.line)
            layer = collected.layer("", where)
        except CycleError:
            raise
        except ManifestError as exc:
            if not _is_installers(exc):
                raise
            return Asked(lines=(self._absolute(line),))
        return Asked(layer.requirements, layer.constraints, layer.indexes)

    def _absolute(self, line: str) -> str:
        """Make a path in a line independent of the directory that an installer runs in."""
        match = _WITH_PATH.match(line)
        if match is None or "://" in match[2] or match[2].startswith(("git+", "file:")):
            return line
        return f"{match[1]} {os.path.join(os.path.dirname(self._file), match[2])}"


def _is_installers(error: ManifestError) -> bool:
    """Say whether an error is about what an installer would do, and Stead's lock cannot."""
    return "cannot be honoured" in error.message or "cannot be included from a URL" in error.message


class DependencyGroups:
    """``[dependency-groups]`` of a ``pyproject.toml``, read when a group is first asked for."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._manifest: Manifest | None = None

    def of(self, groups: Iterable[str], where: Origin) -> tuple[Requirement, ...]:
        """Give the requirements of groups, with those that they include.

        Raises :class:`ManifestError` for a group that is not there.
        """
        return tuple(dict.fromkeys(r for one in groups for r in self._of(one, where)))

    def _of(self, group: str, where: Origin) -> Iterator[Requirement]:
        if self._manifest is None:
            from stead.formats import pyproject

            try:
                self._manifest = pyproject.read(self._file, load_text)
            except FileNotFoundError as exc:
                raise ManifestError(
                    f"dependency_groups names {group}, and there is no pyproject.toml",
                    where=where,
                    remedy="write the group there, or put its requirements into deps",
                ) from exc
        seen: set[str] = set()
        pending = [group]
        while pending:
            name = pending.pop(0)
            if name in seen:
                continue
            seen.add(name)
            layer = self._manifest.layer(name)
            if layer is None:
                from stead.values.names import nearest

                known = [one.name for one in self._manifest.layers if one.name]
                like = nearest(name, known)
                raise ManifestError(
                    f"there is no dependency group {name}",
                    where=where,
                    remedy=f"did you mean {like}?" if like else f"declare it in {self._file}",
                )
            yield from layer.requirements
            pending += layer.inherits
