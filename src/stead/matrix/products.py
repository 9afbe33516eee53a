"""Packages by key: what a definition's package depends on, and the package itself, found or made.

The key of a package that is built is computed from facts alone: the project's files, the
files that the definition names besides, the build's back end with its locked requirements,
the interpreter, the variables that the build sees, and, where a version comes from version
control, what git says. Nothing is built for it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from stead.matrix import backend, building, content, repository, sources
from stead.matrix.backend import Memory
from stead.matrix.building import Changed, Order
from stead.store import products as kept
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace
from stead.values.suite import Product

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.matrix.backend import BuildSystem, Needs, Tools
    from stead.matrix.content import Described
    from stead.matrix.sources import Sources
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Ready
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

    Takes and raises what :func:`key` does.
    """
    asked = _Asked(definition, root, interpreter, settings, ready)
    job = _job(asked, context, seen or Seen(), _silent)
    product = kept.find(Layout(Path(context.home)), job.key, job.name)
    return job.key, replace(product, definition=definition.name) if product else None


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
    for attempt in range(_ATTEMPTS):
        job = _job(asked, context, seen, log or _silent)
        try:
            product = job.product()
            break
        except Changed as exc:
            if attempt == _ATTEMPTS - 1:
                raise SteadError(
                    "this file changes again and again while the package is built from it",
                    where=exc.where,
                    remedy=exc.remedy,
                ) from exc
            seen.sources(job.order.sources.root, context, again=True)
    builds = [os.path.basename(os.path.dirname(product.path)), job.order.tools.build]
    kept.use(context.home, os.path.realpath(root), definition.name, builds)
    return replace(product, definition=definition.name)


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
    """A package to be had: its key, and the order to build it."""

    key: str
    order: Order

    @property
    def name(self) -> str:
        system = self.order.system
        stem = system.name or os.path.basename(self.order.sources.root)
        return f"{stem}-{self.order.definition.builder}"

    def product(self) -> Product:
        order = self.order
        layout = Layout(Path(order.context.home))
        found = kept.find(layout, self.key, self.name)
        if found is not None:
            return found

        def fill(directory: str) -> Product:
            with kept.workshop(layout, self.key) as work:
                return _BUILDERS[order.definition.builder](order, directory, work)

        facts = {
            "python": order.tools.needs.interpreter.minor,
            "interpreter": order.tools.needs.interpreter.path,
            "project": order.sources.root,
        }
        note = order.context.progress.note
        return kept.realise(layout, self.key, self.name, fill, facts=facts, note=note)


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
    system = backend.build_system(files, memory)
    needs = backend.Needs(
        root=files.root,
        requires=tuple(sorted({*system.requires, *(settings.deps if settings else ())})),
        interpreter=_interpreter(definition, system, asked.interpreter, context),
        indexes=definition.indexes,
        exclude_newer=definition.exclude_newer,
        origin=system.origin,
    )
    tools = seen.tools(needs, context, memory)
    order = Order(definition, files, system, tools, settings, context, memory, log)
    return _Job(short_key(_facts(order)), order)


def _facts(order: Order) -> dict[str, object]:
    definition, files = order.definition, order.sources
    interpreter = order.tools.needs.interpreter
    editable = definition.builder.startswith("editable")
    versioned = order.system.versioned and files.repository is not None
    tracked = (file.path for file in files.files if file.tracked)
    return {
        "version": VERSION,
        "builder": definition.builder,
        "sources": files.digest,
        "inputs": sources.further(definition.inputs, order.context),
        "backend": [order.system.backend, order.system.path, order.tools.key],
        "interpreter": [interpreter.path, interpreter.version, interpreter.tag],
        "variables": sorted(order.variables.items()),
        "settings": order.settings.config_settings if order.settings else (),
        "place": files.root if editable else "",
        "git": repository.state(files.root, tracked, order.context) if versioned else [],
    }


def _interpreter(
    definition: PackageDefinition,
    system: BuildSystem,
    given: Interpreter | None,
    context: Context,
) -> Interpreter:
    from stead.ecosystems import interpreters

    if definition.python:
        return interpreters.find(definition.python, context=context, where=definition.origin)
    if given is not None:
        return given
    return interpreters.find(system.requires_python, context=context, where=system.origin)


def _silent(_: str) -> None:
    pass


# -- builders


def _sdist(order: Order, directory: str, work: str) -> Product:
    tree = building.copy(order, work)
    made = building.hook(order, "sdist", tree, work)
    return _taken(order, made, directory, content.of_sdist(made), "sdist")


def _wheel(order: Order, directory: str, work: str) -> Product:
    tree = building.copy(order, work)
    made = building.hook(order, "wheel", tree, work)
    return _taken(order, made, directory, content.of_wheel(made), "wheel")


def _taken(order: Order, made: str, directory: str, described: Described, kind: str) -> Product:
    """Put a package into its place in the store, if it is what its project says."""
    building.check(order, made, described.name, described.version)
    path = os.path.join(directory, os.path.basename(made))
    os.rename(made, path)
    return Product(definition=order.definition.name, format=kind, path=path, **described._asdict())


_BUILDERS: dict[str, Callable[[Order, str, str], Product]] = {"sdist": _sdist, "wheel": _wheel}
