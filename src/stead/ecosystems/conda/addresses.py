"""Where the files of locked conda packages lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.ecosystems.conda.channels import address_of, locate, redacted
from stead.ecosystems.conda.records import file_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.lock import Artifact
    from stead.values.manifest import Channel


def channel_address(index: str, channels: Sequence[Channel], root: str) -> str:
    """Give the address of the channel that a lock calls ``index``, without credentials."""
    return redacted(address_of(index, locate(channels, root), root))


def address(artifact: Artifact, channels: Sequence[Channel], root: str) -> str:
    """Give the address of an artifact's file, without user, password or token."""
    elsewhere = artifact.get("url")
    if elsewhere:
        return redacted(str(elsewhere))
    channel = channel_address(artifact.index, channels, root)
    return file_address(channel, str(artifact.get("subdir", "noarch")), artifact.files[0].name)


def name_of(url: str) -> str:
    """Give the shortest name that means this channel: its last part, where that does."""
    from stead.ecosystems.conda.channels import address as located

    url = redacted(url).rstrip("/")
    name = url.rpartition("/")[2]
    if url.startswith(("http:", "https:")) and located(name, "").rstrip("/") == url:
        return name
    return url
