"""Python distributions inside locked conda packages, so that PyPI's resolution can know them.

The ``*.dist-info/METADATA`` of each package is read without downloading the
package where its server answers range requests, and kept by the archive's
sha256, so that it is read once.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from typing import TYPE_CHECKING

from stead.ecosystems.conda.channels import directory_of
from stead.values.distribution import Distribution
from stead.values.frozen import asdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rattler import RepoDataRecord

    from stead.ecosystems.protocol import LockRequest
    from stead.values.context import Context
    from stead.values.lock import Artifact

_METADATA = re.compile(r"(?:.*/)?([^/]+)\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)\Z")
_FIELD = re.compile(r"(?m)^(Name|Version):\s*(.+?)\s*$")
AT_ONCE = 16

# A package that brings a distribution depends on Python, or is one itself.
_PYTHON = re.compile(r"(python|python_abi|pypy\d*)(\s|$)")


def distributions(
    artifacts: Sequence[Artifact], request: LockRequest, context: Context
) -> tuple[Distribution, ...]:
    """Give the distributions in locked conda packages, sorted by name.

    ``request`` says which channels they come from. Raises NetworkError or
    ArtifactError when a package cannot be looked into.
    """
    mine = [a for a in artifacts if a.ecosystem == "conda" and _may_bring(a)]
    found: list[Distribution] = []
    unknown: list[Artifact] = []
    for artifact in mine:
        known = _read(artifact, context)
        if known is None:
            unknown.append(artifact)
        else:
            found += known
    if unknown:
        found += asyncio.run(_look(unknown, request, context))
    return tuple(sorted(found, key=lambda d: (d.name.lower(), d.artifact)))


def _may_bring(artifact: Artifact) -> bool:
    if dict(artifact.extra).get("noarch") == "python":
        return True
    return artifact.name == "python" or any(_PYTHON.match(d) for d in artifact.depends)


def _file(artifact: Artifact, context: Context) -> str:
    key = artifact.files[0].sha256
    return os.path.join(context.home, "packages", "conda", "dist-info", key[:2], f"{key}.json")


def _read(artifact: Artifact, context: Context) -> list[Distribution] | None:
    if not artifact.files or not artifact.files[0].sha256:
        return None
    try:
        with open(_file(artifact, context), encoding="utf-8") as stream:
            entries = json.load(stream)
        return [Distribution(**{**e, "artifact": artifact.id}) for e in entries]
    except (OSError, ValueError, TypeError):
        return None


def _write(artifact: Artifact, context: Context, found: Sequence[Distribution]) -> None:
    if not artifact.files[0].sha256:
        return
    path = _file(artifact, context)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump([asdict(d) for d in found], stream)
    os.replace(temporary, path)


async def _look(
    artifacts: Sequence[Artifact], request: LockRequest, context: Context
) -> list[Distribution]:
    from stead.ecosystems.conda.records import artifact_to_record
    from stead.ecosystems.conda.solve import channels_of

    located = channels_of(request)
    slots = asyncio.Semaphore(AT_ONCE)
    with context.progress.task("Reading metadata of conda packages", unit="packages") as task:
        task.total(len(artifacts))

        async def one(artifact: Artifact) -> list[Distribution]:
            record = artifact_to_record(artifact, located, request.root)
            async with slots:
                texts = await _metadata(record, context)
            found = [d for _, text in texts if (d := _parse(text, artifact.id))]
            _write(artifact, context, found)
            task.advance()
            return found

        lists = await asyncio.gather(*(one(a) for a in artifacts))
    return [d for found in lists for d in found]


async def _metadata(record: RepoDataRecord, context: Context) -> list[tuple[str, str]]:
    """Read the metadata files of one package: cached, from a local channel, or by range requests."""
    from rattler.package_streaming import PackageArchive

    from stead.ecosystems.conda.cache import Places, is_cached
    from stead.ecosystems.conda.engine import cache_directory, client, failures, translated
    from stead.values.errors import NetworkError

    cached = Places.of(cache_directory(context)).package(record.file_name)
    if is_cached(cached, record.sha256, record.md5):
        return _from_directory(cached)
    doing = f"{record.file_name} could not be looked into"
    if record.url.startswith("file:"):
        opening = PackageArchive.from_path(directory_of(record.url))
    elif context.offline:
        raise NetworkError(
            f"{doing}: it is not cached, and this is offline",
            remedy="run it once with network access",
        )
    else:
        opening = PackageArchive.from_url(client(), record.url)
    try:
        archive = await opening
        names = [str(e.relative_path) for e in (await archive.paths_json()).paths]
        wanted = [n for n in names if _METADATA.match(n)]
        files = await archive.read_files(wanted) if wanted else {}
    except failures() as exc:
        raise translated(exc, doing) from exc
    return [(n, (files.get(n) or b"").decode("utf-8", "replace")) for n in wanted]


def _from_directory(directory: str) -> list[tuple[str, str]]:
    with open(os.path.join(directory, "info", "paths.json"), encoding="utf-8") as stream:
        names = [str(e["_path"]) for e in json.load(stream)["paths"]]
    texts = []
    for name in names:
        if _METADATA.match(name):
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as stream:
                texts.append((name, stream.read()))
    return texts


def _parse(text: str, artifact: str) -> Distribution | None:
    fields = dict(reversed(_FIELD.findall(text.partition("\n\n")[0])))
    if "Name" not in fields or "Version" not in fields:
        return None
    return Distribution(fields["Name"], fields["Version"], text, artifact)
