"""One package to be had: by a key of facts alone, and how it is made.

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
from stead.matrix.building import Asks, Order
from stead.matrix.sources import Sources
from stead.store import products as kept
from stead.store.hashing import hash_file
from stead.store.layout import Layout
from stead.values.digest import digest, short_key
from stead.values.errors import ManifestError
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


class Seen:
    """Projects as one run sees them: looked at once each, however many packages come of them."""

    def __init__(self) -> None:
        self._sources: dict[str, Sources] = {}
        self._tools: dict[Needs, Tools] = {}
        self._lock = threading.RLock()

    def sources(self, root: str, context: Context, *, again: bool = False) -> Sources:
        """Look at a project's files: once, unless it is to be ``again``."""
        with self._lock:
            if again or root not in self._sources:
                self._sources[root] = sources.look(root, context)
            return self._sources[root]

    def looked(self, root: str) -> Sources | None:
        """Give what was seen of a project; None where nobody has looked."""
        return self._sources.get(root)

    def tools(self, needs: Needs, context: Context, memory: Memory) -> Tools:
        """Give what builds: an environment for each that is needed."""
        with self._lock:
            if needs not in self._tools:
                self._tools[needs] = backend.tools(needs, context, memory)
            return self._tools[needs]


@dataclass(frozen=True)
class Asked:
    """What is asked for, as :func:`stead.matrix.products.key` describes it."""

    definition: PackageDefinition
    root: str
    interpreter: Interpreter | None
    settings: PackageSettings | None
    ready: Ready | None


@dataclass(frozen=True)
class Making:
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

    @property
    def builds(self) -> list[str]:
        """The names in the store of the package and of what builds it, which are kept together."""
        tools = self.order.tools
        return [f"{self.key}-{self.name}", tools.build if tools else ""]

    def carried_out(self, base: Product | None = None) -> tuple[Making, Product]:
        """Find the package or build it, and give that under whose key it is.

        ``base`` is the package that it is made from, if it is there.
        """
        making = self
        while True:
            try:
                return making, making.product(base)
            except Asks as exc:
                facts = short_key(_facts(self.plain))
                self.plain.memory.keep(f"asks {facts}", list(exc.requires))
                making = _answered(self.plain, facts, exc.requires, self.seen)

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


def making_of(asked: Asked, context: Context, seen: Seen, log: Log) -> Making:
    """Say how what is asked for is had. Raises what :func:`stead.matrix.products.key` does."""
    settings = asked.settings or asked.definition.settings
    definition = asked.definition
    definition = replace(definition, path=_project_of(definition, asked.root, settings))
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
    return _of_order(order, seen)


def wheel_making(
    sdist: Product,
    root: str,
    interpreter: Interpreter,
    context: Context,
    *,
    log: Log,
    definition: PackageDefinition | None,
    seen: Seen,
) -> Making:
    """Say how the wheel is had that an interpreter makes of a source distribution."""
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
    return _of_order(order, seen)


def _carrying(place: str) -> list[str]:
    """Hash the files that say what a project's packages carry."""
    found = []
    for name in ("stead.toml", "pyproject.toml"):
        try:
            found.append(hash_file(os.path.join(place, name)))
        except OSError:
            found.append("")
    return found


def _project_of(definition: PackageDefinition, root: str, settings: PackageSettings | None) -> str:
    """Give the directory of the project that a definition builds."""
    packaged = settings.package_root if settings else ""
    return os.path.realpath(definition.path or packaged or root)


def _made_from(order: Order, builder: str, seen: Seen) -> Making:
    """Give the package that another one is made from, of the same project."""
    kind: Any = builder
    definition = replace(order.definition, builder=kind, format=FORMAT_OF[builder])
    return _of_order(replace(order, definition=definition), seen)


def _of_order(order: Order, seen: Seen) -> Making:
    """Give what an order comes to, with what the back end has answered before for the same facts.

    What it answers follows from the facts; which packages that comes to, from a lock.
    """
    facts = short_key(_facts(order))
    known = order.memory.get(f"asks {facts}")
    if known:
        return _answered(order, facts, tuple(map(str, known)), seen)
    return Making(facts, order, order, seen)


def _answered(plain: Order, facts: str, requires: tuple[str, ...], seen: Seen) -> Making:
    assert plain.tools is not None
    tools = seen.tools(plain.tools.needs.more(requires), plain.context, plain.memory)
    order = replace(plain, answered=requires, tools=tools)
    return Making(short_key([facts, tools.key]), order, plain, seen)


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


def silent(_: str) -> None:
    pass
