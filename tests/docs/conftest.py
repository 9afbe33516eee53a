"""A world for the commands in the documentation: an account, an index, a conda channel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stead.testing.index import Wheel, make_index

PROGRAMS = Path(sys.prefix) / "bin"
HERE = Path(__file__).resolve().parent

# The tests share `pages.py`, and import `docs/generate.py`.
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "docs")]

PYTEST = "def main():\n    print('1 passed')\n"
KERNEL = "__version__ = '7.1.0'\n"
# A build back end for projects with their code in `src/NAME`, enough for the pages.
BACKEND = """
import os, tarfile, tomllib, zipfile

def build_sdist(sdist_directory, config_settings=None):
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    stem = f"{project['name']}-{project['version']}"
    with tarfile.open(os.path.join(sdist_directory, f"{stem}.tar.gz"), "w:gz") as archive:
        for path in ("pyproject.toml", "src"):
            archive.add(path, f"{stem}/{path}")
    return f"{stem}.tar.gz"

def _wheel(directory, editable):
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {need}" for need in project.get("dependencies", [])]
    files = {
        f"{info}/METADATA": "\\n".join(metadata) + "\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    if editable:
        files[f"_{name}.pth"] = os.path.abspath("src") + "\\n"
    else:
        with open(f"src/{name}/__init__.py") as file:
            files[f"{name}/__init__.py"] = file.read()
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    made = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, made), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return made

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, False)

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, True)
"""


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages with the names that the pages use; small ones, which need what they show."""
    packages = [
        Wheel("numpy", "2.2.6"),
        Wheel("numpy", "2.3.5"),
        Wheel("six", "1.17.0"),
        Wheel("python-dateutil", "2.9.0", requires=("six>=1.5",), files=_module("dateutil")),
        Wheel("pandas", "2.2.3", requires=("numpy>=1.26,<2.3", "python-dateutil>=2.8.2")),
        Wheel("pandas", "2.3.3", requires=("numpy>=1.26", "python-dateutil>=2.8.2")),
        Wheel("iniconfig", "2.3.0"),
        Wheel("pip", "25.3"),
        Wheel(
            "pytest",
            "9.0.1",
            requires=("iniconfig>=1",),
            scripts={"pytest": "pytest:main"},
            files={"pytest.py": PYTEST},
        ),
        Wheel("tqdm", "4.67.1"),
        Wheel("rich", "14.2.0"),
        Wheel("packaging", "25.0"),
        Wheel("requests", "2.32.5", extras=("socks",)),
        Wheel(
            "ipykernel",
            "7.1.0",
            files={"ipykernel/__init__.py": KERNEL, "ipykernel_launcher.py": ""},
        ),
        Wheel(
            "hatchling",
            "1.28.0",
            files={"hatchling/__init__.py": "", "hatchling/build.py": BACKEND},
        ),
    ]
    return make_index(tmp_path_factory.mktemp("index"), packages)


def _module(name: str) -> dict[str, str]:
    return {f"{name}/__init__.py": "\n"}


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory):
    """A conda channel with the running CPython, made when a page first needs it."""
    made: list[Path] = []

    def make() -> Path:
        if not made:
            from rattler import Subdir

            from stead.testing import Package, cpython, make_channel, text

            def library(name: str, version: str, *depends: str) -> Package:
                entry = text(f"share/{name}/README", f"{name} {version}\n")
                return Package(name, version, depends=depends, entries=(entry,))

            def module(name: str, version: str, *depends: str) -> Package:
                info = f"site-packages/{name}-{version}.dist-info"
                return Package(
                    name,
                    version,
                    depends=("python >=3", *depends),
                    noarch="python",
                    entries=(
                        text(f"site-packages/{name}/__init__.py", f"__version__ = {version!r}\n"),
                        text(
                            f"{info}/METADATA",
                            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                        ),
                        text(f"{info}/RECORD", ""),
                        text(f"{info}/INSTALLER", "conda\n"),
                    ),
                )

            packages = [
                cpython(),
                library("proj", "9.6.2"),
                library("gdal", "3.11.4", "proj >=9"),
                module("numpy", "2.3.4"),
                module("packaging", "25.0"),
            ]
            where = tmp_path_factory.mktemp("channel")
            made.append(make_channel(where, packages, str(Subdir.current())))
        return made[0]

    return make


@pytest.fixture
def account(tmp_path: Path, index: Path) -> dict[str, str]:
    """The variables of somebody's shell, whose home is a scratch directory."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "gitconfig").write_text(
        "[user]\nname = Ada\nemail = ada@example.invalid\n"
        "[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n",
        encoding="utf-8",
    )
    return {
        "HOME": str(home),
        "PATH": f"{PROGRAMS}{os.pathsep}/usr/local/bin:/usr/bin:/bin",
        "UV_DEFAULT_INDEX": f"{index.as_uri()}/simple",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
