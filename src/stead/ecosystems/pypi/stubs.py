"""Telling uv what conda has locked: wheels of metadata alone, in an index of their own.

uv asks this index first and takes from the first index that knows a name, so
that for what conda provides there is just the one version. It then backtracks
over PyPI's packages, follows extras and explains failure as for any other
package. What it picks from this index is not installed.

The other ways were tried, and each gives wrong answers: an override forces the
version on packages that do not work with it, an exclusion forgets what extras
pull in and never compares versions, a constraint finds no such version on PyPI
or PyPI's own metadata of it, and a universal resolution splits on markers that
conda's packages do not have.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from typing import TYPE_CHECKING

from stead.ecosystems.pypi.indexes import Place
from stead.values.digest import short_key
from stead.values.frozen import dataclass
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.distribution import Distribution

INDEX = "provided-by-conda"

_KEPT = re.compile(r"(provides-extra)\s*:", re.IGNORECASE)
_REQUIRES = re.compile(r"requires-dist\s*:\s*(.*)", re.IGNORECASE)
_WHEEL = "Wheel-Version: 1.0\nGenerator: stead\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Stubs:
    """The stub index, and what conda's distributions ask of what conda lacks.

    ``constraints`` maps requirement texts to the distribution that says so.
    """

    place: Place
    provided: dict[str, Distribution]
    """By normalised name."""
    constraints: dict[str, Distribution]


def make_stubs(parent: str, distributions: Sequence[Distribution]) -> Stubs:
    """Write stub wheels for ``distributions`` into a directory of their own below ``parent``.

    It is named by its content, so that uv's cache knows it again.

    What a distribution always needs is left to conda, whose solver has seen to
    it and whose recipes know better than PyPI's metadata what that is. Needs of
    an extra stay. An unconditional need of a name that conda does not bring
    becomes a constraint: nothing is installed for it, but what is installed
    may not break it. Distributions whose version is none are left out.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion, Version

    provided: dict[str, Distribution] = {}
    for found in distributions:
        try:
            Version(found.version)
        except InvalidVersion:
            continue
        provided[normalize_pypi(found.name)] = found
    constraints: dict[str, Distribution] = {}
    wheels: dict[str, str] = {}
    for name, found in provided.items():
        lines = [f"Metadata-Version: 2.1\nName: {found.name}\nVersion: {found.version}"]
        for line in _headers(found.metadata):
            if _KEPT.match(line):
                lines.append(line)
            elif match := _REQUIRES.match(line):
                try:
                    need = Requirement(match[1])
                except InvalidRequirement:
                    continue
                if need.marker and "extra" in str(need.marker):
                    lines.append(line)
                elif normalize_pypi(need.name) not in provided and not need.url:
                    need.extras = set()
                    constraints[str(need)] = found
        stem = f"{name.replace('-', '_')}-{Version(found.version)}"
        wheels[stem] = "\n".join(lines) + "\n"
    directory = os.path.join(parent, short_key(wheels))
    if not os.path.isdir(directory):
        _write(parent, directory, wheels)
    return Stubs(Place(INDEX, directory, flat=True), provided, constraints)


def _headers(metadata: str) -> list[str]:
    """Give the header lines of core metadata, folded ones joined, without the description."""
    lines: list[str] = []
    for line in metadata.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def _write(parent: str, directory: str, wheels: dict[str, str]) -> None:
    os.makedirs(parent, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".tmp-", dir=parent)
    try:
        for stem, metadata in wheels.items():
            path = os.path.join(temporary, f"{stem}-py3-none-any.whl")
            with zipfile.ZipFile(path, "w") as wheel:
                wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
                wheel.writestr(f"{stem}.dist-info/WHEEL", _WHEEL)
                wheel.writestr(f"{stem}.dist-info/RECORD", "")
        try:
            os.rename(temporary, directory)
        except OSError:
            if not os.path.isdir(directory):  # else another process was first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
