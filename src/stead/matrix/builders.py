"""The ways to build a package of a project, each from an order to one file."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Protocol

from stead.matrix import building, carry, content
from stead.store import locking
from stead.store.atomic import storage
from stead.store.layout import Layout
from stead.values.errors import ArtifactError, ManifestError
from stead.values.frozen import dataclass
from stead.values.names import BUILDER_PLUGINS
from stead.values.sha import sha256
from stead.values.suite import Product

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from stead.matrix.building import Kind, Order
    from stead.matrix.content import Described
    from stead.values.context import Context
    from stead.values.package import PackageDefinition


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a package is built.

    It is left in ``directory``; ``work`` is an empty directory for everything else.
    ``base`` is the package that it is made from, where :func:`base_of` names one.
    """

    directory: str
    work: str
    base: Product | None = None


def build(order: Order, bench: Bench) -> Product:
    """Build what is ordered; gives what it is. Raises ArtifactError, ManifestError."""
    known = _BUILDERS.get(order.definition.builder)
    if known is not None:
        return known(order, bench)
    tree = building.copy(order, bench.work)
    return _left(order, bench, plugin(order.definition).build(tree, order, bench))


class PackageBuilder(Protocol):
    """A way to build packages that a plugin brings (entry point ``stead.builders``)."""

    @property
    def version(self) -> str:
        """What changes when the builder comes to make another package of the same project."""

    def build(self, tree: str, order: Order, bench: Bench) -> str:
        """Build the project whose files lie in ``tree``, a copy to work in; give the file's path.

        The file is of the format that the definition says, and lies in ``tree`` or in
        ``bench.work``. ``order.log`` takes lines. Raises subclasses of SteadError.
        """


def plugin(definition: PackageDefinition) -> PackageBuilder:
    """Give the builder that a plugin brings. Raises ManifestError where none does."""
    from importlib.metadata import entry_points

    for point in entry_points(group=BUILDER_PLUGINS, name=definition.builder):
        found: PackageBuilder = point.load()()
        return found
    raise ManifestError(
        f"unknown builder {definition.builder}",
        where=definition.origin,
        remedy="install the plugin that brings it beside Stead",
    )


def version_of(definition: PackageDefinition) -> str:
    """Give what a package's key holds of a plugin's builder; nothing for those of Stead."""
    return "" if definition.builder in _BUILDERS else plugin(definition).version


def base_of(order: Order) -> str:
    """Name the builder of the package that another one is made from; empty where it is none."""
    definition = order.definition
    if definition.builder == "sdist-wheel":
        return "sdist"
    return "wheel" if definition.builder == "conda" and not definition.recipe else ""


def _sdist(order: Order, bench: Bench) -> Product:
    made = building.hook(order, "sdist", building.copy(order, bench.work), bench.work)
    return finished(order, bench, made, content.of_sdist(made))


def _wheel(order: Order, bench: Bench) -> Product:
    return _wheel_in(order, bench, building.copy(order, bench.work))


def _wheel_in(order: Order, bench: Bench, tree: str, kind: Kind = "wheel") -> Product:
    """Build the wheel of the project in ``tree``."""
    made = building.hook(order, kind, tree, bench.work)
    # What the project says counts, also for what is built of an sdist that left it out.
    for line in carry.into_wheel(made, order.sources.root, editable=kind == "editable"):
        order.log(f"note: {line}")
    return finished(order, bench, made, content.of_wheel(made))


def _sdist_wheel(order: Order, bench: Bench) -> Product:
    assert bench.base is not None
    return _wheel_in(order, bench, unpacked(bench.base.path, bench.work))


def _editable(order: Order, bench: Bench) -> Product:
    """Build in the tree itself, which is what the wheel leads to."""
    with _alone(order):
        return _wheel_in(order, bench, order.sources.root, "editable")


def _editable_legacy(order: Order, bench: Bench) -> Product:
    described = _described(order, bench)
    root = order.sources.root
    known = described._replace(content=sha256(f"{root}\n{described.content}".encode()).hexdigest())
    return _product(order, root, known)


def _metadata(order: Order, bench: Bench) -> Product:
    described = _described(order, bench)
    return _product(order, os.path.join(bench.directory, "METADATA"), described)


def _described(order: Order, bench: Bench) -> Described:
    """Ask the back end for the project's metadata, and leave it on the bench."""
    tree = building.copy(order, bench.work)
    made = building.hook(order, "wheel", tree, bench.work, metadata=True)
    if made.endswith(".whl"):
        made = _dist_info(made, bench.work)
    described = content.of_metadata(made)
    with open(os.path.join(made, "METADATA"), "rb") as file:
        text = file.read()
    building.check(order, f"{described.name}-{described.version}", *described[1:3])
    path = os.path.join(bench.directory, "METADATA")
    with storage(path), open(path, "wb") as file:
        file.write(text)
    return described


def _dist_info(wheel: str, work: str) -> str:
    """Unpack the ``.dist-info`` directory of a wheel; gives where it is."""
    import zipfile

    content.of_wheel(wheel)  # refuses what is none
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.partition("/")[0].endswith(".dist-info")]
        archive.extractall(work, names)
    return os.path.join(work, names[0].partition("/")[0])


def _command(order: Order, bench: Bench) -> Product:
    from stead.matrix.by_command import run

    if order.settings is not None:
        with _alone(order):
            made = run(order, order.sources.root)
    else:
        made = run(order, building.copy(order, bench.work))
    return _left(order, bench, made)


def _conda(order: Order, bench: Bench) -> Product:
    from stead.matrix import by_conda

    return _left(order, bench, by_conda.build(order, bench.work, bench.base))


def _left(order: Order, bench: Bench, made: str) -> Product:
    """Take a package that was built by other means."""
    described = describe(made, order.definition.format, bench.work, order.context)
    return finished(order, bench, made, described)


def describe(path: str, kind: str, work: str, context: Context) -> Described:
    """Read a package of any format. ``work`` is a directory for what is unpacked of it."""
    if kind == "wheel":
        return content.of_wheel(path)
    if kind == "sdist":
        return content.of_sdist(path)
    from stead.matrix import by_conda

    return content.of_conda(by_conda.unpacked(path, work, context))


def finished(order: Order, bench: Bench, made: str, described: Described) -> Product:
    """Put a package into its place in the store, if it is what its project says."""
    if order.definition.format != "conda":
        building.check(order, os.path.basename(made), described.name, described.version)
    path = os.path.join(bench.directory, os.path.basename(made))
    with storage(path):
        shutil.copyfile(made, path)
    return _product(order, path, described)


def _product(order: Order, path: str, described: Described) -> Product:
    definition = order.definition
    return Product(definition.name, definition.format, path, **described._asdict())


def unpacked(path: str, work: str) -> str:
    """Unpack a source distribution into ``work``; gives the one directory in it.

    Raises ArtifactError for one that holds anything beside that, or leads out of it.
    """
    import tarfile
    import zipfile

    target = os.path.join(work, "unpacked")
    try:
        os.makedirs(target, exist_ok=True)
        if path.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)  # noqa: S202 - zipfile leaves out what leads out
        else:
            with tarfile.open(path) as archive:
                archive.extractall(target, filter="data")
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError) as exc:
        raise ArtifactError(
            f"the source distribution cannot be unpacked: {exc}", where=path, remedy="build it anew"
        ) from exc
    names = os.listdir(target)
    if len(names) != 1 or not os.path.isdir(os.path.join(target, names[0])):
        raise ArtifactError(
            f"a source distribution holds one directory, this one {', '.join(sorted(names)) or 'nothing'}",
            where=path,
            remedy="look at the back end that built it",
        )
    return os.path.join(target, names[0])


def _alone(order: Order) -> AbstractContextManager[object]:
    """Keep others from building in the same tree meanwhile."""
    from pathlib import Path

    layout = Layout(Path(order.context.home))
    stem = sha256(os.fsencode(order.sources.root)).hexdigest()[:20]
    return locking.exclusive(
        layout.locks / f"tree-{stem}",
        note=order.context.progress.note,
        description=f"building in {order.sources.root}",
        hand_on=True,
    )


_BUILDERS: dict[str, Callable[[Order, Bench], Product]] = {
    "sdist": _sdist,
    "wheel": _wheel,
    "sdist-wheel": _sdist_wheel,
    "editable": _editable,
    "editable-legacy": _editable_legacy,
    "metadata": _metadata,
    "command": _command,
    "conda": _conda,
}
