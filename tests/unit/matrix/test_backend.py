"""What a project says of its build, what a build sees, and what is remembered of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.matrix import backend, sources
from stead.matrix.backend import LEGACY, Memory, build_system
from stead.matrix.building import meant
from stead.testing.world import make_context
from stead.values.package import PackageDefinition
from stead.values.testenv import PackageSettings

if TYPE_CHECKING:
    from pathlib import Path

    from stead.matrix.backend import BuildSystem


def read(root: Path, **files: str) -> BuildSystem:
    for name, text in files.items():
        (root / name.replace("_", ".")).write_text(text)
    context = make_context(root / "home")
    return build_system(sources.look(str(root), context), Memory(context, str(root)))


def test_a_build_system_is_read_with_its_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        pyproject_toml='[project]\nname = "Spam.Eggs"\nversion = "1"\n[build-system]\n'
        'requires = ["hatchling", "x>=2"]\nbuild-backend = "hatchling.build"\n',
    )
    assert (found.requires, found.backend) == (("hatchling", "x>=2"), "hatchling.build")
    assert (found.name, found.version, found.versioned) == ("spam-eggs", "1", False)
    assert str(found.origin) == f"{tmp_path / 'pyproject.toml'}:5"


def test_what_says_nothing_is_built_by_setuptools(tmp_path: Path) -> None:
    found = read(tmp_path, setup_py="from setuptools import setup; setup()")
    assert found.backend == LEGACY
    assert found.requires == ("setuptools>=40.8.0",)
    again = read(tmp_path, pyproject_toml="[tool.black]\n")
    assert again.backend == LEGACY
    partial = read(tmp_path, pyproject_toml='[build-system]\nrequires = ["setuptools", "cython"]\n')
    assert (partial.backend, partial.requires) == (LEGACY, ("setuptools", "cython"))


@pytest.mark.parametrize(
    ("files", "versioned"),
    [
        ({"pyproject_toml": '[build-system]\nrequires = ["setuptools_scm[toml]>=6"]\n'}, True),
        ({"pyproject_toml": '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n'}, True),
        ({"pyproject_toml": '[tool.pdm.version]\nsource = "scm"\n'}, True),
        ({"pyproject_toml": '[build-system]\nrequires = ["versioningit"]\n'}, True),
        ({"setup_cfg": "[metadata]\nname = x\n", "setup_py": "setup(pbr=True)"}, True),
        ({"setup_py": "import versioneer"}, True),
        ({"setup_py": "subprocess.run(['git', 'rev-parse', 'HEAD'])"}, True),
        ({"setup_py": "setup(url='https://github.com/x/y')"}, False),
        (
            {
                "pyproject_toml": "[build-system]\nrequires = []\nbuild-backend = 'b'\n"
                "backend-path = ['.']\n"
            },
            True,
        ),
        ({"pyproject_toml": '[build-system]\nrequires = ["flit_core"]\n'}, False),
    ],
)
def test_versions_from_version_control_are_told(
    tmp_path: Path, files: dict[str, str], versioned: bool
) -> None:
    assert read(tmp_path, **files).versioned is versioned


def test_what_is_remembered_of_a_kind_is_the_latest(tmp_path: Path) -> None:
    context = make_context(tmp_path / "home")
    first, second = Memory(context, "/spam"), Memory(context, "/spam")
    first.keep("lock a", 1)
    second.keep("lock b", 2)
    assert [Memory(context, "/spam").get(k) for k in ("lock a", "lock b")] == [1, 2]
    for number in range(backend._MOST + 5):
        first.keep(f"system {number}", number)
    later = Memory(context, "/spam")
    assert later.get("system 0") is None
    assert later.get(f"system {backend._MOST + 4}") == backend._MOST + 4
    assert later.get("lock a") == 1
    assert Memory(context, "/eggs").get("lock a") is None


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    context = make_context(tmp_path / "home")
    Memory(context, "/spam").keep("lock a", 1)
    (file,) = (tmp_path / "home").rglob(backend.MEMORY)
    for text in ('{"format": 1', '{"format": 0, "answers": {"lock a": 1}}', "[]"):
        file.write_text(text)
        assert Memory(context, "/spam").get("lock a") is None


def test_a_build_sees_what_is_meant_for_it() -> None:
    environ = {"CC": "clang", "HOME": "/h", "PATH": "/b", "SECRET": "s", "OWN_X": "1", "own_y": "2"}
    wheel = PackageDefinition("wheel", "wheel", "wheel", variables=("OWN_*",))
    assert meant(wheel, None, environ) == {"CC": "clang", "OWN_X": "1", "own_y": "2"}
    settings = PackageSettings(
        ".pkg", pass_env=("*",), disallow_pass_env=("SEC*",), set_env=(("A", "b"),)
    )
    assert meant(wheel, settings, environ) == {
        "CC": "clang", "OWN_X": "1", "own_y": "2", "A": "b",
    }  # fmt: skip
