"""Interpreters outside the store: found by version request, or fetched."""

from __future__ import annotations

from stead.ecosystems.interpreters.find import among, describe, discovered, find, unsupported

__all__ = ["among", "describe", "discovered", "find", "unsupported"]
