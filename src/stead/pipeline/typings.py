"""The typed stub of a place: what its code may ask for, in any of its environments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.bind import resolve
from stead.config.typings import MARK, PACKAGE, Named, joined, stub, variable
from stead.pipeline.steps import composed_for
from stead.store.atomic import storage, write_file
from stead.values.errors import SteadError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.names import DEFAULT
from stead.values.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.pipeline.request import Request
    from stead.values.context import Context
    from stead.values.spec import Spec
    from stead.values.table import Entry

_PRIVATE = frozenset(["adopted", ".env", "--set"])
"""Ranks whose names are one person's: the stub is everybody's."""


@dataclass(frozen=True)
class Typings:
    """The files of a place's stub: absolute path and content, and how many names they have."""

    files: tuple[tuple[str, str], ...]
    names: int


def typings(request: Request, context: Context, directory: str = "") -> Typings:
    """Make the stub of a place; nothing is written.

    All its environments and apps take part: what one of them has, the code may
    ask for. ``directory`` (absolute) is where type checkers look for stubs; by
    default ``typings`` in the place. Raises SteadError.
    """
    specs = list(_specs(request, context))
    variables = joined([variable(entry) for entry in _shared(spec, context)] for spec in specs)
    configurations = [spec.configuration for spec in specs]
    paths = {Named(path.name) for c in configurations for path in c.paths}
    data = {Named(named.name) for c in configurations for named in c.kinds.data}
    data |= {Named(o.name) for c in configurations for host in c.kinds.hosts for o in host.data}
    modules = {Named(use.name) for spec in specs for use in spec.uses}
    text = stub(variables, paths=paths, data=data, modules=modules)
    package = os.path.join(directory or os.path.join(specs[0].place, "typings"), "stead")
    return Typings(
        files=(
            (os.path.join(package, "__init__.pyi"), PACKAGE),
            (os.path.join(package, "project.pyi"), text),
        ),
        names=len(variables) + len(paths) + len(data) + len(modules),
    )


def stale(made: Typings) -> tuple[str, ...]:
    """Name the files that are not there, or say something else. Raises StoreError."""
    return tuple(path for path, text in made.files if _content(path) != text)


def write(made: Typings) -> tuple[str, ...]:
    """Write the files that are stale; gives their paths.

    Raises UsageError, before any is written, for one that somebody else wrote.
    """
    outdated = stale(made)
    for path in outdated:
        former = _content(path)
        if former is not None and not former.startswith(MARK):
            raise UsageError(
                "this file was not made by `stead typings`, and would be overwritten",
                where=path,
                remedy="move it, or name another directory with -o",
            )
    for path, text in made.files:
        if path in outdated:
            write_file(path, text.encode("utf-8"))
    return outdated


def _specs(request: Request, context: Context) -> Iterator[Spec]:
    first = composed_for(replace(request, environment=DEFAULT), context, fetch=False).spec
    yield first
    for name in first.environments:
        try:
            yield composed_for(replace(request, environment=name), context, fetch=False).spec
        except SteadError:
            continue  # a layer of another platform, or one that only joins others


def _shared(spec: Spec, context: Context) -> Iterator[Entry]:
    """Give the variables that any app of an environment has."""
    apps = [app.name for app in spec.configuration.kinds.apps] or [""]
    for app in apps:
        table = resolve(
            spec.configuration,
            Selection(app=app),
            platform=spec.platform,
            ambient=context.environ,
            place=spec.place,
        )
        for entry in table.entries:
            if entry.declared or any(d.rank not in _PRIVATE for d in entry.definitions):
                yield entry


def _content(path: str) -> str | None:
    try:
        with storage(path), open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except SteadError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
