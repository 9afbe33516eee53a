"""Where a module that is swapped runs already, and its successor brought there.

A block runs where the machines of the project's targets say so. The one that takes its place is
deployed as the same recipe: it gets its ports and data, and one can go back to what ran before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.cli._modules import Project
    from stead.cli.app import App
    from stead.deploy.recipes import Where
    from stead.values.kinds import Recipe


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a block runs."""

    app: bool = False
    """Whether it is one that can be deployed at all."""
    alone: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Recipes that run nothing else, each with the targets where it does."""
    shared: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Recipes that run other apps too."""
    unknown: tuple[str, ...] = ()
    """Nodes that do not say, and why."""

    def targets(self) -> tuple[str, ...]:
        """Name the targets where the block runs by itself."""
        return tuple(dict.fromkeys(t for _, targets in self.alone for t in targets))


def standing(block: str, names: Sequence[str], project: Project, app: App) -> Standing:
    """Ask the machines of the project's targets, or of those named, where a block runs.

    Who never deployed from the project asks nobody. Raises ManifestError, UsageError.
    """
    from stead.config.recipes import known_recipes
    from stead.deploy import identity
    from stead.deploy.recipes import targets_of
    from stead.values.kinds import Recipe

    if project.found is None:
        return Standing()
    kinds = app.composed(None, fetch=True).spec.configuration.kinds
    apps = tuple(one.name for one in kinds.apps)
    if block not in apps:
        return Standing()
    if names:
        targets_of(Recipe(block, (block,)), kinds, names)
    only = apps if len(apps) == 1 else ()
    recipes = [
        replace(recipe, apps=recipe.apps or only)
        for recipe in known_recipes(kinds.recipes, kinds.apps).values()
        if block in (recipe.apps or only)
    ]
    if not identity.known(project.root):
        return Standing(app=True)
    asked: list[tuple[Recipe, Where]] = []
    for recipe in recipes:
        asked += [(recipe, where) for where in _nodes(recipe, names, app)]
    return _told(asked, app)


def _nodes(recipe: Recipe, names: Sequence[str], app: App) -> tuple[Where, ...]:
    """Give the nodes on which a recipe may run."""
    from stead.cli._deploying import chosen
    from stead.deploy.recipes import nodes_of

    kinds = app.composed(None).spec.configuration.kinds
    usual = recipe.targets or tuple(t.name for t in kinds.targets)
    wanted = [name for name in usual if not names or name in names]
    if not wanted:
        return ()
    _, targets = chosen(recipe.name, wanted, app)
    # Of images nothing runs: there is nothing to replace.
    return nodes_of(target for target in targets if target.kind != "image")


def _told(asked: Sequence[tuple[Recipe, Where]], app: App) -> Standing:
    from stead.deploy.opening import opened
    from stead.deploy.rollout import together

    def stands(one: tuple[Recipe, Where]) -> bool:
        recipe, where = one
        target = opened(recipe.name, where, app.context, app.platform)
        try:
            return bool(target.status().generation)
        finally:
            target.close()

    found: dict[Recipe, dict[str, None]] = {}
    unknown = []
    for (recipe, where), stood, error in together(asked, stands):
        if error is not None:
            unknown.append(f"{recipe.name} on {where.name}: {error.message}")
        elif stood:
            found.setdefault(recipe, {})[where.target.name] = None
    return Standing(
        app=True,
        alone=tuple((r.name, tuple(t)) for r, t in found.items() if len(r.apps) == 1),
        shared=tuple((r.name, tuple(t)) for r, t in found.items() if len(r.apps) > 1),
        unknown=tuple(unknown),
    )


def bring(
    name: str,
    before: Standing,
    roles: Sequence[str],
    wanted: Sequence[str],
    app: App,
    *,
    quiet: bool = False,
) -> tuple[int, list[dict[str, object]]]:
    """Deploy a block to where the one before it ran, and to the targets that are wanted besides.

    ``roles`` are the recipes that run it now; ``quiet`` leaves the plan out. Gives the exit code, and
    what became of each deploy.
    """
    from stead.cli import deploy, main

    words = ["--module", name, *(["--json"] if quiet else [])]
    args = main.parser_of("deploy").parse_args(words)
    done: list[dict[str, object]] = []
    further = [target for target in wanted if target not in before.targets()]
    plain = [(name, tuple(further))] if further else []
    for recipe, targets in (*before.alone, *plain):
        if recipe not in (*roles, name):
            app.err(
                f"stead: recipe {recipe} on {', '.join(targets)} runs what is gone: let it name "
                f"{name}, then `stead deploy {recipe}`"
            )
            done.append({"recipe": recipe, "targets": targets, "code": 1})
            continue
        app.err(f"deploying {name} alone to {', '.join(targets)}, as recipe {recipe}")
        try:
            code = deploy.deploy(args, recipe, list(targets), app)
        except SteadError as exc:
            app.err(f"{recipe}: {exc}")
            code = exc.exit_code
        done.append({"recipe": recipe, "targets": targets, "code": code})
    failed = any(one["code"] for one in done)
    return 1 if failed or before.unknown else 0, done


def tell(name: str, before: Standing, wanted: Sequence[str], app: App) -> None:
    """Say what is not deployed by this, and how it would be."""
    for line in before.unknown:
        app.err(f"stead: whether it runs there is not known: {line}")
    for recipe, targets in before.shared:
        app.err(
            f"stead: recipe {recipe} on {', '.join(targets)} runs other apps too and is left alone; "
            f"let it name {name}, then `stead deploy {recipe}`"
        )
    if before.app and not (before.alone or before.shared or before.unknown or wanted):
        app.err(
            f"stead: what it replaces is deployed nowhere; `stead deploy --module {name} TARGET` "
            f"brings {name} to a target"
        )
