"""The modules of a composition by name, and which of them apply.

An app is the one that the selection names, else the recipe's only one, else the
composition's only one. With several and none chosen there are only plain
variables. With no app at all every client applies, and a lib that no client
uses still says what its variables may hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stead.config.recipes import counted_wrongly, known_recipes
from stead.config.report import listed, suggestion
from stead.values.frozen import dataclass
from stead.values.origin import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.report import Report
    from stead.values.kinds import (
        App,
        Client,
        Data,
        Endpoint,
        Host,
        Kinds,
        Lib,
        Net,
        Recipe,
        Target,
    )
    from stead.values.origin import Origin
    from stead.values.selection import Selection

    Module = TypeVar("Module", App, Client, Data, Host, Lib, Net, Recipe, Target)


@dataclass(frozen=True, slots=True)
class Modules:
    """Every module of a composition, by kind and name."""

    libs: Mapping[str, Lib]
    hosts: Mapping[str, Host]
    nets: Mapping[str, Net]
    data: Mapping[str, Data]
    clients: Mapping[str, Client]
    apps: Mapping[str, App]
    recipes: Mapping[str, Recipe]
    targets: Mapping[str, Target]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What applies of them."""

    recipe: Recipe | None
    target: Target | None
    app: App | None
    clients: tuple[Client, ...] = ()
    libs: tuple[Lib, ...] = ()
    """Without a client: those that the app takes."""
    idle: tuple[Lib, ...] = ()
    """Libs that nobody asks for, in a composition without apps."""


def index(kinds: Kinds, report: Report) -> Modules:
    """Order modules by name; two of one kind and name must be equal."""
    return Modules(
        _by_name("lib", kinds.libs, report),
        _by_name("host", kinds.hosts, report),
        _by_name("net", kinds.nets, report),
        _by_name("data", kinds.data, report),
        _by_name("client", kinds.clients, report),
        _by_name("app", kinds.apps, report),
        _by_name("recipe", kinds.recipes, report),
        _by_name("target", kinds.targets, report),
    )


def choose(
    modules: Modules, selection: Selection, report: Report, *, app_at: Origin = NOWHERE
) -> Chosen:
    """Find the recipe, target and app, and the clients and libs that come with them.

    ``app_at`` is where the app is chosen, if a manifest does that.
    """
    _check_names(modules, report)
    recipe = _named(
        "recipe",
        selection.recipe,
        known_recipes(modules.recipes.values(), modules.apps.values()),
        report,
    )
    target = _named("target", selection.target, modules.targets, report)
    if recipe and target and recipe.targets and target.name not in recipe.targets:
        report.add(
            f"recipe {recipe.name} does not run on target {target.name}",
            recipe.origin,
            remedy=f"choose {listed(recipe.targets, 'or')}, or add it to the recipe's targets",
        )
    if target is None and not selection.target and recipe and len(recipe.targets) == 1:
        target = modules.targets.get(recipe.targets[0])
    app = _app(modules, selection, recipe, report, app_at)
    if app is not None:
        clients = _present(modules.clients, app.clients)
        return Chosen(recipe, target, app, clients, _present(modules.libs, app.libs))
    if modules.apps:
        return Chosen(recipe, target, None)
    clients = tuple(modules.clients[name] for name in sorted(modules.clients))
    used = {client.uses for client in clients}
    idle = tuple(modules.libs[name] for name in sorted(modules.libs) if name not in used)
    return Chosen(recipe, target, None, clients, idle=idle)


def _app(
    modules: Modules, selection: Selection, recipe: Recipe | None, report: Report, at: Origin
) -> App | None:
    of_recipe = recipe.apps if recipe else ()
    if selection.app:
        app = _named("app", selection.app, modules.apps, report, at)
        if app and recipe and of_recipe and app.name not in of_recipe:
            report.add(
                f"recipe {recipe.name} does not run app {app.name}",
                recipe.origin,
                remedy=f"choose {listed(of_recipe, 'or')}, or add it to the recipe",
            )
        return app
    if of_recipe:
        return modules.apps.get(of_recipe[0]) if len(of_recipe) == 1 else None
    return next(iter(modules.apps.values())) if len(modules.apps) == 1 else None


def _by_name(kind: str, given: Iterable[Module], report: Report) -> dict[str, Module]:
    found: dict[str, Module] = {}
    for module in given:
        other = found.get(module.name)
        if other is None:
            found[module.name] = module
            continue
        first, second = sorted((other, module), key=_place)
        if first != second:
            report.add(
                f"two modules are {kind} {module.name}, and they differ",
                first.origin,
                details=[f"at {report.at(first.origin)}", f"at {report.at(second.origin)}"],
                remedy="give one of them another name",
            )
        found[module.name] = first
    return found


def _place(module: Module) -> tuple[str, int, str]:
    return module.origin.file, module.origin.line, repr(module)


def _named(
    kind: str, name: str, known: Mapping[str, Module], report: Report, at: Origin = NOWHERE
) -> Module | None:
    if not name:
        return None
    if name not in known:
        report.add(f"there is no {kind} {name}", at, remedy=_advice(kind, name, known))
    return known.get(name)


def _present(known: Mapping[str, Module], names: Iterable[str]) -> tuple[Module, ...]:
    return tuple(known[name] for name in dict.fromkeys(names) if name in known)


def _check_names(modules: Modules, report: Report) -> None:
    """Check that what modules name is there, whether they apply or not."""

    def check(
        who: str, kind: str, names: Iterable[str], known: Mapping[str, Module], where: Origin
    ) -> None:
        for name in names:
            if name and name not in known:
                report.add(
                    f"{who} names {kind} {name}, which is not here",
                    where,
                    remedy=_advice(kind, name, known),
                )

    for client in modules.clients.values():
        check(f"client {client.name}", "lib", (client.uses,), modules.libs, client.origin)
    for app in modules.apps.values():
        check(f"app {app.name}", "client", app.clients, modules.clients, app.origin)
        check(f"app {app.name}", "lib", app.libs, modules.libs, app.origin)
    for net in modules.nets.values():
        for one in net.endpoints:
            _check_listener(one, modules, report)
    for recipe in modules.recipes.values():
        who = f"recipe {recipe.name}"
        check(who, "app", recipe.apps, modules.apps, recipe.origin)
        check(who, "net", (recipe.net,), modules.nets, recipe.origin)
        check(who, "host", (recipe.host,), modules.hosts, recipe.origin)
        check(who, "target", recipe.targets, modules.targets, recipe.origin)
        for on in recipe.on:
            check(who, "target", (on.target,), modules.targets, on.origin)
        for name, there in counted_wrongly(recipe, modules.apps):
            report.add(
                f"{who} counts {name}, which is none of what it runs",
                recipe.origin,
                remedy=suggestion(
                    name, there, f"it runs {listed(there)}" if there else "name its app"
                ),
            )
    for target in modules.targets.values():
        check(f"target {target.name}", "host", (target.host,), modules.hosts, target.origin)


def _check_listener(endpoint: Endpoint, modules: Modules, report: Report) -> None:
    """Check an endpoint's listener, also where nobody uses it; its app may be elsewhere."""
    app = modules.apps.get(endpoint.app)
    names = [v.name for v in app.listen] if app else []
    if app is None or not endpoint.listener or endpoint.listener in names:
        return
    # In the words of who uses it: said once.
    report.add(
        f"{endpoint.name} needs listener {endpoint.listener} of app {app.name}, which has "
        + (listed(names) if names else "none"),
        endpoint.origin,
        remedy=suggestion(endpoint.listener, names, f"add it to listen of [app.{app.name}]"),
    )


def _advice(kind: str, name: str, known: Iterable[str]) -> str:
    return suggestion(name, known, f"declare it under [{kind}.{name}], or use a module that does")
