"""Which recipe and which targets a command means, and the nodes that follow."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.config.recipes import known_recipes
from stead.deploy.targets import Node
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.kinds import Kinds, Recipe, Target


@dataclass(frozen=True, slots=True)
class Where:
    """One node: a machine of a target, or the one thing that the target is."""

    target: Target
    address: str = ""
    """Empty where the target has no machines to choose from."""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.target.name} ({self.address})" if self.address else self.target.name


def recipe_named(kinds: Kinds, name: str) -> Recipe:
    """Find a recipe, or an app, which is a recipe by itself. Raises UsageError."""
    known = known_recipes(kinds.recipes, kinds.apps)
    if name in known:
        return known[name]
    raise UsageError(f"there is no recipe {name}", remedy=_near(name, known, "recipe"))


def apps_of(recipe: Recipe, kinds: Kinds) -> tuple[str, ...]:
    """Name what a recipe runs: the only app where it says nothing. Raises ManifestError."""
    apps = recipe.apps or (tuple(a.name for a in kinds.apps) if len(kinds.apps) == 1 else ())
    if not apps:
        raise ManifestError(
            f"recipe {recipe.name} does not say what runs",
            where=recipe.origin,
            remedy='name one app, or several: app = ["web", "worker"]',
        )
    return tuple(dict.fromkeys(apps))


def targets_of(recipe: Recipe, kinds: Kinds, names: Sequence[str]) -> tuple[Target, ...]:
    """Find the targets that are named, else those of the recipe, else the only one.

    Raises UsageError with all that is wrong.
    """
    known = {t.name: t for t in kinds.targets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"there is no target {' and no target '.join(unknown)}",
            remedy=_near(unknown[0], known, "target"),
        )
    refused = [n for n in names if recipe.targets and n not in recipe.targets]
    if refused:
        raise UsageError(
            f"recipe {recipe.name} does not run on target {refused[0]}",
            where=recipe.origin,
            remedy=f"choose {' or '.join(recipe.targets)}, or add it to the recipe's targets",
        )
    chosen = names or recipe.targets or (tuple(known) if len(known) == 1 else ())
    if not chosen:
        raise UsageError(
            f"recipe {recipe.name} names no target, and there are {len(known)}"
            if known
            else f"there is no target to deploy {recipe.name} to",
            where=recipe.origin,
            remedy=f"name one: {', '.join(sorted(known))}"
            if known
            else 'declare one: [target.here] and kind = "local", or kind = "ssh" with hosts',
        )
    missing = [name for name in chosen if name not in known]
    if missing:
        raise UsageError(
            f"recipe {recipe.name} names target {missing[0]}, which is not here",
            where=recipe.origin,
            remedy=_near(missing[0], known, "target"),
        )
    return tuple(known[name] for name in dict.fromkeys(chosen))


def nodes_of(targets: Iterable[Target]) -> tuple[Where, ...]:
    """Give every machine of the targets."""
    return tuple(Where(t, address) for t in targets for address in (t.hosts or ("",)))


def directory_of(target: Target, home: str) -> str:
    """Give the absolute path of Stead's directory on a machine whose user has this ``home``."""
    usual = "/opt/stead" if target.kind in ("image", "container") else "~/.local/share/stead-node"
    written = target.directory or usual
    if written == "~" or written.startswith("~/"):
        return os.path.normpath(home + written[1:])
    if target.kind == "local":
        return os.path.normpath(os.path.join(target.base, written))
    if not written.startswith("/"):
        raise ManifestError(
            f"the directory of target {target.name} is {written!r}, which is not absolute",
            where=target.origin,
            remedy="begin it with / or ~/",
        )
    return os.path.normpath(written)


def node_of(recipe: str, target: Target, home: str = "") -> Node:
    """Say which node it is; without ``home``, of a machine that was not asked yet."""
    root = ""
    if home or (target.directory and not target.directory.startswith("~")):
        root = directory_of(target, home)
    return Node(recipe, root, target.sudo, target.services, project=target.project)


def _near(name: str, known: Iterable[str], kind: str) -> str:
    names = sorted(known)
    close = nearest(name, names)
    if close:
        return f"did you mean {close}?"
    return f"known are {', '.join(names)}" if names else f"declare it under [{kind}.{name}]"
