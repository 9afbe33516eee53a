"""What `stead deploy` and `stead node` have in common: what is wanted, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.values.errors import ConfigurationError, ManifestError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.cli.app import App
    from stead.deploy.deploying import Ready
    from stead.deploy.payload import Wanted
    from stead.deploy.recipes import Where
    from stead.deploy.rollout import Outcome
    from stead.pipeline.steps import Composed
    from stead.values.kinds import Recipe, Target


def chosen(name: str, names: Sequence[str], app: App) -> tuple[Recipe, tuple[Target, ...]]:
    """Find a recipe and its targets by name."""
    from stead.deploy import identity
    from stead.deploy.recipes import recipe_named, targets_of

    composed = app.composed(None, fetch=True)
    kinds = composed.spec.configuration.kinds
    recipe = recipe_named(kinds, name)
    targets = targets_of(recipe, kinds, names)
    manifest = _manifest(recipe, composed)
    workspaces = [m.workspace.name for m in composed.found.manifests if m.workspace]
    name = next(filter(None, workspaces), "")
    project = identity.known(manifest) or identity.fresh(manifest, name)
    return recipe, tuple(replace(target, project=project) for target in targets)


def wanted(
    name: str, names: Sequence[str], app: App
) -> tuple[dict[str, Wanted], tuple[Where, ...]]:
    """Lock and build what a recipe needs; gives that by target, and the nodes."""
    from stead.deploy.code import code_of
    from stead.deploy.payload import Wanted
    from stead.deploy.recipes import apps_of, nodes_of
    from stead.pipeline.steps import prepare

    plain = replace(app, selection=replace(app.selection, recipe="", target="", app=""))
    recipe, targets = chosen(name, names, plain)
    kinds = plain.composed(None).spec.configuration.kinds
    apps = apps_of(recipe, kinds)
    found = {}
    wrong: dict[str, ManifestError] = {}
    for target in targets:
        made = []
        for one in apps:
            selection = replace(app.selection, recipe=name, target=target.name, app=one)
            there = replace(app, selection=selection, target=target.platform)
            try:
                made.append((one, prepare(there.request(), app.context)))
            except ManifestError as exc:
                wrong.setdefault(str(exc), exc)
        if wrong:
            continue
        code = code_of([prepared for _, prepared in made], recipe, app.context)
        found[target.name] = Wanted(recipe, tuple(made), code, app.selection.settings)
    if wrong:
        raise _all_of(tuple(wrong.values()))
    return found, nodes_of(targets)


def _all_of(wrong: Sequence[ManifestError]) -> ManifestError:
    """Give the one mistake, or an error that says the mistakes of all apps and targets."""
    if len(wrong) == 1:
        return wrong[0]
    lines = dict.fromkeys(line.strip() for error in wrong for line in str(error).splitlines())
    return ConfigurationError(
        "apps of the recipe cannot be configured",
        details=tuple(lines),
        remedy="mend each of them; nothing was changed",
    )


def _manifest(recipe: Recipe, composed: Composed) -> str:
    """Give the directory of the manifest that declares a recipe; of a module's, the workspace's."""
    root = composed.spec.root
    return recipe.base if f"{recipe.base}/".startswith(f"{root}/") else root


def settled(made: Sequence[Ready], recipe: Recipe, app: App) -> None:
    """Let the project be known by something, before a node becomes its own. Raises DeployError."""
    from stead.deploy import identity

    projects = [
        one.where.target.project
        for one in made
        if one.where.target.kind != "image" and not one.plan.nothing
    ]
    composed = app.composed(None)
    manifest = _manifest(recipe, composed)
    if projects and not identity.known(manifest):
        path = identity.keep(manifest, projects[0])
        app.err(f"machines know this project by {path}: keep it with the code, for all clones")


def telling(app: App) -> Callable[[Where, str, str], None]:
    """Give what hears of steps on nodes."""

    def told(where: Where, step: str, word: str) -> None:
        app.err(f"{where.name}: {step}{f': {word}' if word else ''}")

    return told


def saying(app: App) -> Callable[[Outcome], None]:
    """Give what hears of what became of a node."""

    def said(outcome: Outcome) -> None:
        app.err(f"{outcome.where.name}: {worded(outcome)}")
        for warning in outcome.applied.warnings if outcome.applied else ():
            app.err(f"{outcome.where.name}: note: {warning}")

    return said


def worded(outcome: Outcome) -> str:
    """Say what became of a node."""
    if outcome.error is not None:
        return f"failed: {outcome.error}"
    if outcome.applied is None:
        return "not begun"
    applied = outcome.applied
    if not applied.changed:
        return f"unchanged, generation {applied.generation}"
    from stead.deploy.plan import size

    return f"done, generation {applied.generation}, {size(applied.sent)} sent"


def failed(outcomes: Sequence[Outcome], app: App) -> int:
    """Say what did not come to be; gives the exit code."""
    if not any(o.state == "failed" for o in outcomes):
        return 0
    for outcome in outcomes:
        if outcome.state == "not begun":
            app.err(f"{outcome.where.name}: not begun")
    done = sum(o.state in ("done", "unchanged") for o in outcomes)
    app.err(f"stead: {done} of {len(outcomes)} nodes have it")
    return 1


def plans(name: str, made: Sequence[Ready]) -> dict[str, Any]:
    """Give the plans as JSON."""
    return {"recipe": name, "nodes": [_plan(one) for one in made]}


def answer(name: str, made: Sequence[Ready], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Give plans and what became of them as JSON."""
    by_name = {o.where.name: o for o in outcomes}
    return {
        "recipe": name,
        "nodes": [_plan(one) | _outcome(by_name[one.where.name]) for one in made],
    }


def _plan(ready: Ready) -> dict[str, Any]:
    plan = ready.plan
    return {
        "target": plan.target,
        "address": plan.address,
        "root": plan.root,
        "running": plan.generation,
        "nothing": plan.nothing,
        "changes": plan.changes,
        "pyinfra": plan.pyinfra,
        "send": plan.send,
        "bytes": plan.bytes,
        "release": plan.release,
        "restarts": plan.restarts,
        "checks": plan.checks,
        "services": plan.services,
        "units": plan.units,
        "notes": plan.notes,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    applied = outcome.applied
    return {
        "state": outcome.state,
        "generation": applied.generation if applied else 0,
        "sent": applied.sent if applied else 0,
        "warnings": applied.warnings if applied else (),
        "error": outcome.error.message if outcome.error else "",
    }
