"""The whole way from a directory to an activation, one step after the other.

Each function takes what the one before gave. :func:`prepare` is the list.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from stead.ecosystems import BUILT_IN, interpreters
from stead.pipeline import build as building
from stead.pipeline import carried, contradictions, lockfile
from stead.pipeline import lock as locking
from stead.pipeline.activate import activate
from stead.pipeline.compose import compose, layer_candidates, package_layers
from stead.pipeline.configure import configure, require
from stead.pipeline.discover import Found, discover
from stead.pipeline.taken import artifacts_of
from stead.pipeline.uses import Modules, refuse_working_copies
from stead.store import places
from stead.store.edits import edit_files
from stead.store.journal import read_steadily, recover
from stead.store.layout import Layout
from stead.store.locking import exclusive
from stead.values.digest import short_key
from stead.values.errors import InterpreterError
from stead.values.frozen import dataclass, replace
from stead.values.lock import Lock, LockedEnvironment
from stead.values.names import DEFAULT
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stead.pipeline.request import Request
    from stead.pipeline.transaction import Staging
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
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


@dataclass(frozen=True)
class Locked:
    """lock, done."""

    environment: LockedEnvironment
    interpreter: Interpreter | None = None
    """The one outside the store, where the environment has one."""
    written: tuple[str, ...] = ()
    """Files that locking wrote."""


LAST_BUILD = "last"
"""Stands for the build that the place's record names."""

Amend = Callable[[tuple[Locked, ...]], tuple[Sequence[Composed], dict[str, bytes]]]


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
    locked = _answering(composed, held, context)
    if locked is None and request.locked:
        locked = locked_for(composed, context)
    if locked is None:
        with alone(composed.lock_path, composed.spec.name, context):
            # Whoever was waited for may have changed what is asked as well.
            composed, held = read_together(renewed(request), context)
            table = configured(composed, context, build=None)
            require(table, strict=request.strict)
            locked = _answering(composed, held, context) or locked_for(composed, context)
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
    """Give the environment that the recipe asked for runs in, where nobody named another."""
    chosen = request.named or request.environment not in ("", DEFAULT)
    if chosen or not request.selection.recipe:
        return request.environment
    for recipe in spec.configuration.kinds.recipes:
        if recipe.name == request.selection.recipe and recipe.environment:
            return recipe.environment
    return request.environment


def locked_for(composed: Composed, context: Context) -> Locked:
    """Give the locked environment, locking first where the lock does not answer."""
    spec = composed.spec
    lock = lockfile.read(composed.lock_path, composed.request.overlay)
    found = _answering(composed, lock, context)
    if found is not None:
        return found
    old = lock.find(*composed.slot)
    if composed.request.locked:
        if composed.plan.empty:
            return Locked(nothing_locked(composed))
        locking.check_answers(old, asked_of(composed), spec.root)
    return lock_together([composed], context)[0]


def _answering(composed: Composed, lock: Lock, context: Context) -> Locked | None:
    """Give what is locked, if it is what is asked and nothing is to be taken afresh."""
    old = lock.find(*composed.slot)
    pinned = set(composed.modules.used.values()) <= set(lock.pins)
    if old is None or not answers(composed, old) or not pinned or context.upgrade:
        return None
    return Locked(old, interpreter_for(composed, old, context))


def answers(composed: Composed, old: LockedEnvironment | None) -> bool:
    """Say whether what is locked is what is asked."""
    if old is None:
        return False
    spec = composed.spec
    if old.requests != asked_of(composed):
        return False
    return not locking.stale_sources(old, spec.root)


def asked_of(composed: Composed) -> tuple[str, ...]:
    """Give the request texts of an environment, those of taken locks among them."""
    spec = composed.spec
    asked = locking.requests(spec.packages, spec.root)
    taken = []
    for lock in spec.packages.taken:
        with open(lock.file, "rb") as file:
            content = short_key([file.read().hex()])
        relative = os.path.relpath(lock.file, spec.root).replace(os.sep, "/")
        taken.append(f"taken {lock.format} {relative} {content}")
    return tuple(sorted((*asked, *taken)))


def lock_together(
    environments: Sequence[Composed],
    context: Context,
    *,
    amend: Amend | None = None,
    expect: Mapping[str, bytes | None] | None = None,
    dry: bool = False,
) -> tuple[Locked, ...]:
    """Lock environments of one lock file, and write it, unless this is a ``dry`` run.

    What still answers is kept. ``amend`` may give other files (path → content) to
    write with the lock, and the same environments in other words; ``expect`` is
    what these files held when they were read (None: no file), and an edit that
    somebody made since is an error. Everything is written at once, after all is
    known: whatever is raised, no file has changed.
    """
    path, staging = environments[0].lock_path, environments[0].request.staging
    layout = Layout(context.home)
    name = environments[0].spec.name
    with alone(path, name, context):
        now = renewed(environments[0].request)
        whole = before = lockfile.read_to_build_on(path, now.overlay)
        results = []
        for composed in environments:
            old = whole.find(*composed.slot)
            afresh = context.upgrade or composed.exclude_newer
            if old is not None and answers(composed, old) and not afresh:
                results.append(Locked(old, interpreter_for(composed, old, context)))
            else:
                results.append(_locked_anew(composed, old or _like(composed, whole), context))
        files: dict[str, bytes | None] = {}
        if amend is not None:
            environments, edited = amend(tuple(results))
            files.update(edited)
            results = [
                replace(done, environment=replace(done.environment, requests=asked_of(composed)))
                for composed, done in zip(environments, results, strict=True)
            ]
        for composed, done in zip(environments, results, strict=True):
            whole = _with_pins(whole.with_environment(done.environment), composed)
        worth_keeping = whole.pins or any(not _empty(e) for e in whole.environments)
        if whole != before and (worth_keeping or content_of(path, staging) is not None):
            files[path] = lockfile.write(whole)
        if dry:
            return tuple(results)
        request = environments[0].request
        written = write_files(
            files,
            layout,
            f"lock {name}",
            expect=expect,
            noting=request.noting,
            staging=request.staging,
        )
        return tuple(replace(done, written=written) for done in results)


_held: set[tuple[int, str]] = set()
"""Lock files that a thread of this process has for itself: thread, path."""


@contextlib.contextmanager
def alone(path: str, name: str, context: Context) -> Iterator[None]:
    """Have a lock file for oneself; within it, the same thread may ask again."""
    key = (threading.get_ident(), path)
    if key in _held:
        yield
        return
    guard = Layout(context.home).locks / f"lock-{short_key(path)}"
    with exclusive(guard, note=context.progress.note, description=f"locking {name}"):
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)


def _locked_anew(composed: Composed, old: LockedEnvironment | None, context: Context) -> Locked:
    contradictions.check(composed.spec.packages)
    interpreter = interpreter_for(composed, old, context)
    spec = composed.spec
    if composed.exclude_newer:
        packages = replace(spec.packages, exclude_newer=composed.exclude_newer)
        spec = replace(spec, packages=packages)
    locked = locking.lock(
        spec,
        old,
        context=context,
        environment=composed.lock_environment,
        place=composed.slot[0],
        interpreter=interpreter,
        taken=artifacts_of(composed.spec, interpreter),
    )
    return Locked(replace(locked, requests=asked_of(composed)), interpreter)


def _like(composed: Composed, lock: Lock) -> LockedEnvironment | None:
    """Give what an environment that is locked for the first time had best agree with."""
    place, environment, platform = composed.slot
    for slot in ((place, DEFAULT), (".", environment), (".", DEFAULT)):
        if found := lock.find(*slot, platform):
            return found
    return None


def write_files(
    files: Mapping[str, bytes | None],
    layout: Layout,
    reason: str,
    *,
    expect: Mapping[str, bytes | None] | None = None,
    noting: Callable[[], Mapping[str, bytes]] = dict,
    modes: Mapping[str, int] | None = None,
    staging: Staging | None = None,
) -> tuple[str, ...]:
    """Replace files that must change together (None: remove), and name those that did change.

    ``expect`` is what a caller has read of them; what ``noting`` gives is written with them.
    ``modes`` are those of files that are new. With ``staging``, that takes them instead.
    """
    held = {path: content_of(path, staging) for path in files}
    changed = {path: content for path, content in files.items() if held[path] != content}
    if changed:
        held |= expect or {}
        edits = {path: (held[path], content) for path, content in changed.items()}
        if staging is not None:
            staging.stage(changed, {path: held[path] for path in changed})
        else:
            edit_files(layout, edits, reason, beside=noting(), modes=modes)
    return tuple(changed)


def layout_of(context: Context) -> Layout:
    return Layout(context.home)


def mend(context: Context) -> list[str]:
    """Finish or take back what an interrupted command left."""
    from stead.store.private_files import remove_leftovers

    remove_leftovers(context.home, context.environ)
    return recover(Layout(context.home))


def interpreter_for(
    composed: Composed, old: LockedEnvironment | None, context: Context
) -> Interpreter | None:
    """Find the interpreter outside the store that the environment wants, if it wants one.

    What was locked for one minor version stays with it as long as it fits.
    """
    request = composed.plan.outside_python
    if request is None:
        return None
    only = ("pyenv",) if composed.spec.packages.python_from == "pyenv" else ()
    if old is not None and old.python and not context.upgrade & {"*", "python"}:
        kept = f"=={old.python}.*"
        try:
            return interpreters.find(
                f"{request},{kept}" if request else kept, context=context, only=only
            )
        except InterpreterError:
            if answers(composed, old):
                raise
    try:
        return interpreters.find(request, context=context, only=only)
    except InterpreterError as exc:
        asked = [r for r in composed.spec.packages.of(PYTHON) if r.spec and r.origin.file]
        if not asked:
            raise
        raise InterpreterError(
            exc.message,
            where=exc.where,
            details=(*exc.details, "asked for by:", *(f"  {r.origin}: {r}" for r in asked)),
            remedy=exc.remedy,
        ) from exc


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
    spec = composed.spec
    if build == LAST_BUILD:
        record = places.load(context.home, spec.place, spec.environment)
        build = record.activation.build if record else None
    if build and (brought := carried.manifests_in(build)):
        spec = _spec_of(composed.request, composed.found, composed.modules, brought)
    return configure(spec, composed.request.selection, caller=context.environ)


def activated_for(
    composed: Composed, table: Table, locked: Locked, build: Path | None, context: Context
) -> Activation:
    """Compute the activation of a built environment."""
    artifacts, interpreter = locked.environment.artifacts, locked.interpreter
    present = {a.ecosystem for a in artifacts} | ({"pypi"} if interpreter else set())
    ecosystems = [e for e in BUILT_IN if e in present] + sorted(present - set(BUILT_IN))
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


def nothing_locked(composed: Composed) -> LockedEnvironment:
    place, environment, platform = composed.slot
    return LockedEnvironment(place, environment, platform)


def _empty(locked: LockedEnvironment) -> bool:
    return not (locked.requests or locked.artifacts)


def _with_pins(lock: Lock, composed: Composed) -> Lock:
    """Put in the pins of this composition, and take out what no place can need."""
    used = tuple(composed.modules.used.values())
    alone = {e.place for e in lock.environments} <= {composed.slot[0]}
    asked = {(p.name, p.location, p.requested) for p in used}
    others = [p for p in lock.pins if (p.name, p.location, p.requested) not in asked]
    gone = {name for name, directory in composed.request.working.items() if not directory}
    others = [replace(p, working="") if p.name in gone else p for p in others]
    pins = (*used, *([] if alone else others))
    return replace(lock, pins=tuple(sorted(pins, key=lambda p: (p.name, p.location, p.requested))))


def renewed(request: Request) -> Request:
    """Give a request with what is staged by now: whoever was waited for may have staged more."""
    if request.staging is None:
        return request
    return replace(request, overlay=request.staging.overlay())


def held_by(request: Request, path: str) -> bytes | None:
    """Give what a file held when its text was read for a request."""
    if request.staging is not None and path in request.overlay:
        text = request.overlay[path]
        return None if text is None else text.encode()
    return content_of(path, request.staging)


def content_of(path: str, staging: Staging | None = None) -> bytes | None:
    """Give a file's content, None where there is none; what is staged comes first."""
    if staging is not None:
        return staging.content(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
