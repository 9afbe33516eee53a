"""Kinds of packages, one file or folder each, behind one protocol."""

from __future__ import annotations

from stead.values.errors import UsageError
from stead.values.names import ECOSYSTEM_PLUGINS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.ecosystems.protocol import Ecosystem

BUILT_IN = ("conda", "pypi")
"""In the order in which they are locked and built: each sees what came before."""


def ecosystem(name: str) -> Ecosystem:
    """Give the ecosystem of that name, from here or from a plugin."""
    if name == "conda":
        from stead.ecosystems.conda import Conda

        return Conda()
    if name == "pypi":
        from stead.ecosystems.pypi import PyPI

        return PyPI()
    from importlib.metadata import entry_points

    for point in entry_points(group=ECOSYSTEM_PLUGINS, name=name):
        plugin: Ecosystem = point.load()()
        return plugin
    raise UsageError(
        f"unknown ecosystem {name!r}", remedy=f"known are {', '.join(BUILT_IN)} and plugins"
    )
