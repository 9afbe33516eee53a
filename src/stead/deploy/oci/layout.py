"""Images in a directory or an archive, as the OCI's image layout has them.

``oci:DIR[:TAG]`` is a directory, ``oci-archive:FILE[:TAG]`` a tar of one, as skopeo and buildah
call them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tarfile

from stead.deploy.oci.archive import MARK, for_docker, pack
from stead.deploy.oci.model import (
    CONFIG,
    DOCKER_LIST,
    INDEX,
    REF_NAME,
    Base,
    Descriptor,
    choose,
    damaged,
    descriptor,
    digest_of,
    dumped,
    layers_of,
)
from stead.deploy.tar import CHUNK
from stead.store.atomic import remove_tree, storage, temporary_name, write_file
from stead.values.errors import DeployError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from stead.deploy.oci.model import Blobs, Chunks, Image, Layer

DIRECTORY, ARCHIVE = "oci:", "oci-archive:"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_COPIES = 4
"""Blobs that are copied at a time."""
_DOCUMENT = 16 * 1024 * 1024
"""Bytes that a manifest or a configuration has at most."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A layout: its kind, its path, and a tag in it, or none."""

    archive: bool
    path: str
    tag: str = ""

    def __str__(self) -> str:
        kind = ARCHIVE if self.archive else DIRECTORY
        return f"{kind}{self.path}" + (f":{self.tag}" if self.tag else "")


def parse(text: str, base: str = "") -> Reference | None:
    """Read what names a layout; None for what names an image in a registry.

    A relative path is one below ``base``.
    """
    for start, archive in ((DIRECTORY, False), (ARCHIVE, True)):
        if text.startswith(start):
            path, _, tag = text[len(start) :].partition(":")
            return Reference(archive, os.path.join(base, path), tag)
    return None


class Layout:
    """The blobs of a directory."""

    def __init__(self, path: str) -> None:
        self.path = path

    def index(self) -> dict[str, Any]:
        """Read what images there are. Raises DeployError, StoreError."""
        with storage(self.path), open(os.path.join(self.path, "index.json"), "rb") as file:
            return _document(file.read(), self.path)

    def file(self, digest: str) -> str:
        """Give the path of a blob, there or not."""
        algorithm, _, text = digest.partition(":")
        return os.path.join(self.path, "blobs", algorithm, text)

    @contextlib.contextmanager
    def open(self, blob: Descriptor) -> Iterator[Chunks]:
        with storage(self.path), open(self.file(blob.digest), "rb") as file:
            yield file


class Archive:
    """The blobs of an archive."""

    def __init__(self, path: str) -> None:
        self.path = path

    def index(self) -> dict[str, Any]:
        """Read what images there are. Raises DeployError, StoreError."""
        with self._member("index.json") as file:
            return _document(file.read(_DOCUMENT), self.path)

    @contextlib.contextmanager
    def open(self, blob: Descriptor) -> Iterator[Chunks]:
        algorithm, _, text = blob.digest.partition(":")
        with self._member(f"blobs/{algorithm}/{text}") as file:
            yield file

    @contextlib.contextmanager
    def _member(self, name: str) -> Iterator[Chunks]:
        with storage(self.path):
            try:
                with tarfile.open(self.path) as opened:
                    for member in opened:
                        if member.name.removeprefix("./") == name:
                            file = opened.extractfile(member)
                            if file is not None:
                                yield file
                                return
            except tarfile.TarError as exc:
                raise damaged(self.path) from exc
        raise damaged(self.path)


def read(reference: Reference, platform: tuple[str, str]) -> Base:
    """Read an image to make others upon. Raises DeployError, StoreError."""
    blobs: Layout | Archive = (Archive if reference.archive else Layout)(reference.path)
    if not os.path.exists(reference.path):
        raise DeployError(
            "there is no image here",
            where=str(reference),
            remedy="make it, for instance with `skopeo copy`, or correct the path",
        )
    index = blobs.index()
    chosen = _tagged(index, reference)
    if chosen is None:
        found = choose(index, platform, str(reference))
    else:
        found = chosen
    return open_base(blobs, found, platform, str(reference))


def open_base(
    blobs: Blobs, found: Descriptor, platform: tuple[str, str], name: str, repository: str = ""
) -> Base:
    """Follow a descriptor of an image, or of an index of some, to layers and configuration."""
    document = document_of(blobs, found, name)
    if found.media_type in (INDEX, DOCKER_LIST):
        found = choose(document, platform, name)
        document = document_of(blobs, found, name)
    described = descriptor(document.get("config"), name)
    if described.media_type != CONFIG:
        raise damaged(name)
    config = document_of(blobs, described, name)
    is_for = (str(config.get("os")), str(config.get("architecture")))
    if is_for != platform:
        raise DeployError(
            f"the base image is for {'/'.join(is_for)}, and the target is {'/'.join(platform)}",
            where=name,
            remedy="name another base, or set the target's platform",
        )
    return Base(
        name, config, tuple(layers_of(document, config, name)), blobs, found.digest, repository
    )


def document_of(blobs: Blobs, blob: Descriptor, name: str) -> dict[str, Any]:
    """Read a small blob, and check it. Raises DeployError."""
    with blobs.open(blob) as file:
        data = b""
        while len(data) <= _DOCUMENT and (more := file.read(CHUNK)):
            data += more
    if digest_of(data) != blob.digest and blob.digest.startswith("sha256:"):
        raise damaged(name)
    return _document(data, name)


def write(reference: Reference, images: Sequence[Image], *, engines: bool = False) -> None:
    """Put images where a layout is to be: its files are whole before any image is named in it.

    An image of the same tag is replaced, and what only it needed removed; others stay. An archive
    is made anew; for ``engines`` also as Docker reads it, and then a tag is
    a whole name. Raises DeployError, StoreError and what the base's blobs raise.
    """
    if not reference.archive:
        _write_directory(reference.path, images)
        return
    work = temporary_name(reference.path)
    try:
        _write_directory(work, images)
        with storage(reference.path):
            temporary = temporary_name(reference.path)
            try:
                with open(temporary, "xb") as out:
                    pack(work, out, for_docker(images) if engines else b"")
                os.replace(temporary, reference.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
    finally:
        remove_tree(work)


def there(reference: Reference) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give tag, digest and configuration of each image in a layout; none where there is no layout.

    Raises DeployError, StoreError.
    """
    blobs: Layout | Archive = (Archive if reference.archive else Layout)(reference.path)
    if not os.path.exists(reference.path) or (
        not reference.archive and not os.path.exists(os.path.join(reference.path, "index.json"))
    ):
        return
    where = str(reference)
    for value in blobs.index().get("manifests", ()):
        found = descriptor(value, where)
        manifest = document_of(blobs, found, where)
        if "config" in manifest:
            config = document_of(blobs, descriptor(manifest["config"], where), where)
            yield str((value.get("annotations") or {}).get(REF_NAME, "")), found.digest, config


def forget(reference: Reference, tags: Iterable[str]) -> None:
    """Take images out of a directory, with what only they needed. Raises DeployError, StoreError."""
    layout = Layout(reference.path)
    listed = list(layout.index().get("manifests") or [])
    named = [v for v in listed if (v.get("annotations") or {}).get(REF_NAME) not in set(tags)]
    _name(layout, named, [v for v in listed if v not in named])


def _write_directory(path: str, images: Sequence[Image]) -> None:
    layout = Layout(path)
    listed: list[Any] = []
    if os.path.exists(os.path.join(path, "index.json")):
        listed = list(layout.index().get("manifests") or [])
    elif os.path.isdir(path) and os.listdir(path):
        raise DeployError(
            "this directory holds something else than images",
            where=path,
            remedy="name another one, or an empty one",
        )
    with storage(path):
        os.makedirs(os.path.join(path, "blobs", "sha256"), exist_ok=True)
    for image in images:
        _write_image(layout, image)
    tags = {image.tag for image in images}
    stays = [v for v in listed if (v.get("annotations") or {}).get(REF_NAME) not in tags]
    goes = [v for v in listed if v not in stays]
    new = [
        {**image.descriptor.json(), "platform": _platform(image)}
        for image in sorted(images, key=lambda i: i.tag)
    ]
    if not os.path.exists(os.path.join(path, "oci-layout")):
        write_file(os.path.join(path, "oci-layout"), MARK)
    _name(layout, [*stays, *new], goes)


def _name(layout: Layout, named: Sequence[Any], goes: Sequence[Any]) -> None:
    """Say which images there are, and remove what only the others needed."""
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": named}
    write_file(os.path.join(layout.path, "index.json"), dumped(index))
    if goes:
        needed = {d for v in named for d in _blobs(layout, v)}
        for digest in {d for v in goes for d in _blobs(layout, v)} - needed:
            if _DIGEST.match(digest):
                with contextlib.suppress(OSError):
                    os.unlink(layout.file(digest))


def _write_image(layout: Layout, image: Image) -> None:
    from concurrent.futures import ThreadPoolExecutor

    missing = [
        layer
        for layer in image.blobs()
        if not _is_there(layout.file(layer.blob.digest), layer.blob.size)
    ]
    for layer in missing:
        if not layer.path:
            _write_layer(layout, image, layer)
    with ThreadPoolExecutor(_COPIES) as pool:
        made = [layer for layer in missing if layer.path]
        for _ in pool.map(lambda layer: _write_layer(layout, image, layer), made):
            pass
    for data in (image.config, image.manifest):
        target = layout.file(digest_of(data))
        if not _is_there(target, len(data)):
            write_file(target, data, sync=False)


def _write_layer(layout: Layout, image: Image, layer: Layer) -> None:
    target = layout.file(layer.blob.digest)
    with storage(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = temporary_name(target)
        try:
            if layer.path:
                shutil.copyfile(layer.path, temporary)
            else:
                assert image.base is not None
                fetch(image.base.blobs, layer.blob, temporary, image.base.name)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def fetch(blobs: Blobs, blob: Descriptor, target: str, name: str) -> None:
    """Copy a blob to a new file, checked. Raises DeployError, OSError."""
    import hashlib

    algorithm, _, expected = blob.digest.partition(":")
    digest = hashlib.new(algorithm)
    with blobs.open(blob) as file, open(target, "xb") as out:
        while data := file.read(CHUNK):
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != expected:
        raise damaged(name)


def _is_there(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def _platform(image: Image) -> dict[str, str]:
    config = json.loads(image.config)
    return {k: config[k] for k in ("architecture", "os", "variant") if k in config}


def _blobs(layout: Layout, value: Mapping[str, Any]) -> Iterator[str]:
    """Give the digests that an image of an index needs, as far as they can be read."""
    with contextlib.suppress(DeployError, OSError, AttributeError, TypeError, ValueError, KeyError):
        yield str(value["digest"])
        with open(layout.file(str(value["digest"])), "rb") as file:
            document = json.loads(file.read(_DOCUMENT))
        for found in (*document.get("layers", ()), document.get("config") or {}):
            yield str(found.get("digest"))
        for inner in document.get("manifests", ()):
            yield from _blobs(layout, inner)


def _tagged(index: Mapping[str, Any], reference: Reference) -> Descriptor | None:
    listed = [v for v in index.get("manifests", ()) if isinstance(v, dict)]
    names = [str((v.get("annotations") or {}).get(REF_NAME, "")) for v in listed]
    where = str(reference)
    if not reference.tag:
        return descriptor(listed[0], where) if len(listed) == 1 else None
    for value, name in zip(listed, names, strict=True):
        if name == reference.tag:
            return descriptor(value, where)
    raise DeployError(
        f"there is no image {reference.tag} here",
        where=where,
        details=[f"there are: {', '.join(sorted(filter(None, names)))}"] if any(names) else [],
        remedy="name one of these",
    )


def _document(data: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as exc:
        raise damaged(where) from exc
    if not isinstance(value, dict):
        raise damaged(where)
    return value
