"""The documents of which an image consists, as the OCI's image specification has them."""

from __future__ import annotations

import json

from stead.values.errors import DeployError
from stead.values.frozen import dataclass, field
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    class Chunks(Protocol):
        """Bytes that are read in pieces."""

        def read(self, size: int, /) -> bytes: ...

else:
    Protocol = object

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
REF_NAME = "org.opencontainers.image.ref.name"

_OCI = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.container.image.v1+json": CONFIG,
}
"""What Docker calls the same things."""

LONG_AGO = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by its digest (``sha256:…``)."""

    media_type: str
    digest: str
    size: int
    annotations: tuple[tuple[str, str], ...] = ()

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer; ``diff_id`` is the digest of what is in it, uncompressed."""

    blob: Descriptor
    diff_id: str
    says: str = ""
    """What made it, for ``history``."""
    path: str = ""
    """The file that holds it; empty for a layer of the base."""


class Blobs(Protocol):
    """Where the blobs of an image that exists come from."""

    def open(self, blob: Descriptor) -> AbstractContextManager[Chunks]:
        """Open a blob to read it. Its reader checks it. Raises DeployError and NetworkError."""


@dataclass(frozen=True, slots=True)
class Base:
    """An image that others are made upon."""

    name: str
    """As it was asked for."""
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    blobs: Blobs = field(compare=False)
    digest: str = ""
    """Its manifest's."""
    repository: str = ""
    """``HOST/NAME`` in a registry, from which a blob may be mounted there; empty for others."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image, whole: every blob of it can be had."""

    tag: str
    layers: tuple[Layer, ...]
    config: bytes
    base: Base | None = None

    @property
    def config_blob(self) -> Descriptor:
        return Descriptor(CONFIG, digest_of(self.config), len(self.config))

    @property
    def manifest(self) -> bytes:
        return dumped(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.config_blob.json(),
                "layers": [layer.blob.json() for layer in self.layers],
            }
        )

    @property
    def digest(self) -> str:
        """The manifest's digest, by which the image is named wherever it is."""
        return digest_of(self.manifest)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(MANIFEST, self.digest, len(self.manifest), ((REF_NAME, self.tag),))

    def blobs(self) -> Iterator[Layer]:
        """Give each layer once."""
        seen = set()
        for layer in self.layers:
            if layer.blob.digest not in seen:
                seen.add(layer.blob.digest)
                yield layer


def dumped(value: object) -> bytes:
    """Give a document's bytes, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def descriptor(value: object, where: str) -> Descriptor:
    """Read a descriptor, with OCI's names for Docker's kinds. Raises DeployError."""
    try:
        assert isinstance(value, dict)
        kind, digest, size = str(value["mediaType"]), str(value["digest"]), int(value["size"])
        algorithm, _, text = digest.partition(":")
        assert algorithm in ("sha256", "sha512")
        int(text, 16)
    except (AssertionError, KeyError, TypeError, ValueError) as exc:
        raise damaged(where) from exc
    return Descriptor(_OCI.get(kind, kind), digest, size)


def layers_of(manifest: Mapping[str, Any], config: Mapping[str, Any], where: str) -> list[Layer]:
    """Give the layers of an image that exists. Raises DeployError where it makes no sense."""
    try:
        blobs = [descriptor(v, where) for v in manifest["layers"]]
        ids = [str(v) for v in config["rootfs"]["diff_ids"]]
    except (KeyError, TypeError) as exc:
        raise damaged(where) from exc
    if len(blobs) != len(ids):
        raise damaged(where)
    return [Layer(blob, diff_id) for blob, diff_id in zip(blobs, ids, strict=True)]


def choose(index: Mapping[str, Any], platform: tuple[str, str], where: str) -> Descriptor:
    """Give the manifest of an index that is for this platform (system, architecture).

    Raises DeployError where there is none.
    """
    try:
        listed = [(descriptor(v, where), v.get("platform") or {}) for v in index["manifests"]]
        found = [d for d, p in listed if (p.get("os"), p.get("architecture")) == platform]
        any_ = [d for d, p in listed if not p]
    except (KeyError, TypeError, AttributeError) as exc:
        raise damaged(where) from exc
    if not found and len(any_) != 1:
        has = sorted({f"{p.get('os')}/{p.get('architecture')}" for _, p in listed if p})
        raise DeployError(
            f"the base image is not there for {'/'.join(platform)}",
            where=where,
            details=[f"it is there for {', '.join(has)}"] if has else [],
            remedy="name another base, or set the target's platform",
        )
    return (found or any_)[0]


def damaged(where: str) -> DeployError:
    return DeployError(
        "this is no image, or a damaged one", where=where, remedy="make or fetch it again"
    )


__all__ = [
    "CONFIG",
    "DOCKER_LIST",
    "DOCKER_MANIFEST",
    "INDEX",
    "LAYER",
    "LONG_AGO",
    "MANIFEST",
    "REF_NAME",
    "Base",
    "Blobs",
    "Chunks",
    "Descriptor",
    "Image",
    "Layer",
    "choose",
    "damaged",
    "descriptor",
    "digest_of",
    "dumped",
    "layers_of",
]
