"""``conda-lock.yml``, version 1: several platforms, conda and pip packages in one file.

Packages of the category ``main`` are the default layer; each other category
(``dev``) is a layer of its name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from stead.formats import _artifacts, _yaml
from stead.formats._static_name import unique
from stead.values.errors import LockError, UsageError
from stead.values.manifest import Layer, Manifest, TakenLock
from stead.values.origin import Origin
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.lock import Artifact, File, LockedEnvironment
    from stead.values.platform import Platform

FORMAT = "conda-lock.yml"
_CATEGORY = regex(r"^\s+category:\s*['\"]?([A-Za-z0-9._-]+)['\"]?\s*$", re.MULTILINE)
_MAIN = "main"


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read a ``conda-lock.yml`` as a manifest that takes it.

    Such files run to ten thousand lines: only the names of categories are looked
    for here, and :func:`artifacts` parses.
    """
    text = load(file)
    names = [c for c in unique(_CATEGORY.findall(text)) if c != _MAIN]
    layers = [Layer(layer, origin=Origin(file))]
    taken = [TakenLock(file, "conda-lock", layer)]
    if not layer:
        layers += [Layer(name, origin=Origin(file)) for name in names]
        taken += [TakenLock(file, "conda-lock", name) for name in names]
    return Manifest(
        file=file,
        format=FORMAT,
        directory=os.path.dirname(file),
        layers=tuple(layers) if not layer else (Layer(), *layers),
        taken=tuple(taken),
    )


def artifacts(
    file: str,
    text: str,
    platform: Platform,
    python: str = "",  # noqa: ARG001 (the form of all readers of locks)
    *,
    layer: str = "",
    root: str = "",
) -> tuple[Artifact, ...]:
    """Give the packages of one category (the layer's, ``main`` without one) for a platform.

    Sorted by ecosystem and name. Raises LockError for another version of the format,
    for a platform that is not in it, and for entries without address or hash.
    """
    data = _yaml.load(text, file)
    origin = Origin(file)
    if isinstance(data, dict) and data.get("version", 1) != 1:
        _artifacts.refuse(
            f"the lock has version {data.get('version')!r}; Stead reads version 1", origin
        )
    if not isinstance(data, dict) or not isinstance(data.get("package"), list):
        _artifacts.refuse("this is not a lock of conda-lock: it has no packages", origin)
    if "version" not in data:
        _artifacts.refuse("the lock names no version; Stead reads version 1", origin)
    platforms = (data.get("metadata") or {}).get("platforms") or unique(
        str(p.get("platform")) for p in data["package"] if isinstance(p, dict)
    )
    if platform.name not in platforms:
        _artifacts.refuse(
            f"the lock holds {', '.join(map(str, platforms))}, but not {platform.name}",
            origin,
            f"run `conda-lock --platform {platform.name}` too",
        )
    found = []
    for number, entry in enumerate(data["package"]):
        try:
            if entry["platform"] != platform.name:
                continue
            if entry.get("category", _MAIN) != (layer or _MAIN):
                continue
            found.append(_artifact(entry, origin, root))
        except (KeyError, TypeError, AttributeError) as exc:
            raise LockError(
                f"package {number + 1} of the lock lacks {exc}",
                where=origin,
                remedy="write the file anew with conda-lock",
            ) from exc
    return tuple(sorted(found, key=lambda a: (a.ecosystem, a.name)))


def _artifact(entry: dict[str, Any], origin: Origin, root: str) -> Artifact:
    hashes = {k: str(v) for k, v in (entry.get("hash") or {}).items() if v}
    if entry["manager"] == "pip":
        source = entry.get("source")
        url = str(source["url"] if source else entry["url"])
        return _artifacts.wheel_artifact(
            url,
            origin,
            name=str(entry["name"]),
            version=str(entry["version"]),
            hashes=hashes,
            root=root,
        )
    depends = [f"{k} {v}".strip() for k, v in (entry.get("dependencies") or {}).items()]
    return _artifacts.conda_artifact(
        str(entry["url"]),
        origin,
        sha256=hashes.get("sha256", ""),
        md5=hashes.get("md5", ""),
        depends=depends,
    )


def write(
    envs: Sequence[LockedEnvironment],
    address: Callable[[Artifact, File], str],
    *,
    channel: Callable[[str], str] = lambda name: name,
) -> str:
    """Write one environment, for one or several platforms, as a ``conda-lock.yml``.

    ``address`` gives a file's URL, ``channel`` that of a channel. Packages from paths are left out: they are the
    project itself. Raises UsageError for several environments at once, and
    LockError for a conda package whose md5, which the format demands, is unknown.
    """
    from stead.values.platform import platform_named

    if len({(e.place, e.environment) for e in envs}) != 1 or len({e.platform for e in envs}) != len(
        envs
    ):
        raise UsageError(
            f"{FORMAT} holds one environment, for one or several platforms",
            remedy="choose one with -e",
        )
    packages: list[dict[str, Any]] = []
    channels: list[str] = []
    for env in envs:
        platform = platform_named(env.platform)
        for artifact in env.of("conda"):
            channels.append(channel(artifact.index))
            packages.append(_conda_entry(artifact, env.platform, address))
        pip = (_pip_entry(a, platform, env.python, address) for a in env.of("pypi"))
        packages += [entry for entry in pip if entry]
    packages.sort(key=lambda p: (p["name"], p["manager"], p["platform"]))
    return _yaml.dump(
        {
            "version": 1,
            "metadata": {
                "content_hash": {e.platform: _content(e) for e in envs},
                "channels": [
                    {"url": c.rstrip("/"), "used_env_vars": []} for c in unique(channels) if c
                ],
                "platforms": sorted(e.platform for e in envs),
                "sources": [],
            },
            "package": packages,
        }
    )


def _conda_entry(
    artifact: Artifact, platform: str, address: Callable[[Artifact, File], str]
) -> dict[str, Any]:
    file = artifact.files[0]
    md5 = artifact.get("md5", "")
    if not md5:
        raise LockError(
            f"{FORMAT} demands the md5 of each conda package, and the channel gives none of "
            f"{file.name}",
            remedy="export an explicit list or pixi.lock instead",
        )
    hashes = {"md5": md5} | ({"sha256": file.sha256} if file.sha256 else {})
    return {
        "name": artifact.name,
        "version": artifact.version,
        "manager": "conda",
        "platform": platform,
        "dependencies": dict(sorted(d.partition(" ")[::2] for d in artifact.depends)),
        "url": address(artifact, file),
        "hash": hashes,
        "category": _MAIN,
        "optional": False,
    }


def _pip_entry(
    artifact: Artifact,
    platform: Platform,
    python: str,
    address: Callable[[Artifact, File], str],
) -> dict[str, Any] | None:
    source = artifact.source
    entry: dict[str, Any] = {
        "name": artifact.name,
        "version": artifact.version,
        "manager": "pip",
        "platform": platform.name,
        "dependencies": dict(sorted(map(_need, artifact.depends))),
    }
    if source and source.kind == "path":
        return None
    if source and source.kind == "git":
        entry["url"] = f"git+{source.location}@{source.revision}"
        entry["hash"] = {}
    else:
        file = _artifacts.best_file(artifact, platform, python)
        if file is None:
            raise LockError(
                f"no file of {artifact.name} {artifact.version} is for {platform.name}",
                remedy="export pylock.toml instead, which keeps all files",
            )
        entry["url"] = source.location if source else address(artifact, file)
        entry["hash"] = {"sha256": file.sha256}
    return entry | {"category": _MAIN, "optional": False}


def _need(text: str) -> tuple[str, str]:
    match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;@]*)", text)
    return (match[1], match[2].strip() or "*") if match else (text, "*")


def _content(env: LockedEnvironment) -> str:
    from stead.values.digest import digest

    return digest(env.requests)
