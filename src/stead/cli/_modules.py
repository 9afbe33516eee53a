"""What the commands about modules share: the project they are about, and its registries."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError, NoPlaceError, UsageError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from stead.cli.app import App
    from stead.modules.registry import Source
    from stead.pipeline.discover import Found
    from stead.values.errors import SteadError
    from stead.values.item import Record


@dataclass(frozen=True, slots=True)
class Project:
    """The directory whose modules are meant: the place, or where one would begin."""

    root: str
    found: Found | None

    @property
    def begins_workspace(self) -> bool:
        """Whether a ``stead.toml`` made here would be the root of a tree."""
        return self.found is None or not any(
            m.workspace or (not m.foreign and m.directory != self.root)
            for m in self.found.manifests
        )


def finish(app: App) -> None:
    """Finish what an interrupted command left, before looking at what there is."""
    from stead.store.journal import recover
    from stead.store.layout import Layout

    for line in recover(Layout(app.context.home)):
        app.context.progress.note(line)


def alone(project: Project, app: App) -> AbstractContextManager[None]:
    """Have the modules of a project for oneself: what one command reads, none else is writing.

    Within it the same thread may ask again. Others wait, and say for whom.
    """
    from stead.modules.own import USUAL
    from stead.pipeline import writing

    return writing.alone(os.path.join(project.root, USUAL), "modules", app.context)


@contextlib.contextmanager
def recorded(app: App, project: Project) -> Iterator[Mapping[str, bytes]]:
    """Let the history of the project's place tell the change that the block makes.

    Gives what is to be written together with the files. A place without a history has it begin
    with its next environment, and nothing need be composed now.
    """
    from stead.store.generations import DIRECTORY
    from stead.store.places import place_directory

    past = os.path.join(
        place_directory(app.context.home, project.root), DIRECTORY, app.environment(None)
    )
    if project.found is None or not os.path.isdir(past):
        yield {}
        return
    app.record_edits()
    yield app.request().noting()
    app.record_change()


def project_of(app: App) -> Project:
    """Give the project of the directory asked about."""
    from stead.pipeline.discover import discover

    directory = _outside(os.path.realpath(app.directory))
    try:
        found = discover(directory, home=app.user_home)
    except NoPlaceError:
        return Project(directory, None)
    return Project(found.place, found)


def _outside(directory: str) -> str:
    """Give a directory, or where it lies in a module, the one that the module lies in.

    A module has a project of its own, and is none whose modules could be meant.
    """
    from stead.modules.record import DIRECTORY

    at = directory
    while (above := os.path.dirname(at)) != at:
        if os.path.isfile(os.path.join(at, DIRECTORY, "record.toml")):
            directory = above
        at = above
    return directory


def sources(project: Project, app: App) -> tuple[Source, ...]:
    """Give the registries that the project and the person know."""
    from stead.modules.registry import opening
    from stead.values.registry import registries_of

    known = registries_of(project.found.manifests) if project.found else ()
    return opening.sources(known, app.context)


def modules(
    project: Project, broken: list[SteadError] | None = None
) -> dict[str, tuple[str, Record]]:
    """Give the modules that have a record, by name: the directory, relative to the root.

    Raises ManifestError for a record that cannot be read, unless there is a list for these.
    """
    from stead.modules import record

    found = {}
    for directory in record.found(project.root):
        try:
            held = record.read(directory)
        except ManifestError as exc:
            if broken is None:
                raise
            broken.append(exc)
            continue
        if held is not None:
            path = os.path.relpath(directory, project.root).replace(os.sep, "/")
            found[held.came.item] = path, held
    return dict(sorted(found.items()))


def named(known: Mapping[str, tuple[str, Record]], name: str) -> tuple[str, Record]:
    """Give one module. Raises UsageError, with those that there are."""
    if name in known:
        return known[name]
    close = nearest(name, known)
    raise UsageError(
        f"this project has no module {name} with a record"
        + (f"; did you mean {close}?" if close else ""),
        remedy=f"there are: {', '.join(known)}" if known else "`stead module add` adds one",
    )


def registry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registry", default="", metavar="REGISTRY", help="the registry to take it from"
    )
