"""``pixi.lock``: read in the versions 5 to 7, written in version 7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats import _artifacts, _yaml
from stead.formats._static_name import unique
from stead.values.errors import LockError, UsageError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.lock import Artifact, File, LockedEnvironment
    from stead.values.platform import Platform

FORMAT = "pixi.lock"
VERSION = 7
_READ = (5, 6, 7)
_FIELDS = (
    "build_number",
    "noarch",
    "constrains",
    "track_features",
    "features",
    "license",
    "license_family",
    "timestamp",
    "python_site_packages_path",
    "arch",
    "platform",
)
_DEFAULT = "default"


def artifacts(
    text: str, environment: str, platform: Platform, *, file: str = FORMAT, root: str = ""
) -> tuple[Artifact, ...]:
    """Give the packages of one environment for a platform, sorted by ecosystem and name.

    ``file`` is where the text came from, for messages and for relative paths.
    Raises LockError when the environment or platform is not in it.
    """
    data, origin = _yaml.load(text, file), Origin(file)
    if not isinstance(data, dict) or not isinstance(data.get("environments"), dict):
        _artifacts.refuse("this is not a lock of pixi: it has no environments", origin)
    if data.get("version") not in _READ:
        _artifacts.refuse(
            f"the lock has version {data.get('version')!r}; Stead reads 5 to {VERSION}", origin
        )
    names = data["environments"]
    if (environment or _DEFAULT) not in names:
        _artifacts.refuse(
            f"the lock has no environment {environment or _DEFAULT!r}",
            origin,
            f"choose one of {', '.join(sorted(map(str, names)))}",
        )
    packages = names[environment or _DEFAULT].get("packages", {})
    if platform.name not in packages:
        _artifacts.refuse(
            f"the environment is locked for {', '.join(sorted(map(str, packages)))}, "
            f"but not for {platform.name}",
            origin,
            f"add {platform.name} to pixi's platforms",
        )
    try:
        records = {_key(p): p for p in data.get("packages", [])}
        found = [
            _artifact(records[key], key, origin, root)
            for key in map(_key, packages[platform.name] or ())
        ]
    except (KeyError, TypeError, AttributeError) as exc:
        raise LockError(
            f"an entry of the lock lacks {exc}", where=origin, remedy="run `pixi lock` again"
        ) from exc
    return tuple(sorted(found, key=lambda a: (a.ecosystem, a.name)))


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    """Give kind and address of a package, which version 5 spells otherwise than later ones."""
    for kind in ("conda", "pypi"):
        if kind in entry:
            return kind, str(entry[kind])
    if "kind" in entry:
        return str(entry["kind"]), str(entry.get("url") or entry["path"])
    raise KeyError("conda or pypi")


def _artifact(record: dict[str, Any], key: tuple[str, str], origin: Origin, root: str) -> Artifact:
    kind, url = key
    sha256, md5 = str(record.get("sha256", "")), str(record.get("md5", ""))
    if kind == "pypi":
        from stead.values.frozen import replace

        artifact = _artifacts.wheel_artifact(
            url,
            origin,
            name=str(record["name"]),
            version=str(record.get("version", "")),
            hashes={"sha256": sha256} if sha256 else {},
            root=root,
        )
        if record.get("editable") and artifact.source:
            artifact = replace(artifact, source=replace(artifact.source, editable=True))
        return replace(artifact, depends=tuple(sorted(record.get("requires_dist") or ())))
    return _artifacts.conda_artifact(
        url,
        origin,
        sha256=sha256,
        md5=md5,
        size=int(record.get("size", 0)),
        depends=record.get("depends") or (),
        further={k: record[k] for k in _FIELDS if record.get(k) not in (None, [], "")},
    )


def write(
    envs: Sequence[LockedEnvironment],
    address: Callable[[Artifact, File], str],
    *,
    channel: Callable[[str], str] = lambda name: name,
    indexes: Sequence[str] = (),
) -> str:
    """Write environments, for their platforms, as a ``pixi.lock``.

    ``address`` gives a file's URL, ``channel`` the URL of a channel that an
    artifact names; ``indexes`` are the addresses of the package indexes.
    Raises UsageError when two places have environments of one name, and LockError
    for a PyPI package without a file for its platform.
    """
    from stead.values.platform import platform_named

    records: dict[tuple[str, str], dict[str, Any]] = {}
    written: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    for env in envs:
        name = env.environment or _DEFAULT
        if places.setdefault(name, env.place) != env.place:
            raise UsageError(
                f"two places have an environment {name!r}: {places[name]} and {env.place}",
                remedy="export one place at a time",
            )
        platform = platform_named(env.platform)
        entries = []
        for artifact in env.artifacts:
            record = (
                _conda(artifact, address)
                if artifact.ecosystem == "conda"
                else _pypi(artifact, platform, env.python, address)
                if artifact.ecosystem == "pypi"
                else None
            )
            if record is None:
                continue
            key = _key(record)
            records[key] = record
            entries.append(key)
        into = written.setdefault(name, {"channels": [], "packages": {}})
        into["channels"] += [channel(a.index) for a in env.of("conda") if a.index]
        into["packages"][env.platform] = [{k: url} for k, url in sorted(entries)]
    for into in written.values():
        into["channels"] = [
            {"url": c if c.endswith("/") or "://" not in c else f"{c}/"}
            for c in unique(into["channels"])
        ]
        if indexes:
            into["indexes"] = list(indexes)
    return _yaml.dump(
        {
            "version": VERSION,
            "platforms": [{"name": p} for p in sorted({e.platform for e in envs})],
            "environments": dict(sorted(written.items())),
            "packages": [records[k] for k in sorted(records)],
        }
    )


def _conda(artifact: Artifact, address: Callable[[Artifact, File], str]) -> dict[str, Any]:
    file = artifact.files[0]
    record: dict[str, Any] = {"conda": address(artifact, file)}
    if record["conda"].startswith("file:"):  # of a local file its readers take nothing as said
        record |= {"name": artifact.name, "version": artifact.version}
        record |= {k: v for k in ("build", "subdir") if (v := artifact.get(k))}
    if file.sha256:
        record["sha256"] = file.sha256
    if artifact.get("md5"):
        record["md5"] = artifact.get("md5")
    if artifact.depends:
        record["depends"] = list(artifact.depends)
    for field in _FIELDS:
        value = artifact.get(field)
        if value not in (None, [], "", 0):
            record[field] = value
    if file.size:
        record["size"] = file.size
    return record


def _pypi(
    artifact: Artifact,
    platform: Platform,
    python: str,
    address: Callable[[Artifact, File], str],
) -> dict[str, Any]:
    source = artifact.source
    record: dict[str, Any] = {}
    if source and source.kind == "git":
        query = "&".join(
            f"{k}={v}"
            for k, v in (("subdirectory", source.subdirectory), ("rev", artifact.get("requested")))
            if v
        )
        record["pypi"] = f"git+{source.location}{'?' + query if query else ''}#{source.revision}"
    elif source and source.kind == "path":
        location = source.location
        record["pypi"] = location if location.startswith((".", "/")) else f"./{location}"
    else:
        file = _artifacts.best_file(artifact, platform, python)
        if file is None:
            raise LockError(
                f"no file of {artifact.name} {artifact.version} is for {platform.name}",
                remedy="lock for that platform anew",
            )
        record["pypi"] = source.location if source else address(artifact, file)
        record["sha256"] = file.sha256
    record["name"] = artifact.name
    if artifact.version:
        record["version"] = artifact.version
    if source and source.editable:
        record["editable"] = True
    if artifact.depends:
        record["requires_dist"] = list(artifact.depends)
    return record
