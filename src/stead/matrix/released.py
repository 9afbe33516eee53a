"""Released versions: one file of a distribution, from an index or a channel."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stead.ecosystems.protocol import LockRequest
from stead.matrix.resolution import here
from stead.store.hashing import hash_file
from stead.values.errors import ArtifactError, HashMismatchError, ManifestError, NetworkError
from stead.values.frozen import dataclass
from stead.values.names import normalize_pypi
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition


@dataclass(frozen=True, slots=True)
class Release:
    """One file of a distribution, as a definition asks for it."""

    definition: PackageDefinition
    name: str
    python: Interpreter
    sources: object
    """The channels or indexes that it may come from."""

    @property
    def facts(self) -> list[object]:
        """Give what the file depends on, for a key."""
        one = self.definition
        python = [] if one.format == "conda" else [self.python.version, self.python.tag]
        return [one.format, self.name, one.version, python, here().name, self.sources]

    def request(self, root: str) -> LockRequest:
        one = self.definition
        kind = "conda" if one.format == "conda" else "pypi"
        need = Requirement(kind, self.name, f"=={one.version}", origin=one.origin)
        return LockRequest(
            requirements=(need,),
            platform=here(),
            root=root,
            channels=one.channels,
            indexes=one.indexes,
            python=self.python.minor,
            interpreter=self.python,
            exclude_newer=one.exclude_newer,
        )


def asked(
    definition: PackageDefinition, root: str, interpreter: Interpreter | None, context: Context
) -> Release:
    """Say which file is wanted. Raises ManifestError without a name, InterpreterError."""
    from stead.ecosystems import interpreters
    from stead.ecosystems.pypi.indexes import mirror

    name = definition.distribution or _own_name(definition, root)
    conda = definition.format == "conda"
    python = interpreter or interpreters.find(
        definition.python, context=context, where=definition.origin
    )
    places = definition.channels if conda else definition.indexes or mirror(context.environ)
    return Release(definition, name if conda else normalize_pypi(name), python, places)


def fetch(release: Release, directory: str, work: str, context: Context) -> str:
    """Fetch a released package into ``directory``; gives its path.

    ``work`` is a directory for files about it. Raises UnsatisfiableError where there is no
    such version, ArtifactError, NetworkError.
    """
    if release.definition.format == "conda":
        return _of_channel(release, directory, work, context)
    return _of_index(release, directory, work, context)


def _own_name(definition: PackageDefinition, root: str) -> str:
    try:
        with open(os.path.join(definition.path or root, "pyproject.toml"), "rb") as file:
            name = tomllib.load(file).get("project", {}).get("name", "")
    except (OSError, tomllib.TOMLDecodeError, AttributeError):
        name = ""
    if not isinstance(name, str) or not name:
        raise ManifestError(
            f"nothing says what the released package {definition.name} is called",
            where=definition.origin,
            remedy='name it: distribution = "…"',
        )
    return name


# -- an index


def _of_index(release: Release, directory: str, work: str, context: Context) -> str:
    from stead.ecosystems.pypi.lock import located

    definition, name, request = release.definition, release.name, release.request(work)
    files = located(request, name, work, context)
    wheel = definition.format == "wheel"
    fitting = _best(files, request) if wheel else next((f for f in files if _is_sdist(f[0])), None)
    if fitting is None:
        raise ArtifactError(
            f"{name} {definition.version} has no {definition.format} that fits here",
            where=definition.origin,
            details=[file for file, _, _ in files],
            remedy="take another version, or another format",
        )
    file, url, sha256 = fitting
    path = os.path.join(directory, file)
    _download(url, path, context)
    if sha256 and hash_file(path) != sha256:
        raise HashMismatchError(
            f"{file} is not what its index says it is",
            where=url.split("@")[-1],
            remedy="fetch it again; tell the index if that does not help",
        )
    return path


def _is_sdist(name: str) -> bool:
    return name.endswith((".tar.gz", ".zip"))


def _best(files: Iterable[tuple[str, str, str]], request: LockRequest) -> Any:
    """Choose the wheel that the interpreter takes first, None where it takes none."""
    from packaging.tags import compatible_tags, cpython_tags, platform_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    assert request.interpreter is not None
    major, _, minor = request.python.partition(".")
    version = (int(major), int(minor))
    platforms = list(platform_tags())
    order = [
        *cpython_tags(version, [request.interpreter.tag], platforms),
        *compatible_tags(version, f"cp{major}{minor}", platforms),
    ]
    ranks = {tag: rank for rank, tag in enumerate(order)}
    found = []
    for file in files:
        try:
            tags = parse_wheel_filename(file[0])[3]
        except InvalidWheelFilename:
            continue
        fitting = [ranks[tag] for tag in tags if tag in ranks]
        if fitting:
            found.append((min(fitting), file))
    return min(found)[1] if found else None


def _download(url: str, path: str, context: Context) -> None:
    """Fetch a file of an index, with the login that its address holds. Raises NetworkError."""
    import base64
    import shutil
    import urllib.error
    import urllib.request

    if "://" not in url:
        url = f"file://{url}"
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(parts._replace(netloc=host).geturl())  # noqa: S310
    if at:
        request.add_header(
            "Authorization", f"Basic {base64.b64encode(unquote(login).encode()).decode()}"
        )
    if context.offline and parts.scheme != "file":
        raise NetworkError(
            f"{os.path.basename(path)} is not at hand, and the network is not to be used",
            remedy="run it once without --offline",
        )
    try:
        with (
            urllib.request.urlopen(request, timeout=60) as answer,  # noqa: S310
            open(path, "wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, OSError) as exc:
        raise NetworkError(
            f"{os.path.basename(path)} cannot be fetched: {getattr(exc, 'reason', exc)}",
            where=host,
            remedy="look at the network, and whether the index wants a login",
        ) from exc


# -- a channel


def _of_channel(release: Release, directory: str, work: str, context: Context) -> str:
    from stead.ecosystems import ecosystem
    from stead.ecosystems.conda.channels import locate
    from stead.ecosystems.conda.records import artifact_to_record
    from stead.matrix import by_conda

    request, name = release.request(work), release.name
    found = next(a for a in ecosystem("conda").lock(request, context) if a.name == name)
    record = artifact_to_record(found, locate(request.channels, request.root), request.root)
    path = os.path.join(directory, found.files[0].name)
    url = str(record.url)
    answer: dict[str, Any] = {}
    if url.startswith("file:"):
        _download(url, path, context)
    else:
        answer = by_conda.process({"do": "fetch", "url": url, "path": path}, work, context)
    if "failed" in answer:
        raise NetworkError(
            f"{os.path.basename(path)} cannot be fetched: {answer['failed']}",
            remedy="look at the network, and at the channel",
        )
    if found.files[0].sha256 and hash_file(path) != found.files[0].sha256:
        raise HashMismatchError(
            f"{os.path.basename(path)} is not what its channel says it is", remedy="fetch it again"
        )
    return path
