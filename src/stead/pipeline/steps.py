"""The whole way from a directory to an activation, one step after the other.

Each function takes what the one before gave. :func:`prepare` is the list.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.ecosystems import BUILT_IN
from stead.pipeline import build as building
from stead.pipeline import carried, lockfile
from stead.pipeline import lock as locking
from stead.pipeline.activate import activate
from stead.pipeline.answering import Locked, answering, locked_for
from stead.pipeline.compose import compose, layer_candidates, package_layers
from stead.pipeline.configure import configure, require
from stead.pipeline.discover import Found, discover
from stead.pipeline.uses import Modules, refuse_working_copies
from stead.pipeline.writing import alone, layout_of, renewed
from stead.store import places
from stead.store.journal import read_steadily
from stead.values.frozen import dataclass, replace
from stead.values.names import DEFAULT
from stead.values.registry import registries_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stead.pipeline.request import Request
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.lock import Lock
    from stead.values.manifest import Manifest
    from stead.values.spec import Spec
    from stead.values.table import Table


@dataclass(frozen=True)
class Composed:
    """discover and compose, done."""

    request: Request
    found: Found
    spec: Spec
    modules: Modules
    lock_environment: str
    """The environment's name in the lock: its layers that carry packages."""
    lock_path: str
    exclude_newer: str = ""
    """A date for this command alone: what is locked now must be older. The lock does not keep it."""

    @property
    def slot(self) -> tuple[str, str, str]:
        place = lockfile.slot_place(self.spec.place, self.spec.root)
        return (place, self.lock_environment, self.spec.platform.name)

    @property
    def plan(self) -> locking.Plan:
        return locking.plan(self.spec.packages, has_code=bool(self.spec.configuration.modules))


LAST_BUILD = "last"
"""Stands for the build that the place's record names."""


@dataclass(frozen=True)
class Prepared:
    """Everything before run, done."""

    composed: Composed
    table: Table
    locked: Locked
    activation: Activation


def prepare(request: Request, context: Context) -> Prepared:
    """Do every step: discover → compose → configure → lock → build → activate."""
    composed, held = read_together(request, context)
    table = configured(composed, context, build=None)
    require(table, strict=request.strict)
    locked = answering(composed, held, context)
    if locked is None and request.locked:
        locked = locked_for(composed, context)
    if locked is None:
        with alone(composed.lock_path, composed.spec.name, context):
            # Whoever was waited for may have changed what is asked as well.
            composed, held = read_together(renewed(request), context)
            table = configured(composed, context, build=None)
            require(table, strict=request.strict)
            locked = answering(composed, held, context) or locked_for(composed, context)
    build = built_for(composed, locked, context)
    if build and carried.manifests_in(build):
        table = configured(composed, context, build=build)
        require(table, strict=request.strict)
    activation = activated_for(composed, table, locked, build, context)
    return Prepared(composed, table, locked, activation)


def read_together(
    request: Request, context: Context, *, fetch: bool = True
) -> tuple[Composed, Lock]:
    """Compose, and read the lock: as one change of both left them, not from in between."""

    def read() -> tuple[Composed, Lock]:
        composed = composed_for(request, context, fetch=fetch)
        return composed, lockfile.read(composed.lock_path, request.overlay)

    return read_steadily(layout_of(context), read, context.progress.note)


def composed_for(request: Request, context: Context, *, fetch: bool) -> Composed:
    """Find and read what describes the environment. ``fetch`` may reach for git modules.

    Where the lock must stay as it is, only those that it pins.
    """
    found = found_for(request)
    overlay = request.overlay
    path = lockfile.lock_file(
        found.root, found.place, bare=found.bare, home=context.home, overlay=overlay
    )
    uses = any(m.uses for m in found.manifests)
    pins = lockfile.read_to_build_on(path, overlay).pins if uses else ()
    if request.released:
        refuse_working_copies(pins, path)
    modules = Modules(
        context,
        pins=(*request.taken, *pins),
        fetch=fetch,
        root=found.root,
        locked=request.locked,
        working=request.working,
        overlay=request.overlay,
        registries=registries_of(found.manifests),
    )

    spec = _spec_of(request, found, modules)
    wished = _environment_of_recipe(spec, request)
    if wished != request.environment:
        request = replace(request, environment=wished)
        found = found_for(request)
        spec = _spec_of(request, found, modules)
    carrying = package_layers(found.manifests, spec.layers)
    return Composed(request, found, spec, modules, "-".join(carrying) or DEFAULT, path)


def _spec_of(
    request: Request, found: Found, modules: Modules, carried: Sequence[Manifest] = ()
) -> Spec:
    return compose(
        found.manifests,
        place=found.place,
        root=found.root,
        environment=request.environment,
        platform=request.platform,
        module=modules,
        absent=found.absent,
        carried=carried,
    )


def found_for(request: Request) -> Found:
    """Find the place of a request and read its manifests."""
    layers = layer_candidates(request.environment)
    return discover(request.directory, layers, home=request.user_home, overlay=request.overlay)


def _environment_of_recipe(spec: Spec, request: Request) -> str:
    """Give the environment that the recipe or app asked for runs in, where nobody named another."""
    selection = request.selection
    chosen = request.named or request.environment not in ("", DEFAULT)
    if chosen or not (selection.recipe or selection.app):
        return request.environment
    kinds = spec.configuration.kinds
    recipe = next((r for r in kinds.recipes if r.name == selection.recipe), None)
    if recipe is not None and recipe.environment:
        return recipe.environment
    # An app is a recipe of its own name.
    of_recipe = recipe.apps if recipe is not None else (selection.recipe,)
    name = selection.app or (of_recipe[0] if len(of_recipe) == 1 else "")
    return next((a.environment for a in kinds.apps if a.name == name), "") or request.environment


def built_for(composed: Composed, locked: Locked, context: Context) -> Path | None:
    """Give the build; None for an environment without packages."""
    want = building.wanted(composed.spec, locked.environment, locked.interpreter)
    if want.empty:
        return None
    found = building.find(want, context.home)
    if found is not None:
        return found
    building.refuse_other_platform(composed.spec, composed.request.here)
    return building.build(want, composed.spec, composed.plan, context)


def configured(
    composed: Composed, context: Context, *, build: Path | str | None = LAST_BUILD
) -> Table:
    """Compute the table of variables, with all that is wrong in it.

    What the packages of a ``build`` carry takes part: of the one that the place used
    last, unless the caller knows better, or knows (None) that there is none yet.
    """
    if build == LAST_BUILD:
        spec = composed.spec
        record = places.load(context.home, spec.place, spec.environment)
        build = record.activation.build if record else None
    return configure(spec_with(composed, build), composed.request.selection, caller=context.environ)


def spec_with(composed: Composed, build: Path | str | None) -> Spec:
    """Give what was composed, with what the packages of a build carry."""
    if build and (brought := carried.manifests_in(build)):
        return _spec_of(composed.request, composed.found, composed.modules, brought)
    return composed.spec


def ecosystems_of(locked: Locked) -> list[str]:
    """Name the ecosystems that a locked environment has something of, the built-in ones first."""
    present = {a.ecosystem for a in locked.environment.artifacts}
    present |= {"pypi"} if locked.interpreter else set()
    return [e for e in BUILT_IN if e in present] + sorted(present - set(BUILT_IN))


def activated_for(
    composed: Composed, table: Table, locked: Locked, build: Path | None, context: Context
) -> Activation:
    """Compute the activation of a built environment."""
    artifacts, interpreter = locked.environment.artifacts, locked.interpreter
    ecosystems = ecosystems_of(locked)
    projects = [
        path
        for a in artifacts
        if a.source and a.source.kind == "path"
        for name in ("pyproject.toml", "setup.py", "setup.cfg")
        if os.path.exists(path := os.path.join(composed.spec.root, a.source.location, name))
    ]
    has_lock = os.path.exists(composed.lock_path)
    found = composed.found
    inputs = (*composed.spec.inputs, *found.watched, *projects)
    inputs += (composed.lock_path,) if has_lock else ()
    absent = (*composed.spec.absent, *([] if has_lock else [composed.lock_path]))
    return activate(
        composed.spec,
        table,
        build,
        interpreter=interpreter,
        ecosystems=ecosystems,
        inputs=tuple(dict.fromkeys(inputs)),
        absent=tuple(dict.fromkeys(absent)),
        requires=(
            *((found.repository,) if found.repository else ()),
            *_placed(composed, table, context),
        ),
        modules=tuple((u.name, composed.modules.directory(u)) for u in composed.spec.uses),
        context=context,
    )


def _placed(composed: Composed, table: Table, context: Context) -> tuple[str, ...]:
    """Give the paths that are there while the tree holds this environment's rendered files."""
    if not table.files:
        return ()
    from stead.pipeline.rendering import planned
    from stead.store.rendered import required

    paths = [plan.path for plan in planned(table) if not plan.secret]
    return required(context.home, composed.spec.place, composed.spec.environment, paths)
