"""A build taken apart, so that another machine can have it without making it.

A *closure* names all that a build consists of: its key, what its maker said of it, and its
*parts*, one per package, each known by the sha256 of its bytes. Two builds that hold one
package hold one part.
"""

from __future__ import annotations

from stead.values.deployment import PLACEHOLDER
from stead.values.digest import digest
from stead.values.errors import StoreError
from stead.values.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FORMAT = 1
"""Raised when parts or closures come to be written otherwise."""

ROOT = "/stead-parts"
PLACED = f"{ROOT}/trees/{PLACEHOLDER}"
"""Where the files of parts say that they stand. They are written anew for where they come to stand."""

MOST_PARTS = 20_000
"""No build has more."""


@dataclass(frozen=True, slots=True)
class PackedPart:
    """Files of one package, as a tar that is compressed with gzip."""

    name: str
    """For people: ``numpy 2.1.0``."""
    sha256: str
    """Of the tar before it is compressed, in hexadecimal."""
    size: int
    """Bytes of the tar before it is compressed."""
    blob: str = ""
    """Its key in an artifact store, where that is known."""


@dataclass(frozen=True, slots=True)
class Closure:
    """All that a build consists of."""

    key: str
    """The build's key: 20 characters of base32."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What its maker said of it: ``name``, ``platform``, ``interpreter``, ``artifacts`` …"""
    parts: tuple[PackedPart, ...] = ()

    @property
    def name(self) -> str:
        return str(self.meta.get("name", ""))

    @property
    def interpreter(self) -> str:
        """The executable outside the store that it uses, which is not among the parts."""
        return str(self.meta.get("interpreter") or "")

    @property
    def size(self) -> int:
        """Bytes of all its parts before they are compressed."""
        return sum(part.size for part in self.parts)

    def to_json(self, *, blobs: bool = False) -> dict[str, Any]:
        """Give it as JSON values; with the parts' keys in the artifact store where asked."""
        parts = []
        for one in self.parts:
            row: dict[str, Any] = {"name": one.name, "sha256": one.sha256, "size": one.size}
            if blobs:
                row["blob"] = one.blob
            parts.append(row)
        value = {"format": FORMAT, "key": self.key, "meta": dict(self.meta), "parts": parts}
        return {**value, "digest": digest(_identity(value))}


def closure_of(value: object, where: str = "") -> Closure:
    """Read what :meth:`Closure.to_json` gave. Raises StoreError for anything else."""
    try:
        return _read(value)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise StoreError(
            f"what a build consists of cannot be read: {exc}",
            where=where,
            remedy="it may come from another version of Stead",
        ) from exc


def _read(value: Any) -> Closure:
    if value["format"] != FORMAT:
        raise ValueError("another format")
    if value["digest"] != digest(_identity(value)):
        raise ValueError("changed on its way")
    rows, meta, key = value["parts"], value["meta"], value["key"]
    if not isinstance(meta, dict) or not isinstance(key, str) or len(rows) > MOST_PARTS:
        raise ValueError("no closure")
    parts = tuple(
        PackedPart(str(r["name"]), _hexadecimal(r["sha256"]), int(r["size"]), r.get("blob", ""))
        for r in rows
    )
    return Closure(key, meta, parts)


def _identity(value: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a closure's digest covers: where parts are kept is no part of it."""
    rows = [[r["name"], r["sha256"], r["size"]] for r in value["parts"]]
    return {"key": value["key"], "meta": value["meta"], "parts": rows}


def _hexadecimal(text: str) -> str:
    if len(text) != 64 or bytes.fromhex(text).hex() != text:
        raise ValueError("a part has no sha256")
    return text
