"""Configuration that packages carry: an environment that contains one has what it says.

A wheel carries it as ``NAME-VERSION.dist-info/stead.toml``, any other conda package as
``share/stead/NAME/stead.toml``: a manifest with what a library accepts, variables,
paths and checks, its paths relative to itself. :mod:`stead.matrix.carry` puts it there.
It counts like that of a used module, which every word of the place outranks. What it
says of packages does not count: the build has them already.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.manifest import Layer, Manifest

NAME = "stead.toml"


def manifests_in(build: str | os.PathLike[str]) -> tuple[Manifest, ...]:
    """Read what the packages of a build carry, by path. Raises ManifestError for a damaged one."""
    return tuple(_configuration_of(file) for file in sorted(_files(os.fspath(build))))


def _files(build: str) -> Iterator[str]:
    for directory in _site_packages(build):
        for entry in _listed(directory):
            if entry.endswith(".dist-info"):
                file = os.path.join(directory, entry, NAME)
                if os.path.exists(file):
                    yield file
    share = os.path.join(build, "share", "stead")
    for entry in _listed(share):
        file = os.path.join(share, entry, NAME)
        if os.path.exists(file):
            yield file


def _site_packages(build: str) -> Iterator[str]:
    yield os.path.join(build, "Lib", "site-packages")  # of Windows
    library = os.path.join(build, "lib")
    for entry in _listed(library):
        if entry.startswith("python"):
            yield os.path.join(library, entry, "site-packages")


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _configuration_of(file: str) -> Manifest:
    from stead.formats import stead_toml

    def load(path: str) -> str:
        with open(path, encoding="utf-8") as opened:
            return opened.read()

    try:
        manifest = stead_toml.read(file, load)
    except (ManifestError, OSError) as exc:
        package = os.path.basename(os.path.dirname(file)).removesuffix(".dist-info")
        raise ManifestError(
            f"the configuration that {package} carries cannot be read: "
            f"{getattr(exc, 'message', exc)}",
            where=getattr(exc, "where", None),
            details=getattr(exc, "details", ()),
            remedy="take another version of the package, or build it anew",
        ) from exc
    layers = tuple(_without_packages(layer) for layer in manifest.layers if not layer.name)
    return replace(
        manifest,
        layers=layers,
        workspace=None,
        uses=(),
        taken=(),
        link="",
        modules=(),
        secrets=None,
        packages=(),
        test=None,
        kinds=replace(type(manifest.kinds)(), libs=manifest.kinds.libs),
    )


def _without_packages(layer: Layer) -> Layer:
    from stead.values.manifest import Layer

    return Layer(variables=layer.variables, paths=layer.paths, checks=layer.checks)
