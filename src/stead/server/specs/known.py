"""The settings there are: what each holds, its default, and where it may be set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stead.server.specs import policy
from stead.server.specs.checks import SpecError
from stead.server.values import ServerError, SettingLevel
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ITEMS = 1000
LONGEST = 1000


class SettingError(ServerError):
    """A setting cannot be set so."""


@dataclass(frozen=True, slots=True)
class Known:
    """One setting. ``everywhere``: it may be set below the global level too.

    One without a default is like ``like``, and may be None again.
    """

    default: Any
    everywhere: bool = True
    like: Any = None


_GLOBAL: dict[str, Any] = {
    "default_namespace": "default",
    "filesystem_namespace": "filesystem",
    "default_uid": 0,
    "default_gid": 0,
    "default_permissions": "775",
    "storage_threshold": 5 * 2**30,
    "conda_command": "conda",
    "conda_platforms": ["linux-64", "noarch"],
    "conda_max_solve_time": 300,
    "conda_indexed_channels": [],
    "build_artifacts_kept_on_deletion": ["LOGS", "LOCKFILE", "YAML"],
    "conda_solve_platforms": ["linux-64"],
}
_EVERYWHERE: dict[str, Any] = {
    "conda_channel_alias": "",
    "conda_default_channels": [],
    "conda_allowed_channels": [],
    "conda_default_packages": [],
    "conda_required_packages": [],
    "conda_included_packages": [],
    "pypi_default_packages": [],
    "pypi_required_packages": [],
    "pypi_included_packages": [],
    "build_artifacts": ["LOCKFILE", "YAML"],
}
KNOWN: Mapping[str, Known] = {
    **{name: Known(default, everywhere=False) for name, default in _GLOBAL.items()},
    **{name: Known(default) for name, default in _EVERYWHERE.items()},
    "quota_builds": Known(None, like=0),
    "quota_bytes": Known(None, like=0),
    "quota_concurrent": Known(None, like=0),
    "allow_private_addresses": Known(None, like=True),
    "allowed_packages": Known(None, like=[]),
    "required_channels": Known(None, like=[]),
}
"""All settings by name. Those of conda-store have its names; quotas are no environment's."""


def merged(layers: Mapping[SettingLevel, Mapping[str, Any]]) -> dict[str, Any]:
    """Give what holds: each level's values over those above it. Nothing handed in is changed.

    Bounds that nobody set are left out.
    """
    found = {name: known.default for name, known in KNOWN.items() if known.default is not None}
    for level in SettingLevel:
        given = layers.get(level, {}).items()
        found.update({k: v for k, v in given if k in KNOWN and v is not None})
    return {k: list(v) if isinstance(v, list) else v for k, v in found.items()}


def check(values: Mapping[str, Any], level: SettingLevel) -> None:
    """Raise SettingError, before anything is set, for what cannot be set at a level.

    None takes a value back, so that the level above holds.
    """
    for name, value in values.items():
        known = KNOWN.get(name)
        if known is None:
            close = nearest(name, KNOWN)
            meant = f"; did you mean {close}?" if close else ""
            raise SettingError(f"there is no setting {name[:100]!r}{meant}")
        bound = name.startswith("quota_")
        if level is not SettingLevel.GLOBAL and not known.everywhere:
            raise SettingError(f"{name} is the same everywhere, and is set globally")
        if level is SettingLevel.ENVIRONMENT and bound:
            raise SettingError(f"{name} is a namespace's, and no environment's")
        if value is None:
            continue
        wrong = _mistake(value, known.like if known.default is None else known.default)
        if wrong:
            raise SettingError(f"{name} {wrong}")
        if name in _CHANNELS:
            _check_channels(name, value)


_CHANNELS = (
    *("conda_default_channels", "conda_allowed_channels", "conda_channel_alias"),
    "required_channels",
)
"""Settings that hold addresses of channels."""


def _check_channels(name: str, value: str | list[str]) -> None:
    for channel in [value] if isinstance(value, str) else value:
        try:
            policy.check_channel(channel or "none")
        except SpecError as exc:
            raise SettingError(f"{name}: {exc.message}", remedy=exc.remedy) from exc


def _mistake(value: object, like: object) -> str:
    if isinstance(like, list):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return "must be a list of texts"
        if len(value) > MOST_ITEMS or any(len(each) > LONGEST for each in value):
            return "is too long"
        return "has the character NUL" if any("\0" in each for each in value) else ""
    if isinstance(like, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(like, int):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and 0 <= value < 2**62 else "must be a whole number, 0 or more"  # type: ignore[operator]
    if not isinstance(value, str) or len(value) > LONGEST:
        return "must be a text"
    return "has the character NUL" if "\0" in value else ""
