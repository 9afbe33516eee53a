"""A host with a small disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stead.testing.hosts import Host
    from stead.testing.lab import Lab


@pytest.fixture(scope="session")
def small(lab: Lab) -> Host:
    """A machine whose disk is soon full."""
    return lab.host("small", size="96m")
