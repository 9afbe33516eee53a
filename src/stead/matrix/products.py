"""Packages by key: what a definition's package depends on, and the package itself, found or made."""

from __future__ import annotations

import os

from stead.matrix.building import Changed
from stead.matrix.making import Asked, Seen, making_of, silent, wheel_making
from stead.store import products as kept
from stead.store.layout import Layout
from stead.values.errors import SteadError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Product, Ready
    from stead.values.testenv import PackageSettings

    Log = Callable[[str], None]


_ATTEMPTS = 3


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
    asked = Asked(definition, root, interpreter, settings, ready)
    return making_of(asked, context, seen or Seen(), silent).key


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
    asked = Asked(definition, root, interpreter, settings, ready)
    making = making_of(asked, context, seen or Seen(), silent)
    there = kept.find(Layout(context.home), making.key, making.name)
    return making.key, replace(there, definition=definition.name) if there else None


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
    asked = Asked(definition, root, interpreter, settings, ready)
    if definition.builder in ("file", "release"):
        from stead.matrix import given

        return given.product(definition, root, interpreter, context)
    for attempt in range(_ATTEMPTS):
        making = making_of(asked, context, seen, log or silent)
        try:
            making, product = making.carried_out()
            break
        except Changed as exc:
            if attempt == _ATTEMPTS - 1:
                raise SteadError(
                    "this file changes again and again while the package is built from it",
                    where=exc.where,
                    remedy=exc.remedy,
                ) from exc
            seen.sources(making.order.sources.root, context, again=True)
    who = f"{definition.name} by {making.order.interpreter.path}"
    kept.use(context.home, os.path.realpath(root), who, making.builds, context.now())
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
    making, product = wheel_making(
        sdist, root, interpreter, context, log=log or silent, definition=definition, seen=seen
    ).carried_out(sdist)
    who = f"wheel of {sdist.definition} by {interpreter.path}"
    kept.use(context.home, making.order.sources.root, who, making.builds, context.now())
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
    making = wheel_making(
        sdist, root, interpreter, context, log=silent, definition=definition, seen=seen
    )
    product = kept.find(Layout(context.home), making.key, making.name)
    return replace(product, definition=sdist.definition) if product else None
