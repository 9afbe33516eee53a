"""The packages of other tools' locks, by environment and platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import known
from stead.pipeline.files import load_text
from stead.values.errors import LockError
from stead.values.frozen import dataclass
from stead.values.manifest import TakenLock
from stead.values.names import DEFAULT, normalize_pypi
from stead.values.platform import platform_named
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.context import Context
    from stead.values.lock import Artifact
    from stead.values.manifest import Manifest
    from stead.values.platform import Platform

_NAME = re.compile(r"\s*([A-Za-z0-9_][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Piece:
    """The packages of one environment on one platform. ``python`` is what it asks of Python."""

    environment: str
    platform: Platform
    artifacts: tuple[Artifact, ...]
    python: str = ""


def of_lock(
    file: str,
    format: str,  # noqa: A002 (the command line's word)
    here: Platform,
    platforms: Sequence[str],
    context: Context,
) -> tuple[Piece, ...]:
    """Read a lock, for ``platforms``; without these, for all it says it is for, or for ``here``.

    The default environment comes first. Paths are absolute. Raises LockError for a platform that is not in it.
    """
    text = load_text(file)
    named = [platform_named(p) for p in platforms]
    if format == "pixi":
        return _of_pixi(text, file, named)
    if format == "conda-lock":
        from stead.formats import conda_lock

        manifest = conda_lock.read(file, lambda _: text)
        targets = named or _known(_platforms_of_conda_lock(text, file)) or [here]
        return _of_layers(manifest, "conda-lock", text, targets)
    if format == "explicit":
        from stead.formats import explicit

        manifest = explicit.read(file, lambda _: text)
        said = re.search(r"^#\s*platform:\s*(\S+)", text, re.MULTILINE)
        targets = named or (_known([said[1]]) if said else []) or [here]
        return _of_layers(manifest, "explicit", text, targets)
    from stead.ecosystems import interpreters
    from stead.formats import pylock

    manifest = pylock.read(file, lambda _: text)
    asked = ",".join(r.spec for r in manifest.layers[0].requirements if r.ecosystem == PYTHON)
    python = interpreters.find(asked, context=context)
    wish = asked or f"=={python.minor}.*"
    return _of_layers(manifest, "pylock", text, named or [here], python=python.version, wish=wish)


def roots(artifacts: Iterable[Artifact]) -> list[Requirement]:
    """Give requests for those packages that no other one depends on, in any version.

    A lock that says nothing of dependencies has only such packages. Packages from a source
    are asked for from there.
    """
    artifacts = tuple(artifacts)
    conda = {a.name for a in artifacts if a.ecosystem == "conda"}
    needed = {
        (a.ecosystem, name) for a in artifacts for need in a.depends if (name := _needed(a, need))
    }
    found = []
    for a in artifacts:
        if a.ecosystem == "conda" and a.name == PYTHON:
            continue  # the interpreter is asked for by its version
        if (a.ecosystem, a.name) in needed and not _mutual(a, artifacts):
            continue
        if a.ecosystem == "pypi" and a.name in conda:
            continue
        found.append(_request(a))
    return found


def channel_order(file: str, format: str) -> tuple[str, ...]:  # noqa: A002
    """Name the channels of a lock as it does, the most important one first."""
    if format not in ("pixi", "conda-lock"):
        return ()
    from stead.formats import _yaml

    data: Any = _yaml.load(load_text(file), file)
    try:
        if format == "conda-lock":
            entries = data["metadata"]["channels"]
        else:
            entries = [c for e in data["environments"].values() for c in e["channels"]]
        return tuple(str(e["url"]).rstrip("/") for e in entries)
    except (KeyError, TypeError, AttributeError):
        return ()


def _of_layers(
    manifest: Manifest,
    format: Any,  # noqa: A002
    text: str,
    targets: Sequence[Platform],
    *,
    python: str = "",
    wish: str = "",
) -> tuple[Piece, ...]:
    pieces = []
    for layer in [t.layer for t in manifest.taken]:
        for platform in targets:
            found: dict[tuple[str, str], Artifact] = {}
            for name in dict.fromkeys(("", layer)):
                lock = TakenLock(manifest.file, format, name)
                for a in known.artifacts(lock, text, platform, python):
                    if found.setdefault((a.ecosystem, a.name), a) != a:
                        raise LockError(
                            f"{layer} and the default packages hold different {a.name}",
                            where=manifest.file,
                            remedy="write the lock anew with the tool it comes from",
                        )
            members = tuple(found.values())
            pieces.append(Piece(layer or DEFAULT, platform, members, wish or _python(members)))
    return tuple(pieces)


def _of_pixi(text: str, file: str, named: Sequence[Platform]) -> tuple[Piece, ...]:
    from stead.formats import _yaml, pixi_lock

    data: Any = _yaml.load(text, file)
    try:
        held = {str(n): list(e["packages"]) for n, e in data["environments"].items()}
    except (KeyError, TypeError, AttributeError) as exc:
        raise LockError(
            "this is not a lock of pixi: it has no environments",
            where=file,
            remedy="run `pixi lock` again",
        ) from exc
    pieces = []
    for name in sorted(held, key=lambda n: (n != DEFAULT, n)):
        for platform in named or _known(held[name]):
            found = pixi_lock.artifacts(text, name, platform, file=file)
            pieces.append(Piece(name, platform, found, _python(found)))
    return tuple(pieces)


def _platforms_of_conda_lock(text: str, file: str) -> list[str]:
    from stead.formats import _yaml

    data: Any = _yaml.load(text, file)
    try:
        return [str(p) for p in data["metadata"]["platforms"]]
    except (KeyError, TypeError):
        return []


def _known(names: Iterable[str]) -> list[Platform]:
    return [platform_named(n) for n in names if n in known.PLATFORMS]


def _python(artifacts: Iterable[Artifact]) -> str:
    for a in artifacts:
        if a.ecosystem == "conda" and a.name == PYTHON:
            return f"=={'.'.join(a.version.split('.')[:2])}.*"
    return ""


def _needed(artifact: Artifact, need: str) -> str:
    if "extra ==" in need.replace("'", '"'):
        return ""
    match = _NAME.match(need)
    if match is None:
        return ""
    return normalize_pypi(match[1]) if artifact.ecosystem == "pypi" else match[1].lower()


def _mutual(artifact: Artifact, artifacts: Sequence[Artifact]) -> bool:
    """Say whether only packages that it needs itself need it: a circle has no other head."""
    own = {_needed(artifact, n) for n in artifact.depends}
    needing = {
        a.name
        for a in artifacts
        if a.ecosystem == artifact.ecosystem
        and any(_needed(a, n) == artifact.name for n in a.depends)
    }
    return bool(needing) and needing <= own and artifact.name == min({artifact.name, *needing})


def _request(artifact: Artifact) -> Requirement:
    return Requirement(artifact.ecosystem, artifact.name, source=artifact.source)
