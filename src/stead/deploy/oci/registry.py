"""Registries of images, by the OCI's distribution specification: what is missing is sent."""

from __future__ import annotations

import contextlib
import json
import time

from stead.deploy.oci.asking import Asking, read_all
from stead.deploy.oci.layout import document_of, open_base
from stead.deploy.oci.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
    damaged,
    descriptor,
    digest_of,
)
from stead.deploy.oci.uploading import Uploading
from stead.values.errors import DeployError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from stead.deploy.oci.model import Base, Chunks, Image
    from stead.deploy.oci.names import Name
    from stead.values.context import Context

_KINDS = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"


class Registry:
    """One repository of a registry."""

    def __init__(
        self, name: Name, context: Context, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Open it; nothing is asked yet."""
        self.name = name
        self._context = context
        self._asking = Asking(name, context, sleep=sleep)

    def base(self, platform: tuple[str, str]) -> Base:
        """Read the image to make others upon. Raises DeployError, NetworkError."""
        reference = self.name.digest or self.name.tag or "latest"
        found = self._manifest(reference)
        if found is None:
            raise DeployError(
                "there is no such image, or it may not be read",
                where=str(self.name),
                remedy="correct the name, or log in with `podman login` or `docker login`",
            )
        data, kind = found
        blob = Descriptor(kind, self.name.digest or digest_of(data), len(data))
        repository = f"{self.name.host}/{self.name.repository}"
        return open_base(self, blob, platform, str(self.name), repository)

    def there(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Give tag, digest and configuration of each image whose tag begins with the name's.

        Raises DeployError, NetworkError.
        """
        answer = self._asking.ask("GET", "tags/list?n=1000")
        if answer is None:
            return
        with answer:
            tags = json.loads(read_all(answer)).get("tags") or []
        start = self.name.tag or "latest"
        for tag in sorted(t for t in tags if t == start or t.startswith(f"{start}-")):
            found = self._manifest(tag)
            if found is None or found[1] != MANIFEST:
                continue
            described = descriptor(json.loads(found[0]).get("config"), str(self.name))
            yield tag, digest_of(found[0]), document_of(self, described, str(self.name))

    @contextlib.contextmanager
    def open(self, blob: Descriptor) -> Iterator[Chunks]:
        kind = "manifests" if blob.media_type in _KINDS else "blobs"
        answer = self._asking.ask("GET", f"{kind}/{blob.digest}", {"Accept": _KINDS})
        if answer is None:
            raise damaged(str(self.name))
        with answer:
            yield answer

    def _manifest(self, reference: str) -> tuple[bytes, str] | None:
        answer = self._asking.ask("GET", f"manifests/{reference}", {"Accept": _KINDS})
        if answer is None:
            return None
        with answer:
            kind = str(answer.headers.get("Content-Type") or MANIFEST).partition(";")[0]
            return read_all(answer), kind

    def push(self, image: Image, tag: str) -> int:
        """Send an image's blobs that are missing, then name it. Gives the bytes that were sent.

        Nobody sees the image before all of it is there. Raises DeployError, NetworkError.
        """
        return Uploading(self._asking, self._context).push(image, tag)
