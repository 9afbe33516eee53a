"""The project's structure for its own code: what ``stead.project`` reads, and plain variables.

A description holds names, types and locations, and no value of any variable: it
may be read by whoever may read the place. Code in any language finds the
locations as variables too: ``STEAD_PATH_RAW`` is ``[paths] raw``, and
``STEAD_MODULE_PGSTORE`` the directory of the used module ``pgstore``.
"""

from __future__ import annotations

import json
import os.path
import re
from typing import TYPE_CHECKING

from stead.values.errors import ContradictionError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.manifest import PathEntry
    from stead.values.table import Entry

FORMAT = 1
"""Of the description; ``stead.project`` refuses another one."""

VARIABLE = "STEAD_PROJECT"
"""Names the description's file."""

PATH = "STEAD_PATH_"
MODULE = "STEAD_MODULE_"

_OTHER = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Described:
    """A variable: its name, the name of its type, and whether its value is a secret."""

    name: str
    type: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A place in one environment, as its own code sees it. Locations are absolute."""

    root: str
    place: str
    environment: str
    variables: tuple[Described, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    data: tuple[tuple[str, str], ...] = ()
    modules: tuple[tuple[str, str], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it says no more than where the place is."""
        return not (self.variables or self.paths or self.data or self.modules)


def describe(
    *,
    root: str,
    place: str,
    environment: str,
    entries: Iterable[Entry] = (),
    paths: Iterable[PathEntry] = (),
    data: Iterable[tuple[str, str]] = (),
    modules: Iterable[tuple[str, str]] = (),
) -> Description:
    """Put a description together. All parts are sorted, so that equal ones are equal texts.

    ``entries`` are the variables of the table; ``data`` and ``modules`` pairs of
    a name and an absolute directory. Later paths of a name prevail, and a path of
    None takes it away.
    """
    located: dict[str, str | None] = {}
    for entry in paths:
        located[entry.name] = (
            None if entry.path is None else os.path.normpath(os.path.join(entry.base, entry.path))
        )
    return Description(
        root=root,
        place=place,
        environment=environment,
        variables=tuple(
            Described(e.name, e.type.name, e.secret) for e in sorted(entries, key=lambda e: e.name)
        ),
        paths=tuple((name, path) for name, path in sorted(located.items()) if path is not None),
        data=tuple(sorted(data)),
        modules=tuple(sorted(modules)),
    )


def text(description: Description) -> str:
    """Write a description as JSON, in the form that ``stead.project`` reads."""
    content = {
        "format": FORMAT,
        "root": description.root,
        "place": description.place,
        "environment": description.environment,
        "vars": {
            v.name: {"type": v.type, "secret": True} if v.secret else {"type": v.type}
            for v in description.variables
        },
        "paths": dict(description.paths),
        "data": dict(description.data),
        "modules": dict(description.modules),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def locations(description: Description) -> tuple[tuple[str, str], ...]:
    """Give the plain variables, name and value, that say where paths and modules are.

    Raises ContradictionError where two names would have the same variable.
    """
    found: dict[str, tuple[str, str]] = {}
    for kind, prefix, pairs in (
        ("path", PATH, description.paths),
        ("module", MODULE, description.modules),
    ):
        for name, location in pairs:
            variable = prefix + _OTHER.sub("_", name.upper())
            if variable in found:
                raise ContradictionError(
                    f"the {kind}s {found[variable][0]!r} and {name!r} are both {variable} to programs",
                    where=description.place,
                    remedy="rename one of them",
                )
            found[variable] = (name, location)
    return tuple((variable, location) for variable, (_, location) in found.items())
