"""Channels: from what a manifest says to addresses, and back.

A lock names a channel as the manifest wrote it, so that neither this machine's
paths nor a host nobody named get into it; the address is found again from the
manifest's channels when building.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from stead.values.frozen import dataclass
from stead.values.manifest import Channel
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FALLBACK = Channel("conda-forge")
"""What is asked when the manifests name no channel."""

_DEFAULTS = ("main", "r", "msys2")
"""What conda's ``defaults`` stands for, by their names below the usual alias."""

_TOKEN = regex(r"/t/[^/]+")


@dataclass(frozen=True, slots=True)
class Located:
    """A channel with its address. ``url`` ends with a slash."""

    written: str
    url: str

    @property
    def is_local(self) -> bool:
        return self.url.startswith("file:")

    @property
    def shown(self) -> str:
        """How to call it in a message: as written, without a password or token."""
        return redacted(self.written)


def locate(channels: Sequence[Channel], root: str) -> tuple[Located, ...]:
    """Find the address of each channel, in order, without repetition.

    ``root`` is what paths without a base are relative to. Where two manifests
    mean different directories by one relative path, each is written relative to
    ``root`` instead.
    """
    found: dict[str, Located] = {}
    written: dict[str, str] = {}
    for channel in _expanded(channels or (FALLBACK,)):
        url = address(channel.name, channel.base or root)
        name = channel.name
        if written.setdefault(name, url) != url:
            name = _relative(url, root)
        found.setdefault(url, Located(name, url))
    return tuple(found.values())


def address_of(index: str, channels: Sequence[Located], root: str) -> str:
    """Find the address of the channel that a lock calls ``index``."""
    known = next((c.url for c in channels if index in (c.written, c.shown)), None)
    return known if known is not None else address(index, root)


def address(name: str, base: str) -> str:
    """Give the address of a channel: an URL with a slash at its end.

    ``name`` is an URL, a path (``./channel``, ``/srv/channel``, ``~/channel``;
    relative to ``base``), or a name below the usual alias.
    """
    if "://" in name:
        return name.rstrip("/") + "/"
    if is_path(name):
        path = os.path.normpath(os.path.join(base, os.path.expanduser(name)))
        return f"file://{quote(path)}/"
    from rattler import Channel as RattlerChannel

    return str(RattlerChannel(name).base_url)


def is_path(name: str) -> bool:
    """Say whether a channel is written as a path."""
    return name.startswith((".", "/", "~", "\\")) or name[1:3] in (":\\", ":/")


def directory_of(url: str) -> str:
    """Give the directory of a ``file:`` address."""
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)


def redacted(url: str) -> str:
    """Give an address without user, password and token.

    A token is what follows a ``/t/`` anywhere in the path, as conda has it.
    """
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    path = _TOKEN.sub("", parts.path)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _expanded(channels: Iterable[Channel]) -> Iterable[Channel]:
    for channel in channels:
        if channel.name == "defaults":
            for name in _DEFAULTS:
                yield Channel(name, channel.base, channel.origin)
        elif channel.name != "nodefaults":
            yield channel


def _relative(url: str, root: str) -> str:
    path = os.path.relpath(directory_of(url), root).replace(os.sep, "/")
    return path if path.startswith(".") else f"./{path}"
