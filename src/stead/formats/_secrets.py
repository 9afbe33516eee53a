"""Secrets in addresses: what a manifest may not hold, since it and its lock are shared."""

from __future__ import annotations

from stead.values.patterns import regex

_SECRET = regex(
    r"(?:.*[-_.])?(?:token|sig|signature|key|apikey|secret|password|passwd|credential|credentials)"
    r"|auth|authorization|x-amz-.*|x-goog-.*"
)
_HARMLESS = frozenset({"x-amz-algorithm", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"})


def secret_parameter(url: str) -> str:
    """Name the part of a URL's query that is a secret by its name; empty where none is.

    One whose value is a reference to a variable (``${TOKEN}``) is none.
    """
    query = url.partition("?")[2].partition("#")[0]
    for piece in query.replace(";", "&").split("&"):
        key, _, value = piece.partition("=")
        name = key.lower()
        if value and "${" not in value and name not in _HARMLESS and _SECRET.fullmatch(name):
            return key
    return ""
