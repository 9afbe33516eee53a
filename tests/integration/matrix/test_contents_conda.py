"""Conda environments of a suite, with packages of both kinds under test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents
from stead.testing.channel import Package, text, write_package
from stead.testing.index import Wheel
from stead.values.errors import ArtifactError, UnsatisfiableError
from stead.values.frozen import replace
from stead.values.manifest import Channel
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment, Product

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.platform import Platform
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Ready

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path: Path) -> str:
    path = tmp_path / "a project"
    path.mkdir()
    return str(path)


@pytest.fixture
def environment(packages: PackagesSpec, conda_channel: Path) -> Environment:
    held = replace(packages, channels=(Channel(str(conda_channel)),))
    return Environment("py-conda", kind="conda", contents=Contents(held))


def conda_package(directory: Path, here: Platform, said: str, *depends: str) -> Product:
    made = Package(
        "demo",
        "0.1",
        depends=("python", *depends),
        entries=(text("share/demo/said", said),),
        noarch="generic",
    )
    path = write_package(directory, made, here.name)
    return Product("conda", "conda", str(path), f"content {said}", "demo", "0.1", made.depends)


def read(ready: Ready, path: str) -> str:
    return Path(ready.prefix, path).read_text().strip()


def python(ready: Ready, code: str) -> str:
    program = os.path.join(ready.programs[0], "python")
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_conda_package_is_installed_with_what_it_needs(
    environment: Environment, root: str, tmp_path: Path, here: Platform, context: Context
) -> None:
    product = conda_package(tmp_path / "made", here, "one", "tool >=2")
    ready = contents.ready(environment, product, root, context)
    assert read(ready, "share/demo/said") == "one"
    assert read(ready, "share/tool/version") == "2.1"
    assert dict(ready.environ)["CONDA_PREFIX"] == ready.prefix
    again = contents.ready(environment, product, root, context)
    assert again == replace(ready, reused=True)


def test_new_content_of_a_conda_package_solves_nothing_anew(
    environment: Environment, root: str, tmp_path: Path, here: Platform, context: Context
) -> None:
    first = conda_package(tmp_path / "first", here, "one")
    second = conda_package(tmp_path / "second", here, "two")
    contents.ready(environment, first, root, context)
    said: list[str] = []
    ready = contents.ready(environment, second, root, context, said.append)
    assert read(ready, "share/demo/said") == "two"
    assert not any("resolving" in line for line in said)


def test_a_wheel_is_installed_into_condas_python(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    wheel = Wheel("demo", "0.1", requires=("dep<2", "packaging"))
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    product = Product("wheel", "wheel", str(path), "c", "demo", "0.1", wheel.requires)
    asked = (Requirement("conda", "python"), Requirement("conda", "packaging"))
    packages = replace(environment.contents.packages, requirements=asked)
    environment = replace(environment, contents=replace(environment.contents, packages=packages))
    ready = contents.ready(environment, product, root, context)
    code = "import demo, dep, packaging, sys; print(dep.__version__, sys.prefix)"
    assert python(ready, code) == f"1.0 {ready.prefix}"
    assert os.path.exists(os.path.join(ready.prefix, "conda-meta"))


def test_what_a_conda_package_needs_and_is_not_there_is_named(
    environment: Environment, root: str, tmp_path: Path, here: Platform, context: Context
) -> None:
    product = conda_package(tmp_path / "made", here, "one", "nowhere >=2")
    with pytest.raises(UnsatisfiableError, match="nowhere"):
        contents.ready(environment, product, root, context)


def test_a_file_that_is_no_conda_package_is_said_to_be_none(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    path = tmp_path / "demo-0.1-0.conda"
    path.write_bytes(b"nothing of the kind")
    product = Product("conda", "conda", str(path), "c", "demo", "0.1")
    with pytest.raises(ArtifactError, match="no conda package"):
        contents.ready(environment, product, root, context)
