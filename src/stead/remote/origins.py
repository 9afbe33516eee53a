"""Addresses: whom a login is for, and whether it may go there."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def origin(address: str) -> str:
    """Give scheme, host and port of an address: whom a login is for."""
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    usual = (parts.scheme, port) in (("http", 80), ("https", 443))
    return f"{parts.scheme}://{parts.hostname or ''}" + ("" if usual else f":{port}")


def is_clear(address: str) -> bool:
    """Say whether what is sent there can be read on the way: over http, to another machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
