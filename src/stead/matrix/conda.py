"""Environments of conda's packages, with PyPI's on top."""

from __future__ import annotations

from stead.matrix.stored import Stored


class Conda(Stored):
    """An environment whose Python is conda's."""

    name = "conda"
    installs = ("sdist", "wheel", "conda")
    ecosystems = ("conda", "pypi")
