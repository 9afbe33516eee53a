"""The modules of a project: those with a record, and those whose record was forgotten.

What is done with one stands in the manifests, as it was written when the module was added: its
layer, its tasks, its app. Nothing here asks the record for more than the name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.modules import record
from stead.values.errors import UsageError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.pipeline.discover import Found
    from stead.values.manifest import Layer, Task

USUAL = "modules"
"""The directory that modules lie in if nothing else is said when they are added."""
TEST = "-test"
"""Behind a module's name: the layer that its tests run in, where they need packages besides."""
_RUN = "run"


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a project."""

    name: str
    directory: str
    """Absolute."""
    environment: str = ""
    """Its own environment, where it has one."""
    install: str = ""
    """The task that makes it ready to run, where no environment does."""
    goal: str = ""
    """The environment that its tests run in, a goal of ``stead test``."""
    command: tuple[str, ...] = ()
    """What runs it, without its subcommand; empty where the project does not say."""
    subcommand: tuple[str, ...] = ()
    """What is asked of the command where nothing else is: ``run``, if its task says that."""
    cwd: str = ""
    """Where the command runs, if not where the person stands."""
    app: bool = False
    """Whether an app has its name."""


def modules(found: Found) -> tuple[Module, ...]:
    """List the modules of a place, by name."""
    layers: dict[str, list[Layer]] = {}
    for manifest in found.manifests:
        for layer in manifest.layers:
            layers.setdefault(layer.name, []).append(layer)
    tasks = {t.name: t for m in found.manifests for layer in m.layers for t in layer.tasks}
    apps = {a.name for m in found.manifests for a in m.kinds.apps}
    made = {}
    for name, directory in _directories(found.place, {*layers, *tasks}):
        made[name] = _module(name, directory, layers, tasks, apps)
    return tuple(made[name] for name in sorted(made))


def _directories(root: str, named: set[str]) -> Iterable[tuple[str, str]]:
    """Give what may be modules: directories of the usual place that a manifest knows, and records."""
    usual = os.path.join(root, USUAL)
    if os.path.isdir(usual):
        for name in sorted(os.listdir(usual)):
            if name in named and os.path.isdir(os.path.join(usual, name)):
                yield name, os.path.join(usual, name)
    for directory in record.found(root):
        held = record.read(directory)
        if held is not None:
            yield held.came.item, directory


def _module(
    name: str,
    directory: str,
    layers: dict[str, list[Layer]],
    tasks: dict[str, Task],
    apps: set[str],
) -> Module:
    steps = sorted(
        (t for t in tasks if t == f"{name}:install" or t.startswith(f"{name}:install-")),
        key=lambda t: (len(t), t),
    )
    task = tasks.get(name)
    command = task.command if task else ()
    subcommand = command[-1:] if command[-1:] == (_RUN,) else ()
    command = command[: len(command) - len(subcommand)]
    inside = task is not None and (task.cwd == directory or task.cwd.startswith(directory + os.sep))
    return Module(
        name=name,
        directory=directory,
        environment=name if any(layer.requirements for layer in layers.get(name, [])) else "",
        install=steps[-1] if steps else "",
        goal=next((g for g in (f"{name}{TEST}", name) if _tested(layers.get(g, []))), ""),
        command=command,
        subcommand=subcommand,
        cwd=task.cwd if task is not None and inside else "",
        app=name in apps,
    )


def _tested(layers: list[Layer]) -> bool:
    return any(layer.goal is not None and layer.goal.commands for layer in layers)


def chosen(found: Found, names: Sequence[str]) -> tuple[Module, ...]:
    """Give the modules of these names, or all. Raises UsageError, with the nearest name."""
    known = {module.name: module for module in modules(found)}
    if not known:
        raise UsageError(
            "this project has no modules",
            where=found.place,
            remedy="`stead module add NAME` adds one, `stead module search` lists what there is",
        )
    for name in names:
        if name not in known:
            close = nearest(name, known)
            raise UsageError(
                f"no module {name} is here" + (f"; did you mean {close}?" if close else ""),
                where=found.place,
                remedy=f"there are: {', '.join(known)}",
            )
    return tuple(known[n] for n in dict.fromkeys(names)) if names else tuple(known.values())


def words(module: Module, arguments: Sequence[str]) -> list[str]:
    """Give the command line that runs a module: its command with the arguments.

    Options alone are for its subcommand ``run``; a first argument that is none, such as another
    subcommand, takes that one's place. Raises UsageError where the project does not say how it is run.
    """
    if not module.command:
        raise UsageError(
            f"nothing says how module {module.name} is run",
            where=module.directory,
            remedy=f'give it a task: [tasks.{module.name}] with run = ["COMMAND", "run"]',
        )
    own = module.subcommand if not arguments or arguments[0].startswith("-") else ()
    return [*module.command, *own, *arguments]
