"""Explicit conda lists: ``@EXPLICIT`` and one package address a line, with hashes.

``conda list --explicit --md5`` and ``conda-lock render --kind explicit`` write
them; the latter with PyPI packages in comments, which count: ``# pip NAME @ URL``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.formats import _artifacts
from stead.values.errors import LockError
from stead.values.manifest import Layer, Manifest, TakenLock
from stead.values.origin import Origin
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.lock import Artifact, File, LockedEnvironment
    from stead.values.platform import Platform

FORMAT = "explicit"
_PIP = regex(r"#\s*pip\s+(?P<name>[A-Za-z0-9._-]+)\s*@\s*(?P<url>\S+)(?P<rest>.*)")
_PLATFORM = regex(r"#\s*platform:\s*(\S+)")


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read an explicit list as a manifest that takes it. LockError when it is none."""
    _check(load(file), file)
    declared = Layer(layer, origin=Origin(file))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=os.path.dirname(file),
        layers=(Layer(), declared) if layer else (declared,),
        taken=(TakenLock(file, "explicit", layer),),
    )


def artifacts(
    file: str,
    text: str,
    platform: Platform,
    python: str = "",  # noqa: ARG001 (the form of all readers of locks)
    *,
    layer: str = "",  # noqa: ARG001
    root: str = "",
) -> tuple[Artifact, ...]:
    """Give the packages of the list, sorted by name. LockError when it is for another platform."""
    _check(text, file)
    found: list[Artifact] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line, origin = raw.strip(), Origin(file, number)
        if (match := _PLATFORM.match(line)) and match[1] != platform.name:
            _other_platform(match[1], platform, origin)
        if match := _PIP.match(line):
            found.append(_pip(match, origin, root))
        if not line or line.startswith(("#", "@")):
            continue
        url, _, fragment = line.partition("#")
        kind, digits = _artifacts.split_hash(fragment)
        artifact = _artifacts.conda_artifact(
            url,
            origin,
            sha256=digits if kind == "sha256" else "",
            md5=digits if kind == "md5" else "",
        )
        subdir = artifact.get("subdir")
        if subdir not in ("noarch", platform.name):
            _other_platform(subdir, platform, origin)
        found.append(artifact)
    names = [(a.ecosystem, a.name) for a in found]
    for ecosystem, name in names:
        if names.count((ecosystem, name)) > 1:
            _artifacts.refuse(f"{name} is listed twice", Origin(file))
    return tuple(sorted(found, key=lambda a: (a.ecosystem, a.name)))


def _check(text: str, file: str) -> None:
    if not any(line.strip() == "@EXPLICIT" for line in text.splitlines()):
        raise LockError(
            "an explicit list must have a line @EXPLICIT",
            where=Origin(file, 1 if text else 0),
            remedy="write it with `conda list --explicit --md5`; "
            "a list of requirements belongs into environment.yml",
        )


def _pip(match: re.Match[str], origin: Origin, root: str) -> Artifact:
    url, _, fragment = match["url"].partition("#")
    hashes = dict(p.partition("=")[::2] for p in fragment.split("&") if "=" in p)
    if found := re.search(r"--hash=sha256:([0-9a-f]{64})", match["rest"]):
        hashes["sha256"] = found[1]
    name = match["name"]
    return _artifacts.wheel_artifact(
        url if not url.startswith("git+") else match["url"],
        origin,
        name=name,
        version=_version_of(url.rpartition("/")[2]),
        hashes=hashes,
        root=root,
    )


def _version_of(file: str) -> str:
    """Take the version out of a wheel's or source distribution's file name."""
    if file.endswith(".whl"):
        return file.split("-")[1] if file.count("-") >= 4 else ""
    match = re.match(r".+?-(\d[^-]*?)\.(?:tar\.\w+|zip|tgz)\Z", file)
    return match[1] if match else ""


def _other_platform(name: str, platform: Platform, origin: Origin) -> None:
    _artifacts.refuse(
        f"the list is for {name}, not for {platform.name}",
        origin,
        f"keep one list a platform: conda-{platform.name}.lock beside conda-{name}.lock",
    )


def write(envs: Sequence[LockedEnvironment], address: Callable[[Artifact, File], str]) -> str:
    """Write one locked environment as an explicit list.

    ``address`` gives a file's URL. PyPI packages follow in comments, as conda-lock
    writes and reads them. Raises UsageError unless ``envs`` holds one environment.
    """
    from stead.values.platform import platform_named

    env = _artifacts.single(envs, "an explicit list")
    platform = platform_named(env.platform)
    lines = [f"# platform: {env.platform}", "@EXPLICIT"]
    for artifact in _artifacts.in_order(env.of("conda")):
        file = artifact.files[0]
        digits = f"sha256:{file.sha256}" if file.sha256 else artifact.get("md5", "")
        lines.append(f"{address(artifact, file)}#{digits}")
    for artifact in sorted(env.of("pypi"), key=lambda a: a.name):
        chosen = _artifacts.best_file(artifact, platform, env.python)
        if chosen and (artifact.source is None or artifact.source.kind == "url"):
            url = artifact.source.location if artifact.source else address(artifact, chosen)
            lines.append(f"# pip {artifact.name} @ {url}#sha256={chosen.sha256}")
    return "\n".join(lines) + "\n"
