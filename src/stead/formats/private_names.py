"""Which variables look as if they held a secret, for who takes settings over."""

from __future__ import annotations

import re

_WITHIN = ("PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY")
_PARTS = frozenset(["KEY", "KEYS"])
_LAST = ("KEY", "PASS", "PWD")
_HARMLESS = frozenset(
    [
        *("FILE", "PATH", "DIR", "TTL", "EXPIRY", "EXPIRES", "EXPIRE", "LIFETIME", "TIMEOUT"),
        *("SECONDS", "MINUTES", "HOURS", "DAYS", "LENGTH", "SIZE", "ALGORITHM", "TYPE", "HEADER"),
    ]
)
"""Last words of names that speak about a secret and hold none."""
_USERINFO = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@")


def is_private(name: str, value: str) -> bool:
    """Say whether a name sounds like a secret's, or the value is a URL with a password in it."""
    if _USERINFO.match(value):
        return True
    upper = name.upper()
    parts = re.split(r"[_.-]", upper)
    if parts[-1] in _HARMLESS or upper == "PWD":
        return False
    return (
        any(word in upper for word in _WITHIN)
        or bool(_PARTS.intersection(parts))
        or parts[-1].endswith(_LAST)
    )
