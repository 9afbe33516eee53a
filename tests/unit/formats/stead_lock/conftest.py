"""Locks to write and read."""

from __future__ import annotations

import hashlib

import pytest

from stead.values.lock import Artifact, File, Lock, LockedEnvironment


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def conda(name, version="1.0", platform="linux-64", depends=(), **extra):
    build = extra.pop("build", "py312_0")
    file = f"{platform}/{name}-{version}-{build}.conda"
    return Artifact(
        "conda",
        name,
        version,
        "conda-forge",
        (File(file, sha(file), 1000),),
        tuple(depends),
        None,
        (("build", build), ("subdir", platform), *extra.items()),
    )


def pypi(name, version="1.0", **fields):
    files = tuple(File(f"{name}-{version}-{t}.whl", sha(name + t), 10) for t in ("a", "b"))
    return Artifact("pypi", name, version, "pypi", fields.pop("files", files), **fields)


def locked(*artifacts, place=".", environment="default", platform="linux-64", python="3.12"):
    members = tuple(sorted(artifacts, key=lambda a: a.id))
    requests = tuple(sorted(f"{a.ecosystem} {a.name}" for a in artifacts))
    return LockedEnvironment(place, environment, platform, requests, python, members)


@pytest.fixture
def lock():
    """A lock with a bit of everything."""
    shared = conda("tzdata", platform="noarch", build="h1_0")
    return Lock(
        (
            locked(
                conda("numpy", "2.1", depends=("libblas >=3.9", "python >=3.12,<3.13.0a0")),
                shared,
                pypi("tomli", depends=('typing; python_version < "3.11"',)),
            ),
            locked(conda("numpy", "2.1", "osx-arm64"), shared, platform="osx-arm64"),
            locked(pypi("tomli"), place="services/api", environment="py312-test"),
        )
    )
