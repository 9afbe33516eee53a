"""From a recipe, a target and what a machine said of itself to all that the node is to hold.

Nothing here talks to the machine, and no secret is opened: :func:`payload` gives the same
for the same. ``deploy/secrets.py`` puts the secrets in.
"""

from __future__ import annotations

import functools
import os.path
from typing import TYPE_CHECKING

from stead.config.bind import resolve
from stead.config.recipes import instances
from stead.deploy import editable, processes
from stead.deploy.closure import key_of, tree_of_files, trees_of_build
from stead.deploy.environment import around, described, variables
from stead.deploy.once import Once
from stead.deploy.places import moved, places
from stead.deploy.recipes import directory_of
from stead.deploy.record import RENDERED
from stead.deploy.rendered import rendered
from stead.deploy.tar import measure
from stead.deploy.targets import (
    generation_directory,
    own_tree_directory,
    tree_directory,
)
from stead.pipeline.configure import require
from stead.pipeline.steps import spec_with
from stead.store.runtime import runtime_directory
from stead.values.deployment import (
    Health,
    HeldData,
    OneOff,
    Part,
    Payload,
    PlacedFile,
    Service,
    Tree,
)
from stead.values.errors import DeployError
from stead.values.frozen import dataclass, field, replace
from stead.values.secret import SHOWN
from stead.values.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.deploy.code import Code
    from stead.deploy.places import Places
    from stead.deploy.recipes import Where
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.deployment import Facts, Member
    from stead.values.kinds import App, Check, Host, Recipe
    from stead.values.table import Definition, Table


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed, whichever machine it goes to."""

    recipe: Recipe
    apps: tuple[tuple[str, Prepared], ...]
    """By name, in order: each app with its environment, locked and built."""
    code: Code
    settings: tuple[Definition, ...] = ()
    """``--set NAME=VALUE``."""
    once: Once = field(default_factory=Once, compare=False)
    """Trees, which nodes with the same root share."""


@dataclass(frozen=True, slots=True)
class Running:
    """One of several that run side by side of an app: its table, and where its code lies."""

    app: App
    number: int
    table: Table
    prepared: Prepared
    tree: str
    """The directory, on the node, of the tree that it runs in."""
    services: tuple[str, ...] = ()
    """Names of its processes, and of commands that have its variables."""

    @property
    def name(self) -> str:
        return processes.numbered(self.app.name, self.number)


@dataclass(frozen=True, slots=True)
class Laid:
    """A payload without secrets, and what is needed to put them in."""

    payload: Payload
    where: Places
    running: tuple[Running, ...]
    code: str
    """The key of the code's tree."""
    checks: tuple[Check, ...] = ()
    """What must hold on the machine before anything is changed there."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all that runs on a node has in common."""

    wanted: Wanted
    node: Where
    facts: Facts
    context: Context
    where: Places
    code: Tree
    runtime: Tree


@dataclass(frozen=True, slots=True)
class _Built:
    """An environment on the node."""

    directory: str = ""
    """Where it is; empty for one without packages."""
    imported: tuple[str, ...] = ()
    """Directories here of packages that it uses where they lie."""
    trees: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one of several of an app adds to the payload."""

    running: Running
    trees: tuple[Tree, ...]
    services: tuple[Service, ...]
    commands: tuple[OneOff, ...]
    files: tuple[PlacedFile, ...]
    health: tuple[Health, ...]
    data: tuple[HeldData, ...]


def payload(wanted: Wanted, node: Where, facts: Facts, context: Context) -> Laid:
    """Say what a node is to hold and run.

    Raises ConfigurationError with all that is wrong in the tables, ManifestError for
    templates, StoreError where something of this machine cannot be read.
    """
    recipe, target = wanted.recipe, node.target
    root = directory_of(target, facts.home)
    code = wanted.once.get(
        "code", lambda: tree_of_files(dict(wanted.code.files), "code", context.home)
    )
    sources = [source for _, source in wanted.code.files]
    where = places(root, recipe.name, code.key, wanted.code.directories, sources)
    runtime = wanted.once.get("runtime", lambda: _runtime(context))
    shared = _Shared(wanted, node, facts, context, where, code, runtime)
    trees: dict[str, Tree] = {code.key: code}
    parts: list[_Part] = []
    for name, prepared in wanted.apps:
        built = _built(shared, prepared)
        for number in range(1, _most(recipe, name, prepared, target.name) + 1):
            parts.append(_part(shared, prepared, built, name, number))
            trees |= {t.key: t for t in (*built.trees, *parts[-1].trees)}
    running = tuple(part.running for part in parts)
    data = {one.name: one for part in parts for one in part.data}
    made = Payload(
        recipe=recipe.name,
        target=target.name,
        address=node.address,
        root=root,
        trees=tuple(sorted(trees.values(), key=lambda t: (t.name, t.key))),
        services=tuple(one for part in parts for one in part.services),
        commands=tuple(one for part in parts for one in part.commands),
        files=tuple(one for part in parts for one in part.files),
        checks=tuple(dict.fromkeys(one for part in parts for one in part.health)),
        variables=_shown(running),
        keep=recipe.keep,
        data=tuple(data[name] for name in sorted(data)),
    )
    _refuse_shared_names(made)
    return Laid(made, where, running, code.key, _checks(running))


def _built(shared: _Shared, prepared: Prepared) -> _Built:
    """Take an environment apart, as it is on the node."""
    build, where = prepared.activation.build, shared.where
    if not build:
        return _Built()
    directories = editable.directories(build, where)
    moves = {m.here: m.there for m in where.moves}
    names = moves if directories is None else editable.nowhere(where)
    trees = shared.wanted.once.get(
        (build, where.root, tuple(names.items())),
        functools.partial(trees_of_build, build, where.root, shared.context.home, names),
    )
    return _Built(tree_directory(where.root, trees[0].key), directories or (), trees)


def _part(shared: _Shared, prepared: Prepared, built: _Built, name: str, number: int) -> _Part:
    """Give what one of several of an app is: its table, files, processes and commands."""
    wanted, where, code = shared.wanted, shared.where, shared.code
    table, host = _table(shared, prepared, name, number)
    app = table.app
    assert app is not None
    called = processes.numbered(name, number)
    image = shared.node.target.kind in ("image", "container")
    own = rendered(
        table, where, name=called, code=code.key,
        platform=prepared.composed.spec.platform, resolved=None, own=not image,
    )  # fmt: skip
    tree = _with(code, own.members, called, own=bool(own.placed) and not image)
    at = tree_directory(where.root, tree.key)
    if tree.own:
        at = own_tree_directory(where.root, where.recipe, tree.key)
    text = described(prepared, table, where, host)
    file = ""
    files = own.placed
    if text:
        file = f"{generation_directory(where.root, where.recipe)}/files/{called}.project.json"
        content = text.encode("utf-8", "surrogateescape")
        files = (PlacedFile(file, content, mode=0o644), *files)
    environment = variables(
        prepared, table, where, host=host, build=built.directory, file=file,
        runtime=tree_directory(where.root, shared.runtime.key), imported=built.imported,
        facts=shared.facts, context=shared.context,
    )  # fmt: skip
    one = Running(app, number, table, prepared, at)
    base = processes.service_of(one, where, code.key, environment)
    services = processes.processes_of(base, one, wanted.recipe, shared.node.target.name)
    commands = processes.commands_of(base, one) if number == 1 else []
    named = (*(s.name for s in services), *(c.name for c in commands))
    return _Part(
        replace(one, services=named),
        (tree, shared.runtime) if text else (tree,),
        tuple(services),
        tuple(commands),
        files,
        tuple(processes.health_of(table, services[0].name)) if services else (),
        _data(prepared, host),
    )


def _table(shared: _Shared, prepared: Prepared, app: str, number: int) -> tuple[Table, Host | None]:
    """Compute the table of one of an app's instances as it is on the node."""
    spec = spec_with(prepared.composed, prepared.activation.build or None)
    kinds = spec.configuration.kinds
    host = next((h for h in kinds.hosts if h.name == prepared.table.selection.host), None)
    selection = Selection(
        app=app,
        recipe=shared.wanted.recipe.name,
        target=shared.node.target.name,
        settings=shared.wanted.settings,
        deploy=True,
        instance=number,
        taken=frozenset(port for port, _, _ in shared.facts.ports),
    )
    table = resolve(
        moved(spec.configuration, shared.where, host),
        selection,
        platform=spec.platform,
        ambient=around(shared.facts),
        place=spec.place,
    )
    require(table)
    return table, host


def _most(recipe: Recipe, name: str, prepared: Prepared, target: str) -> int:
    apps = prepared.composed.spec.configuration.kinds.apps
    return max(1, instances(recipe, next(a for a in apps if a.name == name), target))


def _data(prepared: Prepared, host: Host | None) -> tuple[HeldData, ...]:
    """Give the data that the host offers to the apps, with the versions that are asked for."""
    declared = {d.name: d for d in prepared.composed.spec.configuration.kinds.data}
    found = []
    for offer in host.data if host else ():
        known = declared.get(offer.name)
        version = (known.version or known.tag) if known else ""
        found.append(HeldData(offer.name, version, offer.value))
    return tuple(found)


def _with(code: Tree, members: tuple[Member, ...], name: str, *, own: bool) -> Tree:
    """Give the tree of the code with further files in it; ``own`` as of a tree."""
    if not members:
        return code
    digest, size = measure(members)
    parts = (*code.parts, Part(f"{RENDERED}{name}", digest, members, size))
    return Tree(key_of(parts), f"code of {name}", parts, own)


def _shown(running: Iterable[Running]) -> tuple[tuple[str, str], ...]:
    """Give the variables for people: by app where there are several."""
    listed = list(running)
    found = []
    for one in listed:
        prefix = f"{one.name}." if len(listed) > 1 else ""
        for entry in one.table.entries:
            value = SHOWN if entry.secret else entry.value
            if value is not None:
                found.append((f"{prefix}{entry.name}", value))
    return tuple(sorted(found))


def _checks(running: Iterable[Running]) -> tuple[Check, ...]:
    return tuple(dict.fromkeys(check for one in running for check in one.table.checks))


def _runtime(context: Context) -> Tree:
    """Give the tree of ``stead.project``, for Pythons that do not have Stead."""
    directory = runtime_directory(context.home)
    files = {
        os.path.relpath(os.path.join(parent, name), directory): os.path.join(parent, name)
        for parent, _, names in os.walk(directory)
        for name in names
        # What Python compiles on the way: half written, such a file has another ending.
        if os.path.basename(parent) != "__pycache__"
    }
    return tree_of_files(files, "stead.project", context.home)


def _refuse_shared_names(made: Payload) -> None:
    seen: dict[str, Service] = {}
    ports: dict[int, Service] = {}
    for service in made.services:
        if service.name in seen:
            raise DeployError(
                f"two processes of recipe {made.recipe} would be called {service.name}",
                details=[f"of app {seen[service.name].app}", f"of app {service.app}"],
                remedy="rename a process, or an app",
            )
        seen[service.name] = service
        for port in service.ports:
            other = ports.setdefault(port, service)
            # Processes of one instance share its variables, and only one of them listens.
            if other.app != service.app:
                raise DeployError(
                    f"{other.name} and {service.name} would both listen on port {port}",
                    remedy="bind them to a range of the host's: host.ports.NAME",
                )
