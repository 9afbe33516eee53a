"""Artifacts of a lock ↔ rattler's records. Nothing is lost on the way there and back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stead.ecosystems.conda.channels import Located, address_of, redacted
from stead.values.errors import ArtifactError
from stead.values.lock import Artifact, File

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rattler import RepoDataRecord

ECOSYSTEM = "conda"

# What an artifact says by itself, and what differs from one look at a channel to the next.
_ELSEWHERE = frozenset(
    {"name", "version", "depends", "sha256", "size", "fn", "url", "channel", "indexed_timestamp"}
)
_FIELDS = (
    "arch", "platform", "noarch", "constrains", "features", "legacy_bz2_size", "license",
    "license_family", "python_site_packages_path", "extra_depends", "flags",
)  # fmt: skip
_FACTS = (
    "build", "build_number", "subdir", "md5", "legacy_bz2_md5", "timestamp", "track_features",
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9._+!~-]+\Z")
_FILE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._+!~-]*\.(conda|tar\.bz2)\Z|_[A-Za-z0-9._+!~-]+\.(conda|tar\.bz2)\Z"
)


def records_to_artifacts(
    records: Iterable[RepoDataRecord], channels: Sequence[Located]
) -> tuple[Artifact, ...]:
    """Turn solved records into artifacts, sorted by name.

    ``channels`` are those that were asked: an artifact names its channel as the
    manifest did, but for a password or token.
    """
    by_url = {c.url: c.shown for c in channels}
    artifacts = (record_to_artifact(r, by_url) for r in records)
    return tuple(sorted(artifacts, key=lambda a: a.name))


def record_to_artifact(record: RepoDataRecord, written: dict[str, str]) -> Artifact:
    """Turn one record into an artifact. ``written`` maps addresses of channels to their names."""
    return facts_to_artifact(json.loads(record.to_json()), written)


def facts_to_artifact(data: dict[str, Any], written: dict[str, str]) -> Artifact:
    """Turn a record in JSON values, with ``fn``, ``url`` and ``channel``, into an artifact."""
    channel = str(data.get("channel") or "").rstrip("/") + "/"
    extra = {k: v for k, v in data.items() if k not in _ELSEWHERE and v not in (None, [], {}, "")}
    usual = file_address(redacted(channel), data["subdir"], data["fn"])
    if redacted(data["url"]) != usual:
        extra["url"] = redacted(data["url"])  # the channel keeps this file elsewhere
    return Artifact(
        ecosystem=ECOSYSTEM,
        name=data["name"],
        version=data["version"],
        index=written.get(channel, redacted(channel)),
        files=(File(data["fn"], data.get("sha256") or "", data.get("size") or 0),),
        depends=tuple(data.get("depends") or ()),
        extra=tuple(sorted(extra.items())),
    )


def artifact_to_record(
    artifact: Artifact, channels: Sequence[Located] = (), root: str = ""
) -> RepoDataRecord:
    """Turn an artifact back into the record it came from.

    Raises ArtifactError when it cannot be a conda package: a lock edited by hand.
    """
    from rattler import PackageRecord, RepoDataRecord
    from rattler.package.build_string import BuildString

    extra = dict(artifact.extra)
    _check(artifact, extra)
    file = artifact.files[0]
    channel = address_of(artifact.index, channels, root)
    subdir = extra["subdir"]
    try:
        record = PackageRecord(
            name=artifact.name,
            version=artifact.version,
            build=BuildString(extra.get("build", "")),
            build_number=int(extra.get("build_number", 0)),
            subdir=subdir,
            depends=list(artifact.depends),
            sha256=bytes.fromhex(file.sha256) if file.sha256 else None,
            md5=bytes.fromhex(extra["md5"]) if extra.get("md5") else None,
            size=file.size or None,
            legacy_bz2_md5=bytes.fromhex(extra["legacy_bz2_md5"])
            if extra.get("legacy_bz2_md5")
            else None,
            **{name: extra[name] for name in _FIELDS if name in extra},
        )
        if extra.get("track_features"):
            features = extra["track_features"]
            record.track_features = features.split() if isinstance(features, str) else features
        if extra.get("timestamp"):
            record.timestamp = datetime.fromtimestamp(extra["timestamp"] / 1000, UTC)
        url = extra.get("url") or file_address(channel, subdir, file.name)
        return RepoDataRecord(record, file.name, url, channel)
    except (ValueError, TypeError, RuntimeError) as exc:
        raise _nonsense(artifact, str(exc)) from exc


def artifact_to_facts(
    artifact: Artifact, channels: Sequence[Located] = (), root: str = ""
) -> dict[str, Any]:
    """Give the record of an artifact as JSON values, as ``conda-meta`` has it.

    No password or token is in it. Raises ArtifactError as `check_artifact` does.
    """
    check_artifact(artifact)
    extra = dict(artifact.extra)
    file = artifact.files[0]
    channel = address_of(artifact.index, channels, root)
    url = extra.get("url") or file_address(channel, extra["subdir"], file.name)
    facts: dict[str, Any] = {"build": "", "build_number": 0}
    facts |= {k: extra[k] for k in (*_FACTS, *_FIELDS) if k in extra}
    platform, dash, arch = extra["subdir"].partition("-")
    if dash:
        facts.setdefault("platform", platform)
        facts.setdefault("arch", {"64": "x86_64", "32": "x86"}.get(arch, arch))
    facts |= {"name": artifact.name, "version": artifact.version, "depends": artifact.depends}
    if file.sha256:
        facts["sha256"] = file.sha256
    if file.size:
        facts["size"] = file.size
    return {**facts, "fn": file.name, "url": redacted(url), "channel": redacted(channel)}


def check_artifact(artifact: Artifact) -> None:
    """Raise ArtifactError when it cannot be a conda package: a lock edited by hand."""
    extra = dict(artifact.extra)
    _check(artifact, extra)
    for name in ("md5", "legacy_bz2_md5"):
        if extra.get(name) and not re.fullmatch(r"[0-9a-fA-F]{32}", str(extra[name])):
            raise _nonsense(artifact, f"its {name} is {extra[name]!r}")


def file_address(channel: str, subdir: str, name: str) -> str:
    """Give the address of a package file; ``channel`` ends with a slash."""
    return f"{channel}{subdir}/{quote(name, safe='!+~')}"


def stem(file_name: str) -> str:
    """Give a package file's name without its ending."""
    return file_name.removesuffix(".conda").removesuffix(".tar.bz2")


def _check(artifact: Artifact, extra: dict[str, Any]) -> None:
    if len(artifact.files) != 1:
        raise _nonsense(artifact, "it has not exactly one file")
    # These become parts of paths in the package cache and in the build.
    for what, value in (
        ("name", artifact.name),
        ("version", artifact.version),
        ("build", extra.get("build", "0") or "0"),
        ("subdir", extra.get("subdir", "")),
    ):
        if not isinstance(value, str) or not _WORD.match(value) or ".." in value:
            raise _nonsense(artifact, f"its {what} is {value!r}")
    if not _FILE.match(artifact.files[0].name) or ".." in artifact.files[0].name:
        raise _nonsense(artifact, f"its file is called {artifact.files[0].name!r}")
    if artifact.files[0].sha256 and not re.fullmatch(r"[0-9a-f]{64}", artifact.files[0].sha256):
        raise _nonsense(artifact, f"its sha256 is {artifact.files[0].sha256!r}")


def _nonsense(artifact: Artifact, why: str) -> ArtifactError:
    return ArtifactError(
        f"the lock's entry for conda package {artifact.name!r} makes no sense: {why}",
        where=artifact.id,
        remedy="take the lock from version control, or run `stead lock` afresh",
    )
