"""Real hosts, made once per worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stead.testing.hosts import Lab, base_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.testing.hosts import Host

CACHE = f"/var/tmp/stead-test-hosts-{os.geteuid()}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(str(tmp_path_factory.mktemp("lab")), base_root(CACHE)) as made:
        yield made


@pytest.fixture(scope="session")
def plain(lab: Lab) -> Host:
    """A host without systemd."""
    return lab.host("plain")


@pytest.fixture(scope="session")
def booted(lab: Lab) -> Host:
    """A host that systemd runs."""
    return lab.host("booted", init="systemd")
