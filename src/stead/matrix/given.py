"""Packages that are there already: a file, or a version that was released."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stead.matrix import builders, released
from stead.matrix.backend import Memory
from stead.store import products as kept
from stead.store.hashing import hash_file
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import ManifestError
from stead.values.frozen import asdict, replace
from stead.values.suite import Product

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition


def key(
    definition: PackageDefinition, root: str, interpreter: Interpreter | None, context: Context
) -> str:
    """Give the key of a package that is not built. Raises ManifestError for a file that is not there."""
    if definition.builder == "file":
        return short_key(["file", file(definition, root, context).content])
    return short_key(released.asked(definition, root, interpreter, context).facts)


def product(
    definition: PackageDefinition, root: str, interpreter: Interpreter | None, context: Context
) -> Product:
    """Give a package that is not built. Raises ManifestError, ArtifactError, NetworkError."""
    if definition.builder == "file":
        return file(definition, root, context)
    release = released.asked(definition, root, interpreter, context)
    layout, found_by = Layout(Path(context.home)), short_key(release.facts)
    name = f"{release.name}-{definition.version}"
    found = kept.find(layout, found_by, name)
    if found is None:
        note = context.progress.note

        def fill(directory: str) -> Product:
            with kept.workshop(layout, release.facts, note) as work:
                path = released.fetch(release, directory, work, context)
                described = builders.describe(path, definition.format, work, context)
                return Product(definition.name, definition.format, path, **described._asdict())

        found = kept.realise(layout, found_by, name, fill, facts={}, note=note)
    who = f"{definition.name} by {release.python.path}"
    kept.use(context.home, os.path.realpath(root), who, [f"{found_by}-{name}"], context.now())
    return replace(found, definition=definition.name)


def file(definition: PackageDefinition, root: str, context: Context) -> Product:
    """Describe a file that is a package; read again only when it is another one."""
    path = definition.file
    try:
        info = os.stat(path)
    except OSError as exc:
        raise ManifestError(
            f"the package {definition.name} is not there: {path}",
            where=definition.origin,
            remedy="build it, or correct `file`",
        ) from exc
    memory = Memory(context, os.path.realpath(root))
    seen = [info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns]
    asked = f"file {path}"
    held: Any = memory.get(asked)
    if not held or held["seen"] != seen or held["product"]["format"] != definition.format:
        scratch = Layout(Path(context.home)).scratch
        os.makedirs(scratch, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="read-", dir=scratch) as work:
            described = builders.describe(path, definition.format, work, context)
        made = Product("", definition.format, path, **described._asdict())
        held = {"seen": seen, "product": asdict(made), "sha256": hash_file(path)}
        memory.keep(asked, held)
    values = {**held["product"], "definition": definition.name, "reused": True}
    for name in ("requires", "tags"):
        values[name] = tuple(values[name])
    return Product(**values)
