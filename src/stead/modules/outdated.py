"""Which modules there are newer versions of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.registry import Source, Summary
    from stead.values.item import Record


@dataclass(frozen=True, slots=True)
class Standing:
    """How a module stands to its registry. ``error`` says why that is not known."""

    name: str
    directory: str
    registry: str
    version: str
    latest: str = ""
    newer: tuple[str, ...] = ()
    """Versions that are newer, the latest first."""
    unsettled: tuple[str, ...] = ()
    """Files whose conflicts an update has left."""
    error: str = ""


def standings(
    modules: Mapping[str, tuple[str, Record]], known: Sequence[Source]
) -> tuple[Standing, ...]:
    """Ask each registry once which versions there are; ``modules`` are directory and record."""
    found = []
    listed: dict[str, dict[str, Summary] | SteadError] = {}
    for name, (directory, held) in modules.items():
        came = held.came
        now = Standing(
            name,
            directory,
            came.registry,
            came.version,
            unsettled=tuple(conflict.path for conflict in held.conflicts),
        )
        if came.registry not in listed:
            listed[came.registry] = _summaries(known, came.registry)
        there = listed[came.registry]
        if isinstance(there, SteadError):
            found.append(replace(now, error=there.message))
        elif came.item not in there:
            found.append(replace(now, error=f"the registry {came.registry} has it no more"))
        else:
            one = there[came.item]
            newer = tuple(v for v in one.versions if is_newer(v, came.version))
            found.append(replace(now, latest=one.version, newer=newer))
    return tuple(found)


def is_newer(version: str, than: str) -> bool:
    """Say whether a version comes after another; those that no scheme orders do if they differ."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) > Version(than)
    except InvalidVersion:
        return version != than


def _summaries(known: Sequence[Source], name: str) -> dict[str, Summary] | SteadError:
    from stead.modules.registry.opening import named

    try:
        return {one.name: one for one in named(known, name).items()}
    except SteadError as exc:
        return exc
