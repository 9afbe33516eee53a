"""Names that manifests may not use."""

from __future__ import annotations

RESERVED = "STEAD_"
"""What Stead's own variables begin with: its settings, and how a shell's changes are taken back."""

GUARDED = frozenset({".git", ".hg", ".jj", ".stead"})
"""Directories that other programs, or Stead, keep their state in."""


def is_reserved(name: str) -> bool:
    """Say whether a variable is Stead's own; case makes no difference on some systems."""
    return name.upper().startswith(RESERVED)
