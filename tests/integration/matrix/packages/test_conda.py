"""Conda packages: made of a wheel or from a recipe, and installed with py-rattler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.matrix import by_conda, products
from stead.pipeline import build as building
from stead.pipeline import lock as locking
from stead.store.builds import release_leases
from stead.testing.index import Sdist, make_project
from stead.testing.world import make_context
from stead.values.errors import ArtifactError, NetworkError, SteadError
from stead.values.manifest import Channel
from stead.values.package import FORMAT_OF, PackageDefinition
from stead.values.requirement import Requirement
from stead.values.spec import PackagesSpec, Spec

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.platform import Platform
    from stead.values.suite import Product

SCRIPTS = """
def build_wheel(directory, settings=None, metadata=None):
    import zipfile
    files = {{
        "spam/__init__.py": "def main():\\n    print('spam from', __file__)\\n",
        "spam-1.5.data/scripts/spam-old": "#!python\\nimport spam; spam.main()\\n",
        "spam-1.5.data/data/share/spam/data.txt": "data",
        "spam-1.5.dist-info/METADATA": "Name: spam\\nVersion: 1.5\\n{metadata}\\n",
        "spam-1.5.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n",
        "spam-1.5.dist-info/entry_points.txt": "[console_scripts]\\nspam = spam:main\\n",
    }}
    record = "".join(f"{{path}},,\\n" for path in [*files, "spam-1.5.dist-info/RECORD"])
    files["spam-1.5.dist-info/RECORD"] = record
    with zipfile.ZipFile(directory + "/spam-1.5-{tag}.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return "spam-1.5-{tag}.whl"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "spam", Sdist("spam", "1.5"))


def scripted(project: Path, tag: str = "py3-none-any", metadata: str = "") -> None:
    (project / "backend.py").write_text(SCRIPTS.format(tag=tag, metadata=metadata))


def conda(**values: object) -> PackageDefinition:
    return PackageDefinition("conda", "conda", FORMAT_OF["conda"], **values)


def info(made: Product, tmp_path: Path, context: Context, name: str) -> dict:
    work = tmp_path / f"work-{name}"
    work.mkdir()
    tree = by_conda.unpacked(made.path, str(work), context)
    with open(os.path.join(tree, "info", name), encoding="utf-8") as file:
        return json.load(file)


def installed(
    made: Product, channels: list[Path], tmp_path: Path, here: Platform, context: Context
) -> Path:
    """Install a package, which a channel of its own offers, by way of py-rattler."""
    import shutil

    own = tmp_path / "own"
    (own / made.tags[0]).mkdir(parents=True)
    (own / "noarch").mkdir(exist_ok=True)
    shutil.copy(made.path, own / made.tags[0])
    by_conda.index(str(own), str(tmp_path), context)
    packages = PackagesSpec(
        requirements=(Requirement("conda", made.name), Requirement("conda", "python")),
        channels=tuple(Channel(str(path)) for path in (own, *channels)),
        python_from="conda",
    )
    root = str(tmp_path)
    spec = Spec(root, root, "default", (), here, packages, name="installed")
    locked = locking.lock(
        spec, None, context=context, environment="default", place=".", interpreter=None
    )
    plan = locking.plan(packages, has_code=True)
    return building.build(building.wanted(spec, locked, None), spec, plan, context)


def said(prefix: Path, program: str) -> str:
    return subprocess.run(
        [prefix / "bin" / program], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["py3-none-any", "own"])
def test_a_package_made_of_a_wheel_installs_with_rattler(
    project: Path, tmp_path: Path, here: Platform, context: Context, conda_channel: Path, tag: str
) -> None:
    minor = f"{sys.version_info[0]}{sys.version_info[1]}"
    if tag == "own":
        tag = f"cp{minor}-none-any"
    scripted(project, tag, "Requires-Dist: packaging>=1\\nRequires-Dist: x; extra == 'more'")
    made = products.make(
        conda(python=f"{sys.version_info[0]}.{sys.version_info[1]}"), str(project), None, context
    )
    noarch = tag == "py3-none-any"
    assert (made.format, made.name, made.version) == ("conda", "spam", "1.5")
    assert made.tags == (("noarch",) if noarch else (here.name,))
    assert any(need.startswith("packaging >=1") for need in made.requires)
    assert not any("more" in need or need.startswith("x") for need in made.requires)
    prefix = installed(made, [conda_channel], tmp_path, here, context)
    site = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    assert said(prefix, "spam").strip() == f"spam from {site / 'spam' / '__init__.py'}"
    if not noarch:
        assert said(prefix, "spam-old") == said(prefix, "spam")
    assert (prefix / "share" / "spam" / "data.txt").read_text() == "data"


def test_editing_what_is_not_in_it_leaves_the_content(
    project: Path, tmp_path: Path, context: Context
) -> None:
    scripted(project, "cp311-none-any")
    first = products.make(conda(), str(project), None, context)
    (project / "test_spam.py").write_text("")
    second = products.make(conda(), str(project), None, context)
    assert second.path != first.path
    assert second.content == first.content
    assert products.make(conda(), str(project), None, context).reused


def test_requirements_that_depend_on_the_place_make_it_one_for_the_place(
    project: Path, tmp_path: Path, here: Platform, context: Context
) -> None:
    scripted(
        project,
        metadata="Requires-Dist: eggs; sys_platform == 'none'\\n"
        "Requires-Dist: ham~=1.2,!=1.3; python_version >= '3'",
    )
    made = products.make(conda(), str(project), None, context)
    assert made.tags == (here.name,)
    assert "ham !=1.3,~=1.2" in made.requires
    assert not any(need.startswith("eggs") for need in made.requires)


def test_a_home_with_spaces_and_a_summary_like_an_expression_do_no_harm(
    project: Path, tmp_path: Path, context: Context
) -> None:
    scripted(project, metadata="Summary: costs ${{ amount }}")
    spaced = make_context(tmp_path / "my 'own' home")
    made = products.make(conda(), str(project), None, spaced)
    assert info(made, tmp_path, spaced, "about.json")["summary"] == "costs $ {{ amount }}"
    release_leases()


def test_a_requirement_that_conda_cannot_have_is_named(project: Path, context: Context) -> None:
    scripted(project, metadata="Requires-Dist: eggs @ https://example.org/eggs-1.tar.gz")
    with pytest.raises(ArtifactError, match="cannot ask for eggs @"):
        products.make(conda(), str(project), None, context)


def test_configuration_travels_in_the_package(
    project: Path, tmp_path: Path, context: Context
) -> None:
    (project / "stead.toml").write_text('[vars]\nSPAM_MODE = "quick"\n')
    made = products.make(conda(), str(project), None, context)
    paths = {entry["_path"] for entry in info(made, tmp_path, context, "paths.json")["paths"]}
    assert "etc/conda/env_vars.d/spam.json" in paths
    assert any(path.endswith("spam-1.5.dist-info/stead.toml") for path in paths)


RECIPE = """
package: {name: spam, version: "1.5"}
source: {path: ..}
build:
  script:
    - mkdir -p $PREFIX/share/spam
    - cp src/spam/__init__.py $PREFIX/share/spam/
    - test ! -e left-behind
    - %s
requirements:
  run: [ham >=1]
"""


@pytest.fixture
def recipe(project: Path) -> PackageDefinition:
    (project / "conda").mkdir()
    (project / "conda" / "recipe.yaml").write_text(RECIPE % "echo building spam")
    return conda(recipe=str(project / "conda" / "recipe.yaml"))


def test_a_recipe_builds_the_project(
    project: Path, recipe: PackageDefinition, here: Platform, context: Context
) -> None:
    lines: list[str] = []
    made = products.make(recipe, str(project), None, context, lines.append)
    assert (made.name, made.version, made.tags) == ("spam", "1.5", (here.name,))
    assert made.requires == ("ham >=1",)
    assert any("building spam" in line for line in lines)
    assert products.make(recipe, str(project), None, context).reused
    (project / "conda" / "recipe.yaml").write_text(RECIPE % "echo otherwise")
    assert not products.make(recipe, str(project), None, context).reused


def test_a_recipe_that_fails_shows_what_it_said(
    project: Path, recipe: PackageDefinition, context: Context
) -> None:
    (project / "conda" / "recipe.yaml").write_text(RECIPE % "echo no compiler here; exit 3")
    with pytest.raises(ArtifactError) as raised:
        products.make(recipe, str(project), None, context)
    assert any("no compiler here" in line for line in raised.value.details)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("package: {name: spam", "could not be built"),
        (
            (
                "recipe: {name: spam, version: '1'}\noutputs:\n"
                "  - package: {name: one}\n  - package: {name: two}\n"
            ),
            "several packages",
        ),
    ],
)
def test_a_recipe_that_is_none_or_makes_two_is_refused(
    project: Path, recipe: PackageDefinition, context: Context, text: str, says: str
) -> None:
    (project / "conda" / "recipe.yaml").write_text(text)
    with pytest.raises(ArtifactError, match=says):
        products.make(recipe, str(project), None, context)


def test_a_file_that_is_no_conda_package_is_refused(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "spam-1.0-0.conda"
    path.write_bytes(b"no archive")
    asked = PackageDefinition("given", "file", "conda", file=str(path))
    with pytest.raises(ArtifactError, match="no conda package"):
        products.make(asked, str(tmp_path), None, context)


def test_a_released_conda_package_is_fetched(
    tmp_path: Path, context: Context, conda_channel: Path
) -> None:
    channel = Channel(str(conda_channel))
    asked = PackageDefinition(
        "released", "release", "conda", distribution="iniconfig",
        version=_version("iniconfig"), channels=(channel,),
    )  # fmt: skip
    made = products.make(asked, str(tmp_path), None, context)
    assert (made.name, made.format) == ("iniconfig", "conda")
    assert products.make(asked, str(tmp_path), None, context).reused


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def test_offline_nothing_is_fetched(tmp_path: Path, context: Context) -> None:
    asked = PackageDefinition(
        "released", "release", "conda", distribution="spam", version="1.0",
        channels=(Channel("http://127.0.0.1:9/channel"),),
    )  # fmt: skip
    offline = make_context(context.home, offline=True)
    with pytest.raises((NetworkError, SteadError)):
        products.make(asked, str(tmp_path), None, offline)
