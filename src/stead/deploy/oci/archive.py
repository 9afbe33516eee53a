"""A layout as an archive: one file, as skopeo and engines read it."""

from __future__ import annotations

import os
import shutil

from stead.deploy.oci.model import dumped
from stead.deploy.tar import CHUNK, END, header, padding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from stead.deploy.oci.model import Descriptor, Image

MARK = b'{"imageLayoutVersion":"1.0.0"}'
"""What `oci-layout` holds."""


def for_docker(images: Sequence[Image]) -> bytes:
    """Give the document by which Docker finds images in an archive."""

    def path(blob: Descriptor) -> str:
        return f"blobs/{blob.digest.replace(':', '/')}"

    return dumped(
        [
            {
                "Config": path(image.config_blob),
                "RepoTags": [image.tag],
                "Layers": [path(layer.blob) for layer in image.layers],
            }
            for image in images
        ]
    )


def pack(directory: str, out: BinaryIO, docker: bytes = b"") -> None:
    """Write a layout as a tar, the same bytes for the same layout."""
    out.write(header("blobs", "directory", 0o755))
    out.write(header("blobs/sha256", "directory", 0o755))
    blobs = os.path.join("blobs", "sha256")
    names = [os.path.join(blobs, n) for n in sorted(os.listdir(os.path.join(directory, blobs)))]
    for name in (*names, "index.json"):
        with open(os.path.join(directory, name), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            out.write(header(name, "file", 0o644, size))
            shutil.copyfileobj(file, out, CHUNK)
            out.write(padding(size))
    for name, data in (("manifest.json", docker), ("oci-layout", MARK)):
        if data:
            out.write(header(name, "file", 0o644, len(data)) + data + padding(len(data)))
    out.write(END)
