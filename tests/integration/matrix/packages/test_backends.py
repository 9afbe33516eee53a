"""Back ends that projects really have, with the requirements that these really need."""

from __future__ import annotations

import os
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from stead.matrix import products
from stead.store.builds import release_leases
from stead.testing.world import make_context
from stead.values.package import FORMAT_OF, PackageDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.context import Context

pytestmark = [pytest.mark.network, pytest.mark.slow]

PROJECT = '[project]\nname = "demo"\ndynamic = ["version"]\ndescription = "x"\n'
FIXED = PROJECT.replace('dynamic = ["version"]', 'version = "2.5"')


def system(requires: str, backend: str) -> str:
    return f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n'


PROJECTS = {
    "hatch-vcs": system('"hatchling", "hatch-vcs"', "hatchling.build")
    + PROJECT
    + '[tool.hatch.version]\nsource = "vcs"\n',
    "setuptools-scm": system('"setuptools>=64", "setuptools-scm>=8"', "setuptools.build_meta")
    + PROJECT
    + "[tool.setuptools_scm]\n",
    "pdm-backend": system('"pdm-backend"', "pdm.backend")
    + PROJECT
    + '[tool.pdm.version]\nsource = "scm"\n',
    "setuptools": system('"setuptools>=64"', "setuptools.build_meta") + FIXED,
    "flit-core": system('"flit_core>=3.11"', "flit_core.buildapi") + FIXED,
    "poetry-core": system('"poetry-core>=2"', "poetry.core.masonry.api") + FIXED,
    "setup.py": "",
}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    # What says how to reach the index from here.
    environ = {**os.environ, "HOME": str(tmp_path)}
    yield make_context(tmp_path / "home", environ=environ)
    release_leases()


@pytest.fixture(params=PROJECTS)
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A project in git, tagged 2.5, with what an earlier build has left."""
    root = tmp_path / "demo"
    (root / "src" / "demo").mkdir(parents=True)
    (root / "src" / "demo" / "__init__.py").write_text('"""Demo."""\n')
    (root / ".gitignore").write_text("build/\n")
    (root / "build" / "lib" / "demo").mkdir(parents=True)
    (root / "build" / "lib" / "demo" / "stale.py").write_text("")
    text = PROJECTS[request.param]
    if text:
        (root / "pyproject.toml").write_text(text)
    else:
        (root / "setup.py").write_text(
            "from setuptools import setup\nsetup(name='demo', version='2.5', packages=['demo'],"
            " package_dir={'': 'src'})\n"
        )
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v2.5"]):
        subprocess.run(["git", "-C", str(root), *who, *words], check=True)
    return root


def test_a_real_back_end_builds_every_way(project: Path, context: Context) -> None:
    def made(builder: str):
        definition = PackageDefinition(builder, builder, FORMAT_OF[builder])
        return products.make(definition, str(project), None, context)

    sdist, wheel, through = made("sdist"), made("wheel"), made("sdist-wheel")
    editable, metadata = made("editable"), made("metadata")
    for one in (sdist, wheel, through, editable, metadata):
        assert (one.name, one.version) == ("demo", "2.5")
    assert wheel.content == through.content
    with zipfile.ZipFile(wheel.path) as archive:
        names = archive.namelist()
    assert "demo/__init__.py" in names
    assert not any("stale" in name for name in names)
    with tarfile.open(sdist.path) as archive:
        assert "demo-2.5/src/demo/__init__.py" in archive.getnames()
    assert made("wheel").reused


def test_a_compiled_package_is_built_for_its_interpreter(tmp_path: Path, context: Context) -> None:
    root = tmp_path / "quick"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        system('"setuptools>=75"', "setuptools.build_meta")
        + '[project]\nname = "quick"\nversion = "1"\n'
        "[tool.setuptools]\next-modules = [{name = 'quick', sources = ['quick.c']}]\n"
    )
    (root / "quick.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef quick = {PyModuleDef_HEAD_INIT, "quick", NULL, -1, NULL};\n'
        "PyMODINIT_FUNC PyInit_quick(void) { return PyModule_Create(&quick); }\n"
    )
    asked = PackageDefinition("wheel", "wheel", "wheel")
    made = products.make(asked, str(root), None, context)
    assert made.tags
    assert not any(tag.endswith("none-any") for tag in made.tags)
    (root / "notes.txt").write_text("")
    again = products.make(asked, str(root), None, context)
    assert not again.reused
    assert again.content == made.content
