"""Virtual environments of interpreters that are there."""

from __future__ import annotations

from stead.matrix.stored import Stored


class Venv(Stored):
    """A virtual environment: an interpreter's, with packages of PyPI."""

    name = "venv"
    installs = ("sdist", "wheel")
