"""Words that a shell may offer: names that the manifests and the lock of a place hold.

Only read: nothing is fetched, built, computed or run, whether the place is trusted or
not. What cannot be read gives no words.
"""

from __future__ import annotations

import contextlib
import os
import time
from itertools import islice
from typing import TYPE_CHECKING

from stead.pipeline.discover import Found, discover
from stead.values.errors import SteadError
from stead.values.frozen import dataclass
from stead.values.names import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from stead.values.lock import Lock
    from stead.values.manifest import Manifest, Task

GENERATIONS = 30
"""So many are offered at most: nobody reads more, and each is a file."""

Word = tuple[str, str]
"""A word, and what to say of it."""


def words(
    kind: str,
    directory: str,
    *,
    home: Path,
    user_home: str,
    overlay: Mapping[str, str | None] | None = None,
    environment: str = DEFAULT,
    transaction: str = "",
) -> tuple[Word, ...]:
    """List the words of a kind at a directory (absolute), sorted, each once.

    ``overlay`` is what is staged in the ``transaction`` (its directory) that asks;
    ``environment`` says whose generations are meant. Kinds are the keys of :data:`KINDS`; any other has none. Never raises what a
    manifest or a lock may cause. A word that holds what no line can show is left out.
    """
    give = KINDS.get(kind)
    if give is None:
        return ()
    found: dict[str, str] = {}
    with contextlib.suppress(SteadError, OSError, ValueError, RecursionError):
        staged = overlay or {}
        found_place = discover(directory, home=user_home, overlay=staged)
        place = _Place(found_place, home, staged, environment, transaction)
        for word, about in give(place):
            if word and word.isprintable():
                found.setdefault(word, about if about.isprintable() else "")
    return tuple(sorted(found.items()))


@dataclass(frozen=True)
class _Place:
    """A place, and what is read of it when it is asked for."""

    found: Found
    home: Path
    overlay: Mapping[str, str | None]
    environment: str
    transaction: str

    @property
    def nearest(self) -> tuple[Manifest, ...]:
        return tuple(m for m in self.found.manifests if m.directory == self.found.place)

    def all(self) -> Iterator[Manifest]:
        """Give the manifests, and those of modules that are used by path."""
        from stead.pipeline.discover import read_module

        seen = {m.directory for m in self.found.manifests}
        waiting = list(self.found.manifests)
        while waiting:
            manifest = waiting.pop(0)
            yield manifest
            for use in manifest.uses:
                directory = os.path.normpath(os.path.join(use.base, use.location))
                if use.kind == "path" and directory not in seen:
                    seen.add(directory)
                    with contextlib.suppress(SteadError, OSError):
                        waiting += read_module(directory, overlay=self.overlay)

    def lock(self) -> Lock:
        from stead.pipeline import lockfile

        found = self.found
        path = lockfile.lock_file(
            found.root, found.place, bare=found.bare, home=self.home, overlay=self.overlay
        )
        return lockfile.read(path, self.overlay)


def _tasks(place: _Place) -> Iterator[Word]:
    tasks: dict[str, Task] = {}
    for manifest in place.found.manifests:
        for layer in manifest.layers:
            tasks |= {task.name: task for task in layer.tasks}
    for task in tasks.values():
        yield task.name, task.description or "task"
    for manifest in place.all():
        for app in manifest.kinds.apps:
            if app.run or app.processes:
                yield app.name, app.description or "app"
            for process, _ in app.processes:
                yield f"{app.name}:{process}", f"process of {app.name}"
            for command, _ in app.commands:
                yield f"{app.name}:{command}", f"command of {app.name}"


def _environments(place: _Place) -> Iterator[Word]:
    yield DEFAULT, "the default environment"
    yield from _layers(place)
    from stead.pipeline.lockfile import slot_place

    own = slot_place(place.found.place, place.found.root)
    with contextlib.suppress(SteadError):
        for environment in place.lock().environments:
            if environment.place == own:
                yield environment.environment, "locked"


def _generations(place: _Place) -> Iterator[Word]:
    """Give the latest generations of the environment: what a user may go back to."""
    from stead.store.generations import History

    history = History(place.home, place.found.place, place.environment)
    for number in islice(history.numbers(), GENERATIONS):
        generation = history.find(number)
        if generation is not None:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(generation.time))
            said = generation.reason.split("\n")[0] or " ".join(generation.command)
            yield str(number), f"{when} {said}".strip()


def _goals(place: _Place) -> Iterator[Word]:
    """Give what can be rolled back to: generations, or in a transaction its savepoints."""
    if not place.transaction:
        yield from _generations(place)
        return
    from stead.store.transactions import Journal

    yield "to", "a savepoint"
    state = Journal(place.transaction).present()
    for name in state.savepoints if state else ():
        yield name, "savepoint"


def _by_hand(place: _Place) -> Iterator[Word]:
    if place.transaction:
        from stead.pipeline.session import load

        for hand in load(place.transaction).hands:
            if hand.words:
                yield hand.name, "changed by hand"


def _layers(place: _Place) -> Iterator[Word]:
    for manifest in place.found.manifests:
        for layer in manifest.layers:
            yield layer.name, "layer"


def _variables(place: _Place) -> Iterator[Word]:
    for manifest in place.all():
        for layer in manifest.layers:
            for variable in layer.variables:
                declared = variable.declared
                yield variable.name, declared.description if declared else ""
        for lib in manifest.kinds.libs:
            for declaration in lib.accepts:
                yield declaration.name, declaration.description


def _set(place: _Place) -> Iterator[Word]:
    for name, about in _variables(place):
        yield f"{name}=", about


def _own_variables(place: _Place) -> Iterator[Word]:
    for manifest in place.nearest:
        for layer in manifest.layers:
            for variable in layer.variables:
                yield variable.name, ""


def _packages(place: _Place) -> Iterator[Word]:
    for manifest in place.nearest:
        for layer in manifest.layers:
            for requirement in layer.requirements:
                yield requirement.name, str(requirement)


def _locked(place: _Place) -> Iterator[Word]:
    for environment in place.lock().environments:
        for artifact in environment.artifacts:
            yield artifact.name, f"{artifact.version} {artifact.ecosystem}"


def _upgradable(place: _Place) -> Iterator[Word]:
    yield from _locked(place)
    yield from _modules(place)


def _modules(place: _Place) -> Iterator[Word]:
    for manifest in place.all():
        for use in manifest.uses:
            if use.kind == "git":
                yield use.name, f"{use.location} {use.revision}".strip()


def _used(place: _Place) -> Iterator[Word]:
    for manifest in place.nearest:
        for use in manifest.uses:
            yield use.name, f"{use.location} {use.revision}".strip()


def _named(kind: str) -> Callable[[_Place], Iterator[Word]]:
    def give(place: _Place) -> Iterator[Word]:
        for manifest in place.all():
            for one in getattr(manifest.kinds, kind):
                yield one.name, getattr(one, "description", "")

    return give


def _recipes(place: _Place) -> Iterator[Word]:
    for manifest in place.all():
        yield from ((r.name, "recipe") for r in manifest.kinds.recipes)
        yield from ((a.name, a.description or "app") for a in manifest.kinds.apps)


def _to_deploy(place: _Place) -> Iterator[Word]:
    yield "status", "what runs there"
    yield "logs", "what services wrote"
    yield "rollback", "go back to an earlier generation"
    yield "run", "run a command of an app there"
    yield from _recipes(place)
    yield from _named("targets")(place)


KINDS: dict[str, Callable[[_Place], Iterator[Word]]] = {
    "app": _named("apps"),
    "by-hand": _by_hand,
    "environment": _environments,
    "generation": _generations,
    "goal": _goals,
    "host": _named("hosts"),
    "layer": _layers,
    "locked": _locked,
    "module": _modules,
    "net": _named("nets"),
    "package": _packages,
    "recipe": _recipes,
    "set": _set,
    "target": _named("targets"),
    "to-deploy": _to_deploy,
    "task": _tasks,
    "unset": _own_variables,
    "upgradable": _upgradable,
    "used": _used,
    "variable": _variables,
}
"""What there are words of: the kind, and what gives them."""
