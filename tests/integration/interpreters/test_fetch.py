"""Fetching an interpreter through the real uv, from a mirror made of the one at hand."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from stead.ecosystems.interpreters import find
from stead.ecosystems.interpreters.fetch import fetch, sources
from stead.ecosystems.interpreters.growth import size_of
from stead.testing import serve
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    InterpreterError,
    NetworkError,
    StoreError,
)

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = platform.python_version()

pytestmark = pytest.mark.slow


@pytest.fixture
def world(context, mirror):
    """A world where nothing may be found and the mirror is in reach."""
    return replace(
        context,
        environ={
            **context.environ,
            "UV_PYTHON_DOWNLOADS_JSON_URL": str(mirror / "downloads.json"),
            "UV_HTTP_RETRIES": "0",
        },
        python_downloads=True,
    )


def listed(tmp_path, mirror, **changed):
    """Write a list of the mirror that differs from the true one."""
    content = json.loads((mirror / "downloads.json").read_text())
    for entry in content.values():
        entry.update(changed)
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_where_none_fits_one_is_fetched_and_found_again(world, runner):
    found = find(f"=={VERSION}", context=world, only=("stead",))
    assert found.version == VERSION
    assert found.found == "stead"
    assert found.path.startswith(f"{world.home}/interpreters/")
    said = subprocess.run(
        [
            found.path,
            "-I",
            "-c",
            "import sys, ssl, json; print(sys.prefix, sys.prefix in json.__file__)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said == [os.path.dirname(os.path.dirname(found.path)), "True"]
    runner.ran.clear()
    offline = replace(world, offline=True)
    assert find(f"=={VERSION}", context=offline, only=("stead",)) == found
    assert runner.ran == []


def test_what_was_fetched_is_reported_in_bytes(world):
    told = []

    class Told:
        def total(self, amount):
            raise AssertionError("nobody knows how much it will be")

        def advance(self, amount=1):
            told.append(amount)

    class Heard:
        @contextlib.contextmanager
        def task(self, title, *, unit=""):
            told.append((title, unit))
            yield Told()

        def note(self, text):
            """Nothing is said."""

    fetch(MINOR, replace(world, progress=Heard()))
    assert told[0] == (f"fetching Python {MINOR}", "B")
    fetched = size_of(os.path.join(world.home, "interpreters"))
    assert sum(told[1:]) > 0.9 * fetched > 1_000_000


def test_nothing_is_put_outside_steads_home(world, tmp_path):
    fetch(MINOR, world)
    written = {p.name for p in (tmp_path / "user").rglob("*") if p.is_file()}
    assert not any("python" in name for name in written)


def test_one_is_fetched_from_a_server(world, tmp_path, mirror):
    with serve(mirror) as server:
        archive = f"{server.url}/cpython-{VERSION}-install_only.tar.gz"
        environ = {
            **world.environ,
            "UV_PYTHON_DOWNLOADS_JSON_URL": listed(tmp_path, mirror, url=archive),
        }
        assert fetch(MINOR, replace(world, environ=environ)).version == VERSION
        assert any("install_only" in line for line in server.requests)


def test_the_users_mirror_is_used(world, tmp_path, mirror):
    """What the list says to lie at the upstream project is taken from the mirror instead."""
    upstream = "https://github.com/astral-sh/python-build-standalone/releases/download"
    archive = f"cpython-{VERSION}-install_only.tar.gz"
    environ = {
        **world.environ,
        "UV_PYTHON_DOWNLOADS_JSON_URL": listed(tmp_path, mirror, url=f"{upstream}/{archive}"),
        "UV_PYTHON_INSTALL_MIRROR": mirror.as_uri(),
    }
    assert fetch(MINOR, replace(world, environ=environ)).version == VERSION


def test_two_at_once_fetch_one(world):
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(MINOR, world))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 2
    assert found[0] == found[1]


def test_an_archive_that_is_not_the_listed_one_is_refused(world, tmp_path, mirror):
    environ = {
        **world.environ,
        "UV_PYTHON_DOWNLOADS_JSON_URL": listed(tmp_path, mirror, sha256="0" * 64),
    }
    with pytest.raises(HashMismatchError) as caught:
        fetch(MINOR, replace(world, environ=environ))
    details = "\n".join(caught.value.details)
    assert f"cpython-{VERSION}" in details
    assert f"UV_PYTHON_DOWNLOADS_JSON_URL={tmp_path}/list.json" in details
    kept = [p.name for p in (world.home / "interpreters").iterdir() if not p.name.startswith(".")]
    assert kept == []


def test_a_truncated_archive_is_refused(world, tmp_path, mirror):
    with serve(mirror) as server:
        server.truncate.add(".tar.gz")
        archive = f"{server.url}/cpython-{VERSION}-install_only.tar.gz"
        environ = {
            **world.environ,
            "UV_PYTHON_DOWNLOADS_JSON_URL": listed(tmp_path, mirror, url=archive),
        }
        with pytest.raises((ArtifactError, NetworkError)):
            fetch(MINOR, replace(world, environ=environ))
    kept = [p.name for p in (world.home / "interpreters").iterdir() if not p.name.startswith(".")]
    assert kept == []


def test_a_mirror_out_of_reach_is_a_network_error(world, tmp_path, mirror):
    environ = {
        **world.environ,
        "UV_PYTHON_DOWNLOADS_JSON_URL": listed(tmp_path, mirror, url="http://127.0.0.1:1/x.tar.gz"),
    }
    with pytest.raises(NetworkError) as caught:
        fetch(MINOR, replace(world, environ=environ))
    assert "UV_PYTHON_INSTALL_MIRROR" in caught.value.remedy


def test_a_version_that_nobody_has_is_no_network_error(world):
    with pytest.raises(InterpreterError, match="none can be fetched") as caught:
        find("3.99", context=world)
    assert any(line.startswith(VERSION) for line in caught.value.details)


@pytest.mark.parametrize("forbidden", [{"python_downloads": False}, {"offline": True}])
def test_nothing_is_fetched_where_it_may_not(world, runner, forbidden):
    with pytest.raises(InterpreterError, match="no Python interpreter"):
        find("3.99", context=replace(world, **forbidden))
    assert not any("install" in argv for argv in runner.ran)
    assert not (world.home / "interpreters").exists()


def test_a_home_that_cannot_hold_it_is_an_error(world, tmp_path):
    (tmp_path / "stead" / "interpreters").mkdir(parents=True)
    (tmp_path / "stead" / "interpreters" / ".temp").write_text("in the way")
    with pytest.raises((StoreError, ArtifactError)):
        fetch(MINOR, world)


def test_a_password_of_a_mirror_is_not_shown(context):
    environ = {"UV_PYTHON_INSTALL_MIRROR": "https://ann:secret@mirror.example/py"}
    assert sources(replace(context, environ=environ)) == (
        "UV_PYTHON_INSTALL_MIRROR=https://mirror.example/py",
    )
