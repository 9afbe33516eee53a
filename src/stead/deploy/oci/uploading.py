"""Images sent to a registry: only what it lacks, and on from where a transfer broke off."""

from __future__ import annotations

import io
import os
from urllib.parse import urlencode

from stead.deploy.oci.asking import PAUSE, TRIES, InterruptionError
from stead.deploy.oci.model import MANIFEST
from stead.values.errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable
    from typing import IO

    from stead.deploy.oci.asking import Asking
    from stead.deploy.oci.model import Image, Layer
    from stead.values.context import Context


class Uploading:
    """Sends images to one repository."""

    def __init__(self, asking: Asking, context: Context) -> None:
        self._asking = asking
        self._context = context

    def push(self, image: Image, tag: str) -> int:
        """Send an image's blobs that are missing, then name it. Gives the bytes that were sent.

        Nobody sees the image before all of it is there. Raises DeployError, NetworkError.
        """
        layers = list(image.blobs())
        missing = [layer for layer in layers if not self._has(layer.blob.digest)]
        sent = 0
        with self._context.progress.task(f"pushing to {self._asking.name.host}", unit="B") as task:
            task.total(sum(layer.blob.size for layer in missing))
            for layer in missing:
                sent += self._push_layer(layer, image)
                task.advance(layer.blob.size)
        config = image.config_blob
        if not self._has(config.digest):
            self._upload(config.digest, len(image.config), lambda: io.BytesIO(image.config))
            sent += len(image.config)
        manifest = image.manifest
        self._asking.ask(
            "PUT", f"manifests/{tag}", {"Content-Type": MANIFEST}, data=lambda: io.BytesIO(manifest)
        )
        return sent + len(manifest)

    def _has(self, digest: str) -> bool:
        answer = self._asking.ask("HEAD", f"blobs/{digest}")
        if answer is None:
            return False
        answer.close()
        return True

    def _push_layer(self, layer: Layer, image: Image) -> int:
        blob, base = layer.blob, image.base
        if layer.path:
            return self._upload(blob.digest, blob.size, lambda: open(layer.path, "rb"))
        assert base is not None
        host, _, source = base.repository.partition("/")
        if host == self._asking.name.host and source:
            where = f"blobs/uploads/?{urlencode({'mount': blob.digest, 'from': source})}"
            answer = self._asking.ask("POST", where, also=source)
            if answer is not None:
                answer.close()
                if answer.status == 201:
                    return 0
        from tempfile import TemporaryDirectory

        from stead.deploy.oci.layout import fetch

        with TemporaryDirectory(prefix="stead-") as work:
            path = os.path.join(work, "blob")
            fetch(base.blobs, blob, path, base.name)
            return self._upload(blob.digest, blob.size, lambda: open(path, "rb"))

    def _upload(self, digest: str, size: int, content: Callable[[], IO[bytes]]) -> int:
        """Send a blob; after an interruption, on from where the registry has it."""
        where = self._asking.location(
            self._asking.ask("POST", "blobs/uploads/", data=lambda: io.BytesIO(b""))
        )
        at, tries = 0, 0
        while at < size:
            try:
                where = self._asking.location(self._patch(where, content, at, size))
                at = size
            except InterruptionError as exc:
                tries += 1
                if tries >= TRIES:
                    raise NetworkError(
                        f"the registry broke off {tries} times: {exc}",
                        where=self._asking.name.host,
                        remedy="push again; what has arrived whole is not sent twice",
                    ) from exc
                self._asking.sleep(PAUSE * 2**tries)
                where, at = self._reached(where)
        joined = f"{where}{'&' if '?' in where else '?'}{urlencode({'digest': digest})}"
        answer = self._asking.ask("PUT", joined, data=lambda: io.BytesIO(b""))
        if answer is not None:
            answer.close()
        return size

    def _patch(
        self, where: str, content: Callable[[], IO[bytes]], at: int, size: int
    ) -> http.client.HTTPResponse | None:
        with content() as file:
            file.seek(at)
            headers = {"Content-Type": "application/octet-stream"}
            if at:
                headers["Content-Range"] = f"{at}-{size - 1}"
            return self._asking.once("PATCH", where, headers, file, size - at)

    def _reached(self, where: str) -> tuple[str, int]:
        """Ask how much of an upload has arrived; begin it anew where that is forgotten."""
        answer = self._asking.ask("GET", where)
        if answer is None:
            return self._asking.location(
                self._asking.ask("POST", "blobs/uploads/", data=lambda: io.BytesIO(b""))
            ), 0
        with answer:
            last = str(answer.headers.get("Range") or "0-0").rpartition("-")[2]
            at = int(last) + 1 if last.isdecimal() and last != "0" else 0
            return self._asking.location(answer) or where, at
