"""Names: how they are normalised, split into layers, and which is nearest."""

from __future__ import annotations

from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT = "default"

ECOSYSTEM_PLUGINS = "stead.ecosystems"
"""The group of entry points by which an installed distribution brings an ecosystem."""

ENVIRONMENT_PLUGINS = "stead.environments"
"""The group of entry points by which one brings a kind of environments to test in."""

BUILDER_PLUGINS = "stead.builders"
"""The group of entry points by which one brings a way to build packages."""

_RUN = regex(r"[-_.]+")
_ENVIRONMENT = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def normalize_pypi(name: str) -> str:
    """Normalise a distribution name as PEP 503 says."""
    return _RUN.sub("-", name).lower()


def is_environment_name(name: str) -> bool:
    """Say whether a name may stand for an environment (and so be part of a path)."""
    return len(name) <= 100 and _ENVIRONMENT.match(name) is not None


def split_layers(name: str, declared: Iterable[str]) -> tuple[str, ...]:
    """Split ``py312-dev-tools`` into layers; the longest declared name wins.

    ``default`` gives no layer at all. A part that is not declared stays a part
    of its own: whether it means something implicit is the caller's to say.
    """
    if name in ("", DEFAULT):
        return ()
    known = set(declared)
    parts = name.split("-")
    layers: list[str] = []
    at = 0
    while at < len(parts):
        end = next(
            (e for e in range(len(parts), at + 1, -1) if "-".join(parts[at:e]) in known), at + 1
        )
        layers.append("-".join(parts[at:end]))
        at = end
    return tuple(layers)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name most like ``name``, or None when none is close."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
