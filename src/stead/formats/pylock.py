"""``pylock.toml``: the lock format of PEP 751.

``pylock.NAME.toml`` is a lock of the layer NAME. The extras and groups that a
file has inside itself are layers too.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stead.formats import _artifacts, _pep508, toml_lines
from stead.formats._static_name import unique
from stead.values.lock import Artifact, File
from stead.values.manifest import Layer, Manifest, TakenLock
from stead.values.names import normalize_pypi
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.requirement import PYTHON, Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.lock import LockedEnvironment
    from stead.values.platform import Platform

FORMAT = "pylock.toml"
_HEAD_END = regex(r"^\s*\[\[\s*packages\s*\]\]", re.MULTILINE)
_NAMED = regex(r"pylock\.([^.]+)\.toml\Z")


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read a ``pylock.toml`` as a manifest that takes it. Raises ManifestError, LockError.

    Only what stands before the packages is parsed; :func:`artifacts` reads those.
    """
    text = load(file)
    end = _HEAD_END.search(text)
    data, lines = toml_lines.parse(text[: end.start()] if end else text, file)
    _check_version(data, file, lines)
    requirements: tuple[Requirement, ...] = ()
    if requested := data.get("requires-python"):
        origin = Origin(file, lines.at("requires-python"))
        spec = _pep508.check_specifiers(str(requested), origin)
        requirements = (Requirement(PYTHON, PYTHON, spec, origin=origin),)
    own = Layer(layer, requirements=requirements, origin=Origin(file))
    layers, taken = [own], [TakenLock(file, "pylock", layer)]
    if not layer:
        inside = (*_names(data, "extras"), *_names(data, "dependency-groups"))
        for name in unique(n for n in inside if n not in _names(data, "default-groups")):
            layers.append(Layer(name, origin=Origin(file)))
            taken.append(TakenLock(file, "pylock", name))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=os.path.dirname(file),
        layers=tuple(layers) if not layer else (Layer(), own),
        taken=tuple(taken),
    )


def artifacts(
    file: str,
    text: str,
    platform: Platform,
    python: str = "",
    *,
    layer: str = "",
    root: str = "",
) -> tuple[Artifact, ...]:
    """Give the packages for a platform and Python, sorted by name.

    ``layer`` adds the extra or group of that name, where the lock has one inside.
    ``root``, if given, is the directory that paths are written relative to.
    ``urls`` in ``extra`` maps file names to the addresses (or paths) that the
    lock gives. Raises LockError for a lock that is not for this platform or Python.
    """
    data, lines = toml_lines.parse(text, file)
    _check_version(data, file, lines)
    holds = _Markers(data, platform, python, layer if not _is_whole(file, layer) else "")
    where = Origin(file, lines.at("environments"))
    environments = data.get("environments", [])
    if environments and not any(holds(str(m), where) for m in environments):
        _artifacts.refuse(
            f"the lock is not for {platform.name} with Python {python}", where, "lock for it too"
        )
    requested = str(data.get("requires-python", ""))
    if requested and python and not _fits(python, requested):
        where = Origin(file, lines.at("requires-python"))
        _artifacts.refuse(
            f"the lock is for Python {requested}, not {python}", where, "choose another Python"
        )
    found: dict[str, Artifact] = {}
    packages = data.get("packages", [])
    if not isinstance(packages, list):
        _artifacts.refuse("packages must be an array of tables", Origin(file, lines.at("packages")))
    for number, package in enumerate(packages):
        origin = Origin(file, lines.at("packages", number))
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            _artifacts.refuse("a package has no name", origin)
        if package.get("marker") and not holds(str(package["marker"]), origin):
            continue
        needs = str(package.get("requires-python", ""))
        if needs and python and not _fits(python, needs):
            continue
        artifact = _Package(package, file, origin, root).artifact()
        if artifact.name in found:
            _artifacts.refuse(f"two entries of {artifact.name} apply at once", origin)
        found[artifact.name] = artifact
    return tuple(found[name] for name in sorted(found))


def _is_whole(file: str, layer: str) -> bool:
    match = _NAMED.search(os.path.basename(file))
    return match is not None and match[1] == layer


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, [])
    return tuple(normalize_pypi(str(v)) for v in value) if isinstance(value, list) else ()


def _check_version(data: dict[str, Any], file: str, lines: toml_lines.Lines) -> None:
    version = data.get("lock-version")
    if not isinstance(version, str):
        _artifacts.refuse("this is not a pylock: it has no lock-version", Origin(file))
    if version.partition(".")[0] != "1":
        _artifacts.refuse(
            f"the lock has version {version}; Stead reads version 1",
            Origin(file, lines.at("lock-version")),
        )


class _Markers:
    """Says which markers hold: for a platform and Python, with a layer's extra or group."""

    def __init__(self, data: dict[str, Any], platform: Platform, python: str, layer: str) -> None:
        extras, groups = _names(data, "extras"), _names(data, "dependency-groups")
        self._environment: dict[str, Any] = {
            **platform.marker_environment(python or "3"),
            "extras": frozenset({layer} & set(extras)),
            "dependency_groups": frozenset(
                {*_names(data, "default-groups"), *({layer} & set(groups))}
            ),
        }

    def __call__(self, text: str, origin: Origin) -> bool:
        from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

        try:
            return Marker(text).evaluate(self._environment, context="lock_file")
        except (InvalidMarker, UndefinedEnvironmentName) as exc:
            _artifacts.refuse(f"{text!r} is not an environment marker: {exc}", origin)


def _fits(python: str, spec: str) -> bool:
    """Say whether a Python version, perhaps without its patch level, can be what is asked."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(spec)
    except InvalidSpecifier:
        return True
    # `3.12` stands for some 3.12: the last one there may ever be decides for >=3.12.4.
    candidates = [python] if python.count(".") >= 2 else [f"{python}.{p}" for p in (0, 5, 10, 99)]
    return any(wanted.contains(c, prereleases=True) for c in candidates)


class _Package:
    """One entry of ``packages``."""

    def __init__(self, entry: dict[str, Any], file: str, origin: Origin, root: str) -> None:
        self._entry = entry
        self._directory = os.path.dirname(file)
        self._origin = origin
        self._root = root
        self._urls: dict[str, str] = {}

    def artifact(self) -> Artifact:
        entry = self._entry
        name, version = normalize_pypi(entry["name"]), str(entry.get("version", ""))
        needs = entry.get("dependencies", [])
        depends = tuple(
            sorted(str(d["name"]) for d in needs if isinstance(d, dict) and "name" in d)
        )
        kinds = [k for k in ("vcs", "directory", "archive") if isinstance(entry.get(k), dict)]
        if kinds:
            source, files, extra = self._direct(kinds[0], entry[kinds[0]])
            return Artifact(
                "pypi", name, version, files=files, depends=depends, source=source, extra=extra
            )
        files = tuple(
            self._file(e)
            for e in (*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else ()))
        )
        if not files:
            _artifacts.refuse(f"{name} has neither wheels nor a source distribution", self._origin)
        extra = (("urls", dict(sorted(self._urls.items()))),) if self._urls else ()
        index = "" if len(self._urls) == len(files) else "pypi"
        return Artifact("pypi", name, version, index, files, depends, extra=extra)

    def _direct(
        self, kind: str, entry: dict[str, Any]
    ) -> tuple[Source, tuple[File, ...], tuple[tuple[str, Any], ...]]:
        subdirectory = str(entry.get("subdirectory", ""))
        if kind == "directory":
            path = self._path(os.path.join(str(entry.get("path", "")), subdirectory))
            return Source("path", path, editable=bool(entry.get("editable"))), (), ()
        if kind == "vcs":
            if entry.get("type") != "git":
                _artifacts.refuse(
                    f"packages cannot be fetched by {entry.get('type')}", self._origin
                )
            commit = str(entry.get("commit-id", ""))
            if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
                _artifacts.refuse(f"{self._entry['name']} has no commit-id", self._origin)
            location = str(entry.get("url", "")) or self._path(str(entry.get("path", "")))
            requested = str(entry.get("requested-revision", ""))
            extra = (("requested", requested),) if requested else ()
            source = Source("git", location, revision=commit, subdirectory=subdirectory)
            return source, (), extra
        file = self._file(entry)
        address = self._urls.get(file.name, "")
        if "url" in entry:
            return Source("url", address, subdirectory=subdirectory), (file,), ()
        return Source("path", address, subdirectory=subdirectory), (file,), ()

    def _file(self, entry: Any) -> File:
        name = ""
        if isinstance(entry, dict):
            address = str(entry.get("url") or entry.get("path") or "")
            name = str(entry.get("name") or unquote(urlsplit(address).path.rpartition("/")[2]))
        if not name or "/" in name or "\\" in name:
            _artifacts.refuse(f"a file of {self._entry['name']} has no name", self._origin)
        hashes = entry.get("hashes")
        sha256 = str(hashes.get("sha256", "")).lower() if isinstance(hashes, dict) else ""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            _artifacts.refuse(
                f"{name} has no sha256", self._origin, "write the lock anew, with sha256 hashes"
            )
        if entry.get("url"):
            self._urls[name] = str(entry["url"]).partition("#")[0]
        elif entry.get("path"):
            self._urls[name] = self._path(str(entry["path"]))
        size = entry.get("size", 0)
        return File(name, sha256, size if isinstance(size, int) else 0)

    def _path(self, path: str) -> str:
        found = os.path.normpath(os.path.join(self._directory, path))
        return _artifacts.relative(found, self._root)


def write(envs: Sequence[LockedEnvironment], address: Callable[[Artifact, File], str]) -> str:
    """Write the PyPI packages of one locked environment as a ``pylock.toml``.

    ``address`` gives a file's URL, or its path. Conda's packages have no place in the format.
    Raises UsageError unless ``envs`` holds one environment.
    """
    env = _artifacts.single(envs, FORMAT)
    lines = ['lock-version = "1.0"', 'created-by = "stead"']
    if env.python:
        lines.insert(1, f'requires-python = "=={env.python}.*"')
    for artifact in sorted(env.of("pypi"), key=lambda a: a.name):
        lines += ["", "[[packages]]", f"name = {_text(artifact.name)}"]
        if artifact.version:
            lines.append(f"version = {_text(artifact.version)}")
        lines += _written(artifact, address)
    return "\n".join(lines) + "\n"


def _written(artifact: Artifact, address: Callable[[Artifact, File], str]) -> list[str]:
    source = artifact.source
    sub = {"subdirectory": source.subdirectory} if source and source.subdirectory else {}
    hashes = {"sha256": artifact.files[0].sha256} if artifact.files else {}
    if source and source.kind == "git":
        table = {"type": "git", "url": source.location}
        if artifact.get("requested"):
            table["requested-revision"] = artifact.get("requested")
        return [f"vcs = {_inline({**table, 'commit-id': source.revision, **sub})}"]
    if source and source.kind == "path" and not artifact.files:
        directory = {"path": source.location, "editable": source.editable, **sub}
        return [f"directory = {_inline(directory)}"]
    if source:
        key = "url" if source.kind == "url" else "path"
        return [f"archive = {_inline({key: source.location, 'hashes': hashes, **sub})}"]
    wheels: list[str] = []
    sdists: list[str] = []
    for file in artifact.files:
        where = address(artifact, file)
        entry: dict[str, Any] = {"name": file.name, "url" if "://" in where else "path": where}
        if file.size:
            entry["size"] = file.size
        entry["hashes"] = {"sha256": file.sha256}
        (wheels if file.name.endswith(".whl") else sdists).append(_inline(entry))
    lines = [f"sdist = {sdists[0]}"] if sdists else []
    if wheels:
        lines += ["wheels = [", *(f"  {w}," for w in wheels), "]"]
    return lines


def _inline(table: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in table.items()) + " }"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _inline(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _text(value)


def _text(text: str) -> str:
    """Quote for TOML, whose basic strings take all of JSON's escapes but the one for DEL."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
