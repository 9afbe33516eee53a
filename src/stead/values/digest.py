"""Canonical form and digest of values.

A value's canonical form is JSON with sorted keys, no white space and UTF-8
text. Fields marked ``compare=False`` (origins, mostly) take no part, so that
moving an entry to another line changes no digest.
"""

from __future__ import annotations

import json

from stead.values.frozen import compared
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEY_LENGTH = 20
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def plain(value: Any) -> Any:
    """Reduce a value to what JSON knows: dataclasses to objects, tuples to arrays."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    names = compared(value)
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, set | frozenset):
        return sorted(plain(v) for v in value)
    return value


def canonical(value: Any) -> bytes:
    """Give the canonical form of a value, as bytes."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def digest(value: Any) -> str:
    """Give the sha256 of a value's canonical form, as 64 hexadecimal digits."""
    return sha256(canonical(value)).hexdigest()


def short_key(value: Any) -> str:
    """Give a store key: 20 characters of base32 (100 bits) of the value's sha256."""
    bits = int.from_bytes(sha256(canonical(value)).digest())
    return "".join([_BASE32[bits >> shift & 31] for shift in range(251, 251 - 5 * KEY_LENGTH, -5)])
