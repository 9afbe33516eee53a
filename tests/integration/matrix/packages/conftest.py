"""Projects with back ends of their own, and a home to build them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.store.builds import release_leases
from stead.testing.index import Sdist, make_project
from stead.testing.world import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.context import Context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    yield make_context(tmp_path / "home")
    release_leases()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project ``spam`` 1.5 that needs ``ham``, with a back end in its tree."""
    return make_project(tmp_path / "spam", Sdist("spam", "1.5", requires=("ham>=1",)))
