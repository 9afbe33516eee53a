"""Virtual packages: what a machine, or a platform Stead is not on, is taken to have."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rattler.virtual_package import GenericVirtualPackage

    from stead.values.platform import Platform

# Taken for granted on a platform that is not this one: what today's channels build for.
_ASSUMED: dict[str, dict[str, tuple[str, str]]] = {
    "linux": {"__unix": ("0", "0"), "__linux": ("5.10", "0"), "__glibc": ("2.28", "0")},
    "osx": {"__unix": ("0", "0"), "__osx": ("13.0", "0")},
    "windows": {"__win": ("10.0.19041", "0")},
}
_ARCHSPEC = {
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "osx-64": "x86_64",
    "osx-arm64": "m1",
    "win-64": "x86_64",
    "win-arm64": "aarch64",
}
_OVERRIDE = "CONDA_OVERRIDE_"


def virtual_packages(
    platform: Platform, environ: Mapping[str, str]
) -> tuple[GenericVirtualPackage, ...]:
    """Give the virtual packages to solve with.

    Those of this machine where ``platform`` is its own, else assumed ones.
    ``CONDA_OVERRIDE_NAME`` in ``environ`` sets one (``CONDA_OVERRIDE_CUDA=12.4``),
    or takes it away when empty.
    """
    from rattler import PackageName, Subdir
    from rattler.package.build_string import BuildString
    from rattler.version import Version
    from rattler.virtual_package import GenericVirtualPackage

    here = str(Subdir.current()) == platform.name
    known = dict(detected()) if here else assumed(platform)
    for name, value in environ.items():
        if name.startswith(_OVERRIDE) and len(name) > len(_OVERRIDE):
            _override(known, "__" + name.removeprefix(_OVERRIDE).lower(), value)
    return tuple(
        GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))
        for name, (version, build) in sorted(known.items())
    )


def assumed(platform: Platform) -> dict[str, tuple[str, str]]:
    """Give name → (version, build) of what a platform is taken to have."""
    return {**_ASSUMED[platform.family], "__archspec": ("1", _ARCHSPEC[platform.name])}


@functools.cache
def detected() -> Mapping[str, tuple[str, str]]:
    """Give name → (version, build) of what this machine has."""
    from rattler.virtual_package import VirtualPackage

    found = (package.into_generic() for package in VirtualPackage.detect())
    return {g.name.normalized: (str(g.version), str(g.build_string)) for g in found}


def _override(known: dict[str, tuple[str, str]], name: str, value: str) -> None:
    if not value.strip():
        known.pop(name, None)
    elif name == "__archspec":
        known[name] = ("1", value.strip())
    else:
        known[name] = (value.strip(), known.get(name, ("", "0"))[1])
