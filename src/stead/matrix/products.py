"""Packages by key: what a definition's package depends on, and the package itself, found or made.

The key of a package that is built is computed from facts alone: the project's files, the
files that the definition names besides, the build's back end with its locked requirements,
the interpreter, the variables that the build sees, and, where a version comes from version
control, what git says. Nothing is built for it.
"""

from __future__ import annotations

import os
import threading

from stead.matrix import backend, repository, sources
from stead.matrix.backend import BuildSystem, Memory, Needs
from stead.matrix.building import Asks, Changed, Order
from stead.matrix.sources import Sources
from stead.store import products as kept
from stead.store.hashing import hash_file
from stead.store.layout import Layout
from stead.values.digest import digest, short_key
from stead.values.errors import ManifestError, SteadError
from stead.values.frozen import dataclass, replace
from stead.values.package import FORMAT_OF, PackageDefinition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from stead.matrix.backend import Tools
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.suite import Product, Ready
    from stead.values.testenv import PackageSettings

    Log = Callable[[str], None]

VERSION = 1
"""Part of every key: raise it when the same facts come to give another package."""

_ATTEMPTS = 3


class Seen:
    """Projects as one run sees them: looked at once each, however many packages come of them."""

    def __init__(self) -> None:
        self._sources: dict[str, Sources] = {}
        self._tools: dict[Needs, Tools] = {}
        self._lock = threading.RLock()

    def sources(self, root: str, context: Context, *, again: bool = False) -> Sources:
        with self._lock:
            if again or root not in self._sources:
                self._sources[root] = sources.look(root, context)
            return self._sources[root]

    def looked(self, root: str) -> Sources | None:
        """Give what was seen of a project; None where nobody has looked."""
        return self._sources.get(root)

    def tools(self, needs: Needs, context: Context, memory: Memory) -> Tools:
        with self._lock:
            if needs not in self._tools:
                self._tools[needs] = backend.tools(needs, context, memory)
            return self._tools[needs]


def key(
    definition: PackageDefinition,
    root: str,
    interpreter: Interpreter | None,
    context: Context,
    *,
    settings: PackageSettings | None = None,
    seen: Seen | None = None,
    ready: Ready | None = None,
) -> str:
    """Give the key of a definition's package, without building it.

    ``root`` is the place that the definition belongs to; it builds its own ``path``.
    ``interpreter`` builds, unless the definition names one; None leaves it to the
    project. ``settings`` are those of a tox environment that builds packages.
    ``seen`` keeps what was looked at for further calls of one run.
    Raises ManifestError, UnsatisfiableError, InterpreterError, SteadError.
    """
    if definition.builder in ("file", "release"):
        from stead.matrix import given

        return given.key(definition, root, interpreter, context)
    asked = _Asked(definition, root, interpreter, settings, ready)
    return _job(asked, context, seen or Seen(), _silent).key


def found(
    definition: PackageDefinition,
    root: str,
    interpreter: Interpreter | None,
    context: Context,
    *,
    settings: PackageSettings | None = None,
    seen: Seen | None = None,
    ready: Ready | None = None,
) -> tuple[str, Product | None]:
    """Give the key of a definition's package, and the package if it was built before.

    Takes and raises what :func:`key` does. What was released is fetched if need be.
    """
    if definition.builder in ("file", "release"):
        from stead.matrix import given

        product = given.product(definition, root, interpreter, context)
        return given.key(definition, root, interpreter, context), product
    asked = _Asked(definition, root, interpreter, settings, ready)
    job = _job(asked, context, seen or Seen(), _silent)
    there = kept.find(Layout(context.home), job.key, job.name)
    return job.key, replace(there, definition=definition.name) if there else None


def make(
    definition: PackageDefinition,
    root: str,
    interpreter: Interpreter | None,
    context: Context,
    log: Log | None = None,
    *,
    settings: PackageSettings | None = None,
    seen: Seen | None = None,
    ready: Ready | None = None,
) -> Product:
    """Give a definition's package: found by its key, or built.

    ``log`` gets what the build says, by line. The package stays in the store as long as
    the place's definition needs it. Raises what :func:`key` raises, and ArtifactError for a
    build that fails or makes what it should not.
    """
    seen = seen or Seen()
    asked = _Asked(definition, root, interpreter, settings, ready)
    if definition.builder in ("file", "release"):
        from stead.matrix import given

        return given.product(definition, root, interpreter, context)
    for attempt in range(_ATTEMPTS):
        job = _job(asked, context, seen, log or _silent)
        try:
            job, product = job.carried_out()
            break
        except Changed as exc:
            if attempt == _ATTEMPTS - 1:
                raise SteadError(
                    "this file changes again and again while the package is built from it",
                    where=exc.where,
                    remedy=exc.remedy,
                ) from exc
            seen.sources(job.order.sources.root, context, again=True)
    builds = [f"{job.key}-{job.name}", job.order.tools.build if job.order.tools else ""]
    who = f"{definition.name} by {job.order.interpreter.path}"
    kept.use(context.home, os.path.realpath(root), who, builds, context.now())
    return replace(product, definition=definition.name)


def wheel_of(
    sdist: Product,
    root: str,
    interpreter: Interpreter,
    context: Context,
    log: Log | None = None,
    *,
    definition: PackageDefinition | None = None,
    seen: Seen | None = None,
) -> Product:
    """Give the wheel that an interpreter makes of a source distribution, found or built.

    ``definition`` is that of the source distribution, whose settings and variables hold.
    Raises what :func:`make` raises.
    """
    seen = seen or Seen()
    job, product = _wheel_job(
        sdist, root, interpreter, context, log=log or _silent, definition=definition, seen=seen
    ).carried_out(sdist)
    who = f"wheel of {sdist.definition} by {interpreter.path}"
    tools = job.order.tools
    builds = [f"{job.key}-{job.name}", tools.build if tools else ""]
    kept.use(context.home, job.order.sources.root, who, builds, context.now())
    return replace(product, definition=sdist.definition)


def wheel_found(
    sdist: Product,
    root: str,
    interpreter: Interpreter,
    context: Context,
    *,
    definition: PackageDefinition | None = None,
    seen: Seen | None = None,
) -> Product | None:
    """Give the wheel that :func:`wheel_of` would, if it was made before."""
    seen = seen or Seen()
    job = _wheel_job(
        sdist, root, interpreter, context, log=_silent, definition=definition, seen=seen
    )
    product = kept.find(Layout(context.home), job.key, job.name)
    return replace(product, definition=sdist.definition) if product else None


def _wheel_job(
    sdist: Product,
    root: str,
    interpreter: Interpreter,
    context: Context,
    *,
    log: Log,
    definition: PackageDefinition | None,
    seen: Seen,
) -> _Job:
    place = os.path.realpath(root)
    made = definition or PackageDefinition(sdist.definition, "sdist", "sdist")
    made = replace(made, builder="sdist-wheel", format="wheel", path=place)
    memory = Memory(context, place)
    system = backend.build_system_of(sdist, memory)
    tools = seen.tools(_needs(made, system, interpreter, place), context, memory)
    files = Sources(place, (), digest([sdist.content, _carrying(place)]))
    order = Order(
        made, files, system, interpreter, tools, None, made.settings, context, memory, log
    )
    return _job_of(order, seen)


def _carrying(place: str) -> list[str]:
    """Hash the files that say what a project's packages carry."""
    found = []
    for name in ("stead.toml", "pyproject.toml"):
        try:
            found.append(hash_file(os.path.join(place, name)))
        except OSError:
            found.append("")
    return found


def project_of(
    definition: PackageDefinition, root: str, settings: PackageSettings | None = None
) -> str:
    """Give the directory of the project that a definition builds."""
    settings = settings or definition.settings
    packaged = settings.package_root if settings else ""
    return os.path.realpath(definition.path or packaged or root)


# -- one package


@dataclass(frozen=True)
class _Job:
    """A package to be had: its key, and the order to build it.

    ``plain`` is the order without what the back end has asked for besides.
    """

    key: str
    order: Order
    plain: Order
    seen: Seen

    @property
    def name(self) -> str:
        system = self.order.system
        stem = system.name or os.path.basename(self.order.sources.root)
        return f"{stem}-{self.order.definition.builder}"

    def carried_out(self, base: Product | None = None) -> tuple[_Job, Product]:
        """Find the package or build it, and give the job under whose key it is.

        ``base`` is the package that it is made from, if it is there.
        """
        job = self
        while True:
            try:
                return job, job.product(base)
            except Asks as exc:
                facts = short_key(_facts(self.plain))
                self.plain.memory.keep(f"asks {facts}", list(exc.requires))
                job = _answered(self.plain, facts, exc.requires, self.seen)

    def product(self, base: Product | None = None) -> Product:
        """Find the package or build it. Raises Asks where the back end needs more for it."""
        order = self.order
        layout = Layout(order.context.home)
        found = kept.find(layout, self.key, self.name)
        if found is not None:
            return found
        from stead.matrix import builders

        builder = builders.base_of(order)
        if builder and base is None:
            _, base = _made_from(self.plain, builder, self.seen).carried_out()

        note = order.context.progress.note
        maker = [order.sources.root, order.definition.builder, order.interpreter.path]

        def fill(directory: str) -> Product:
            with kept.workshop(layout, maker, note) as work:
                return builders.build(order, builders.Bench(directory, work, base))

        facts = {
            "python": order.interpreter.minor,
            "interpreter": order.interpreter.path,
            "project": order.sources.root,
        }
        return kept.realise(layout, self.key, self.name, fill, facts=facts, note=note)


def _made_from(order: Order, builder: str, seen: Seen) -> _Job:
    """Give the package that another one is made from, of the same project."""
    kind: Any = builder
    definition = replace(order.definition, builder=kind, format=FORMAT_OF[builder])
    return _job_of(replace(order, definition=definition), seen)


def _job_of(order: Order, seen: Seen) -> _Job:
    """Give the job of an order, with what the back end has answered before for the same facts.

    What it answers follows from the facts; which packages that comes to, from a lock.
    """
    facts = short_key(_facts(order))
    known = order.memory.get(f"asks {facts}")
    if known:
        return _answered(order, facts, tuple(map(str, known)), seen)
    return _Job(facts, order, order, seen)


def _answered(plain: Order, facts: str, requires: tuple[str, ...], seen: Seen) -> _Job:
    assert plain.tools is not None
    tools = seen.tools(plain.tools.needs.more(requires), plain.context, plain.memory)
    order = replace(plain, answered=requires, tools=tools)
    return _Job(short_key([facts, tools.key]), order, plain, seen)


@dataclass(frozen=True)
class _Asked:
    """What is asked for, as :func:`key` describes it."""

    definition: PackageDefinition
    root: str
    interpreter: Interpreter | None
    settings: PackageSettings | None
    ready: Ready | None


def _job(asked: _Asked, context: Context, seen: Seen, log: Log) -> _Job:
    settings = asked.settings or asked.definition.settings
    definition = asked.definition
    definition = replace(definition, path=project_of(definition, asked.root, settings))
    files = seen.sources(definition.path, context)
    memory = Memory(context, files.root)
    system = _system(definition, files, memory)
    interpreter = _interpreter(definition, system, asked.interpreter, context)
    tools = None
    if asked.ready is None:
        needs = _needs(replace(definition, settings=settings), system, interpreter, files.root)
        tools = seen.tools(needs, context, memory)
    order = Order(
        definition, files, system, interpreter, tools, asked.ready, settings, context, memory, log
    )
    return _job_of(order, seen)


def _system(definition: PackageDefinition, files: Sources, memory: Memory) -> BuildSystem:
    """Read how the project is built; a command or a recipe may know that by itself."""
    by_itself = definition.builder not in FORMAT_OF or definition.recipe
    if by_itself and not any(files.content_of(name) for name in backend.FILES):
        return BuildSystem((), "")
    system = backend.build_system(files, memory)
    return replace(system, requires=(), versioned=True) if by_itself else system


def _needs(
    definition: PackageDefinition, system: BuildSystem, interpreter: Interpreter, root: str
) -> Needs:
    """Say what the environment of a build is to hold."""
    settings = definition.settings
    needs = Needs(
        root=root,
        requires=tuple(sorted({*system.requires})),
        interpreter=interpreter,
        indexes=definition.indexes,
        exclude_newer=definition.exclude_newer,
        origin=system.origin if system.file else definition.origin,
    )
    if settings is None or not settings.deps:
        return needs
    from stead.matrix.requirements import Lines

    origin = settings.origin("deps")
    asked = Lines(origin.file or os.path.join(root, "tox.ini")).read(settings.deps, origin)
    if asked.lines:
        raise ManifestError(
            f"{settings.name} builds packages, and what it needs is locked: {asked.lines[0]} cannot be",
            where=origin,
            remedy="name requirements and files of them only",
        )
    return replace(
        needs,
        further=asked.requirements,
        constraints=asked.constraints,
        indexes=(*needs.indexes, *asked.indexes),
    )


def _plugin_version(definition: PackageDefinition) -> str:
    """Give what a plugin's builder says of itself; nothing for those that are Stead's."""
    if definition.builder in FORMAT_OF or definition.builder == "command":
        return ""
    from stead.matrix import builders

    return builders.version_of(definition)


def _facts(order: Order) -> dict[str, object]:
    definition, files, settings = order.definition, order.sources, order.settings
    editable = definition.builder.startswith("editable")
    versioned = order.system.versioned and files.repository is not None
    tracked = (file.path for file in files.files if file.tracked)
    by_conda = definition.builder == "conda"
    python = order.interpreter
    recipe = [definition.recipe] if definition.recipe else []
    return {
        "version": VERSION,
        "builder": [definition.builder, _plugin_version(definition)],
        "sources": files.digest,
        "inputs": sources.further(definition.inputs, order.context, definition.origin),
        "backend": [order.system.backend, order.system.path, order.tools_key],
        "interpreter": [python.path, python.version, python.tag],
        "variables": sorted(order.variables.items()),
        "settings": [settings.config_settings, settings.commands] if settings else [],
        "command": [definition.command, definition.outputs],
        "recipe": sources.further(recipe, order.context, definition.origin),
        "channels": definition.channels if by_conda else [],
        "place": files.root if editable else "",
        "git": repository.state(files.root, tracked, order.context) if versioned else [],
    }


def _interpreter(
    definition: PackageDefinition,
    system: BuildSystem,
    chosen: Interpreter | None,
    context: Context,
) -> Interpreter:
    from stead.ecosystems import interpreters

    if definition.python:
        return interpreters.find(definition.python, context=context, where=definition.origin)
    if chosen is not None:
        return chosen
    return interpreters.find(system.requires_python, context=context, where=system.origin)


def _silent(_: str) -> None:
    pass
