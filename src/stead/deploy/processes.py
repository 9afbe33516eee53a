"""What of an app runs on a node: its processes, its one-off commands, and what must then hold."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.config.outcome import secret_entries
from stead.config.quantities import nanoseconds
from stead.config.recipes import counts
from stead.deploy.targets import data_directory, tree_directory
from stead.values.deployment import Health, OneOff, Service
from stead.values.errors import DeployError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.deploy.payload import Running
    from stead.deploy.places import Places
    from stead.values.kinds import Recipe
    from stead.values.table import Table


def numbered(name: str, number: int) -> str:
    """Name the first of several as it is, further ones with their number."""
    return name if number == 1 else f"{name}-{number}"


def service_of(one: Running, where: Places, code: str, environment: Mapping[str, str]) -> Service:
    """Give what all processes of an instance have in common."""
    directory = where.there(_cwd(one, where))
    common = tree_directory(where.root, code)
    if directory == common or directory.startswith(f"{common}/"):
        directory = one.tree + directory[len(common) :]
    ports = []
    for variable in one.app.listen:
        entry = one.table.entry(variable.name)
        if entry is not None and entry.value and entry.value.isdigit():
            ports.append(int(entry.value))
    data = data_directory(where.root, where.recipe)
    kept = {p.path for p in one.table.paths if p.path and p.path.startswith(data)}
    return Service(
        name=one.name,
        app=one.app.name,
        argv=(),
        directory=directory,
        environment=tuple(environment.items()),
        secrets=tuple(sorted(e.name for e in secret_entries(one.table))),
        ports=tuple(sorted(set(ports))),
        makes=tuple(sorted(kept)),
    )


def _cwd(one: Running, where: Places) -> str:
    """Give where an app runs, on this machine. Raises DeployError where that is not sent."""
    cwd = one.app.cwd or one.app.base
    made = (os.path.normpath(os.path.join(f.base, f.path)) for f in one.table.files)
    sent = cwd in where.files or any(path.startswith(f"{cwd}/") for path in made)
    if one.app.cwd and where.there(cwd) != cwd and not sent:
        raise DeployError(
            f"app {one.app.name} runs in {cwd}, and no file of it is sent",
            where=one.app.origin,
            remedy="correct its cwd, or include a file of that directory in the recipe",
        )
    return cwd


def processes_of(base: Service, one: Running, recipe: Recipe, target: str) -> list[Service]:
    """Give the processes of an instance, as many of each as the recipe counts."""
    argv = dict(one.app.processes) or {"": one.app.run}
    return [
        replace(
            base,
            name=numbered("-".join(filter(None, (one.app.name, process))), one.number),
            argv=argv[process],
        )
        for process, count in counts(recipe, one.app, target)
        if one.number <= count
    ]


def commands_of(base: Service, one: Running) -> list[OneOff]:
    found = []
    for name, argv in one.app.commands:
        called = f"{one.app.name}.{name}"
        service = replace(base, name=called, argv=argv, ports=())
        found.append(OneOff(called, service, release=name in one.app.release))
    # What a command of one's own checks is asked where the code is, before it is taken into use.
    for check in one.table.checks:
        if check.kind == "run":
            called = f"{one.app.name}.check-{check.name}"
            directory = check.base or base.directory
            service = replace(
                base, name=called, argv=check.arguments, directory=directory, ports=()
            )
            found.insert(0, OneOff(called, service, release=True))
    # In the order in which the app names them.
    order = {f"{one.app.name}.{name}": at for at, name in enumerate(one.app.release)}
    return sorted(found, key=lambda c: order.get(c.name, len(order) if not c.release else -1))


def health_of(table: Table, service: str) -> list[Health]:
    found = []
    for check in table.health:
        timeout = nanoseconds(check.timeout) / 1e9 if check.timeout else 30.0
        if check.kind == "url":
            found.append(Health(url=check.subject, status=int(check.expect or 0), timeout=timeout))
        elif check.kind == "port":
            found.append(Health(port=check.subject, timeout=timeout))
        else:
            found.append(Health(command=check.arguments, timeout=timeout, service=service))
    return found
