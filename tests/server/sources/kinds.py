"""Which databases a test of sources runs in: SQLite, unless it is marked."""

from __future__ import annotations

import pytest

IN_BOTH = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
