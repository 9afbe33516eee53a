"""Recipes: the declared ones and those that apps are by themselves, and how many run of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.kinds import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.modules import Modules
    from stead.values.kinds import App, OnTarget
    from stead.values.table import Definition


def known_recipes(recipes: Iterable[Recipe], apps: Iterable[App]) -> dict[str, Recipe]:
    """Give recipes by name. Each app is one of its own name, where none is declared."""
    implied = {a.name: Recipe(a.name, (a.name,), base=a.base, origin=a.origin) for a in apps}
    return implied | {r.name: r for r in recipes}


def on_target(recipe: Recipe, target: str) -> OnTarget | None:
    """Give what a recipe says otherwise for a target."""
    return next((o for o in recipe.on if o.target == target), None)


def counts(recipe: Recipe, app: App, target: str = "") -> tuple[tuple[str, int], ...]:
    """Say how many of each process of an app run on a machine; of ``run``, the name is empty."""
    on = on_target(recipe, target)
    said = dict(recipe.counts)
    there = dict(on.counts) if on else {}

    def count(process: str) -> int:
        whole = f"{app.name}:{process}"
        for table in (there, said):
            for name in (whole, app.name):
                if name in table:
                    return table[name]
        return 1

    processes = [name for name, _ in app.processes] or ([""] if app.run else [])
    return tuple((process, count(process)) for process in processes)


def instances(recipe: Recipe, app: App, target: str = "") -> int:
    """Say for how many of an app ports are needed."""
    return max((n for _, n in counts(recipe, app, target)), default=1)


def leads(recipe: Recipe, app: App, instance: int, target: str = "") -> bool:
    """Say whether the first process of an app is among those of one of its instances."""
    return next((count >= instance for _, count in counts(recipe, app, target)), True)


def settings(recipe: Recipe, target: str = "") -> list[Definition]:
    """Give what a recipe sets, as definitions: what it says for the target prevails."""
    from stead.values.table import Definition

    on = on_target(recipe, target)
    by = f"recipe {recipe.name}"
    said = [(v, 0, by) for v in recipe.settings]
    said += [(v, 1, f"{by} on {target}") for v in (on.settings if on else ())]
    return [
        Definition(
            v.name, v.value, "recipe", depth, by=who, base=v.base or recipe.base, origin=v.origin
        )
        for v, depth, who in said
    ]


def counted_wrongly(recipe: Recipe, apps: Mapping[str, App]) -> list[tuple[str, list[str]]]:
    """Give names in ``counts`` that nothing of the recipe has, and those that there are."""
    there = []
    for name in recipe.apps:
        if name in apps:
            there += [name, *(f"{name}:{p}" for p, _ in apps[name].processes)]
    named = [n for n, _ in (*recipe.counts, *(c for o in recipe.on for c in o.counts))]
    return [(name, there) for name in dict.fromkeys(named) if name not in there]


def beside(modules: Modules, recipe: Recipe, target: str) -> list[Recipe]:
    """Give the recipes that share a target's machines, in the order in which they get ports."""
    found = {recipe.name: recipe}
    if target:
        found |= {n: r for n, r in modules.recipes.items() if target in r.targets}
    return [found[name] for name in sorted(found)]
