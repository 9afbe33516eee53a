"""Fixtures of the session: a conda channel, made once per worker."""

from __future__ import annotations

import atexit
import os
import platform as machine
import sys
from typing import TYPE_CHECKING

import pytest

from stead.values.platform import Platform, platform_of

if TYPE_CHECKING:
    from pathlib import Path

pytest.register_assert_rewrite("stead.testing.conformance")

_sessions: list[pytest.Session] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    _sessions.append(session)


@atexit.register
def _leave_at_once() -> None:
    """rattler's threads can crash an interpreter that shuts down; leave before it does."""
    if "rattler" in sys.modules and _sessions:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(_sessions[0].exitstatus))


@pytest.fixture(scope="session")
def here() -> Platform:
    """The platform that the tests run on."""
    return platform_of(sys.platform, machine.machine())


@pytest.fixture(scope="session")
def conda_channel(tmp_path_factory: pytest.TempPathFactory, here: Platform) -> Path:
    """A channel with the running CPython, a few pure distributions and all specimens."""
    from stead.testing import cpython, installed, make_channel
    from stead.testing.specimens import all_specimens

    packages = [cpython(), *installed(["packaging", "pluggy", "iniconfig"]), *all_specimens()]
    return make_channel(tmp_path_factory.mktemp("conda") / "channel", packages, here.name)
