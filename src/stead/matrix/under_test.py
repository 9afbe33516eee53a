"""The package under test, as what is resolved and as what is installed.

Resolving needs to know what the package needs, and nothing else of it. So uv is shown a
wheel of metadata alone, which stays the same as long as these needs do; and for a conda
package, a channel that holds just this one.
"""

from __future__ import annotations

import json
import os

from stead.values.digest import short_key
from stead.values.errors import ArtifactError
from stead.values.lock import Artifact, File
from stead.values.manifest import Channel
from stead.values.patterns import regex
from stead.values.requirement import Requirement, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stead.matrix.kinds import Asked
    from stead.values.context import Context
    from stead.values.suite import Product

_EXTRA = regex(r"\bextra\s*==\s*['\"]([^'\"]+)['\"]")
_WHEEL = "Wheel-Version: 1.0\nGenerator: stead\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_VERSION = "0"
"""What stands for a version where a package has none that can be told without a build."""


_KEPT = 30 * 86_400
"""Seconds after which what was shown to a resolver is made anew when it is needed again."""


def ecosystem(product: Product) -> str:
    """Name the ecosystem that installs a package."""
    return "conda" if product.format == "conda" else "pypi"


def needs(asked: Asked) -> list[Any]:
    """Give all of the package that a resolution depends on, as JSON values.

    Its version is none of it: it follows the commits of many projects, and nothing is
    chosen by it.
    """
    product = asked.product
    if product is None:
        return []
    extras = sorted(asked.environment.contents.extras)
    return [ecosystem(product), product.name, product.requires, product.requires_python, extras]


def content(asked: Asked) -> str:
    """Tell what is installed of the package, in as few characters as do; empty for nothing."""
    product = asked.product
    if product is None or product.format == "metadata":
        return ""
    if product.format == "tree":
        from stead.pipeline.members import fingerprint

        return f"tree {product.path} {fingerprint(product.path)}"
    return f"{product.format} {product.version} {product.content}"


def requirement(asked: Asked, context: Context) -> Requirement:
    """Give the request that stands for the package while the others are resolved."""
    product = asked.product
    assert product is not None
    if product.format == "conda":
        return Requirement("conda", product.name, f"=={product.version}")
    path = _stand_in(product, os.path.join(context.home, "packages", "stand-ins"))
    extras = asked.environment.contents.extras
    return Requirement("pypi", product.name, extras=extras, source=Source("path", path))


def needed(asked: Asked) -> tuple[str, ...]:
    """Give what the package needs here, with the extras that are asked for, each as PEP 508 has it.

    Extras that ask for others of the same package are followed.
    """
    from packaging.requirements import Requirement as Line

    from stead.matrix.resolution import here
    from stead.values.names import normalize_pypi

    product = asked.product
    assert product is not None
    python = asked.environment.interpreter
    environment = here().marker_environment(python.version if python else "3")
    lines = [Line(text) for text in product.requires]
    extras = ["", *asked.environment.contents.extras]
    found: dict[str, None] = {}
    for extra in extras:  # grows as long as further ones are asked for
        for line in lines:
            if line.marker and not line.marker.evaluate({**environment, "extra": extra}):
                continue
            if normalize_pypi(line.name) == normalize_pypi(product.name):
                extras += [one for one in sorted(line.extras) if one not in extras]
                continue
            bare = Line(str(line))
            bare.marker = None
            found[str(bare)] = None
    return tuple(found)


def channels(asked: Asked, context: Context) -> tuple[Channel, ...]:
    """Give the channel that holds a conda package alone; none for others."""
    product = asked.product
    if product is None or product.format != "conda":
        return ()
    return (Channel(_channel(product, context)),)


def artifact(asked: Asked, context: Context) -> Artifact | None:
    """Give what is installed of the package; None where only its needs are.

    Raises ArtifactError for a conda package that cannot be read.
    """
    product = asked.product
    if product is None or product.format == "metadata":
        return None
    if product.format == "conda":
        return _of_channel(product, _channel(product, context))
    if product.format == "tree":
        from stead.pipeline.members import fingerprint

        source = Source("path", product.path, editable=True)
        known = (("metadata", fingerprint(product.path)),)
        return Artifact("pypi", product.name, product.version, source=source, extra=known)
    from stead.store.hashing import hash_file

    return Artifact(
        "pypi",
        product.name,
        product.version,
        files=(File(os.path.basename(product.path), hash_file(product.path)),),
        source=Source("path", product.path),
    )


def identity(found: Artifact, product: Product) -> Artifact:
    """Give an artifact as a build's key takes it: known by its content, wherever it lies."""
    if product.format == "tree":
        return found
    return Artifact(
        found.ecosystem, found.name, found.version, files=(File(product.format, product.content),)
    )


# -- for uv


def _stand_in(product: Product, directory: str) -> str:
    """Write a wheel of metadata alone, once; gives its path, which tells the metadata."""
    version = product.version or _VERSION
    extras = sorted({e for need in product.requires for e in _EXTRA.findall(need)})
    lines = ["Metadata-Version: 2.1", f"Name: {product.name}", f"Version: {version}"]
    lines += [f"Requires-Python: {product.requires_python}"] if product.requires_python else []
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {need}" for need in product.requires]
    stem = f"{product.name.replace('-', '_')}-{version.replace('-', '_')}"
    path = os.path.join(directory, short_key(lines), f"{stem}-py3-none-any.whl")
    if not os.path.exists(path):
        forget_old(directory)
        import io
        import zipfile

        from stead.store.atomic import write_file

        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as wheel:
            for name, text in (
                ("METADATA", "\n".join(lines) + "\n"),
                ("WHEEL", _WHEEL),
                ("RECORD", ""),
            ):
                wheel.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{name}"), text)
        write_file(path, held.getvalue())
    return path


def forget_old(directory: str) -> None:
    """Remove what was made long ago: it is only needed while something is resolved or fetched."""
    import shutil
    import time

    before = time.time() - _KEPT
    try:
        with os.scandir(directory) as entries:
            old = [entry.path for entry in entries if entry.stat().st_mtime < before]
    except OSError:
        return
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


# -- for conda


def _channel(product: Product, context: Context) -> str:
    """Make a channel with one package in it, once; gives its directory."""
    directory = os.path.join(context.home, "packages", "offered", product.content[:32])
    if os.path.isdir(directory):
        return directory
    import asyncio
    import shutil
    import tempfile

    from stead.store.atomic import storage

    parent = os.path.dirname(directory)
    forget_old(parent)
    with storage(parent):
        os.makedirs(parent, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=".offered-", dir=parent)
        try:
            subdir = _subdir(product)
            for name in {subdir, "noarch"}:
                os.mkdir(os.path.join(temporary, name))
            shutil.copyfile(
                product.path, os.path.join(temporary, subdir, os.path.basename(product.path))
            )
            from pathlib import Path

            from rattler.index import index_fs

            asyncio.run(index_fs(Path(temporary), force=True, write_zst=False, write_shards=False))
            try:
                os.rename(temporary, directory)
            except OSError:
                if not os.path.isdir(directory):  # else another process was first
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return directory


def _subdir(product: Product) -> str:
    from pathlib import Path

    from rattler.package import IndexJson

    try:
        return str(IndexJson.from_package_archive(Path(product.path)).subdir or "noarch")
    except Exception as exc:
        raise _unreadable(product) from exc


def _of_channel(product: Product, directory: str) -> Artifact:
    from stead.ecosystems.conda.channels import address
    from stead.ecosystems.conda.records import facts_to_artifact, file_address

    name, channel = os.path.basename(product.path), address(directory, "/")
    for subdir in sorted(os.listdir(directory)):
        try:
            with open(os.path.join(directory, subdir, "repodata.json"), "rb") as file:
                data = json.loads(file.read())
        except OSError:
            continue
        for section in ("packages", "packages.conda"):
            record = data.get(section, {}).get(name)
            if record is not None:
                url = file_address(channel, subdir, name)
                facts = {"subdir": subdir, **record, "fn": name, "url": url, "channel": channel}
                return facts_to_artifact(facts, {channel: directory})
    raise _unreadable(product)


def _unreadable(product: Product) -> ArtifactError:
    return ArtifactError(
        "this is no conda package that can be read", where=product.path, remedy="build it anew"
    )
