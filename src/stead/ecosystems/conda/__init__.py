"""Conda packages, on py-rattler. Importing this loads nothing of it."""

from __future__ import annotations

from stead.ecosystems.conda.ecosystem import Conda, python_identity

__all__ = ["Conda", "python_identity"]
