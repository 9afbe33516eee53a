"""Which package builds serve which environments."""

from __future__ import annotations

import pytest

from stead.matrix.plan import Target, factors, plan
from stead.values.errors import CycleError, ManifestError
from stead.values.origin import Origin
from stead.values.package import PackageDefinition

SDIST = PackageDefinition("sdist", "sdist", "sdist")
WHEEL = PackageDefinition("wheel", "wheel", "wheel")
CONDA = PackageDefinition("conda", "conda", "conda")
UNIVERSAL = PackageDefinition("wheel", "wheel", "wheel", universal=True)


def target(name, **more):
    """Make an environment of Linux whose kind and interpreter its name says."""
    parts = name.split("-")
    version = next((p.removeprefix("py3") for p in parts if p.startswith("py3")), "12")
    kind = "conda" if "conda" in parts else "venv"
    given = {
        "kind": kind,
        "python": f"3.{version}.1",
        "interpreter": f"cpython3{version}",
        "sys_platform": "linux",
        "machine": "x86_64",
    }
    return Target(name, **(given | more))


MATRIX = [target(f"py3{v}-{kind}") for v in (10, 11, 12) for kind in ("venv", "conda")]


def labels(made):
    return [cell.label for cell in made.cells]


def test_every_environment_able_to_install_a_format_takes_it():
    made = plan([SDIST, WHEEL, CONDA], MATRIX)
    assert labels(made) == [
        f"({package}) py3{v}-{kind}"
        for v in (10, 11, 12)
        for kind in ("venv", "conda")
        for package in ("sdist", "wheel", "conda")
        if package != "conda" or kind == "conda"
    ]
    assert [b.key for b in made.builds] == [
        *("sdist", "wheel-cpython310", "conda-cpython310"),
        *("wheel-cpython311", "conda-cpython311", "wheel-cpython312", "conda-cpython312"),
    ]
    assert made.builds[1].serves == ("(wheel) py310-venv", "(wheel) py310-conda")
    assert made.builds[1].interpreter == "cpython310"
    assert not any(cell.skip for cell in made.cells)


def test_a_universal_package_is_built_once_if_its_definition_says_so():
    (build,) = plan([UNIVERSAL], MATRIX).builds
    assert (build.key, build.interpreter, len(build.serves)) == ("wheel", "", 6)
    assert {c.later for c in plan([UNIVERSAL], MATRIX).cells} == {("tags", "requires-python")}


@pytest.mark.parametrize("more", [{"python": "3.12"}, {"environment": "build"}])
def test_a_package_with_its_own_interpreter_is_built_once_and_its_tags_decide_later(more):
    made = plan([PackageDefinition("wheel", "wheel", "wheel", **more)], MATRIX)
    assert [b.key for b in made.builds] == ["wheel"]
    assert made.cells[0].later == ("tags", "requires-python")


def test_what_is_decided_only_after_a_build():
    cells = plan([SDIST, WHEEL], MATRIX[:1]).cells
    assert [c.later for c in cells] == [("requires-python",), ("requires-python",)]
    cells = plan([SDIST, UNIVERSAL], MATRIX[:1], requires_python=">=3.8").cells
    assert [c.later for c in cells] == [(), ("tags",)]


@pytest.mark.parametrize(
    ("match", "environments"),
    [
        ("py3{10-11}", ["py310-venv", "py310-conda", "py311-venv", "py311-conda"]),
        ("venv-!py312", ["py310-venv", "py311-venv"]),
        ("conda-py310,venv-py312", ["py310-conda", "py312-venv"]),
        ("linux-conda", ["py310-conda", "py311-conda", "py312-conda"]),
        ("x86_64-py312", ["py312-venv", "py312-conda"]),
        ("wheel-py310", ["py310-venv", "py310-conda"]),
        ("windows", []),
    ],
)
def test_match(match, environments):
    made = plan([PackageDefinition("wheel", "wheel", "wheel", match=(match,))], MATRIX)
    assert [c.environment for c in made.cells if c.definition] == environments
    assert made.unmatched == (() if environments else ("wheel",))


def test_a_definition_called_as_a_kind_can_match_that_kind():
    made = plan([PackageDefinition("conda", "conda", "conda", match=("conda-py310",))], MATRIX)
    assert [c.environment for c in made.cells if c.definition] == ["py310-conda"]
    made = plan([PackageDefinition("conda", "conda", "conda", match=("conda",))], MATRIX)
    assert not [c for c in made.cells if c.definition and c.skip]


def test_an_environment_is_listed_once_for_each_package_and_bare_without_any():
    made = plan([SDIST, WHEEL], [target("py312-linux-venv"), target("lint", packages=())])
    assert labels(made) == ["(sdist) py312-linux-venv", "(wheel) py312-linux-venv", "lint"]


def test_the_name_of_a_package_is_a_factor():
    made = plan([SDIST, WHEEL], [target("py312-wheel"), target("py312")])
    assert labels(made) == ["(wheel) py312-wheel", "(sdist) py312", "(wheel) py312"]
    assert "wheel" in made.cells[0].factors
    assert {"sdist", "py312", "linux", "venv", "x86_64"} <= set(made.cells[1].factors)


def test_a_layer_says_which_packages_are_taken():
    made = plan([SDIST, WHEEL], [target("py312", packages=("wheel",)), target("py311-sdist")])
    assert labels(made) == ["(wheel) py312", "(sdist) py311-sdist"]
    with pytest.raises(ManifestError, match="whel") as caught:
        plan([WHEEL], [target("a", packages=("whel",), origin=Origin("stead.toml", 3))])
    assert str(caught.value.where) == "stead.toml:3"
    assert caught.value.remedy == "did you mean wheel?"


def test_what_no_chosen_environment_needs_is_not_built():
    made = plan([SDIST, WHEEL, CONDA], MATRIX, ["py310-venv"])
    assert [b.definition for b in made.builds] == ["sdist", "wheel"]
    assert made.unused == ("conda",)
    assert made.unmatched == ()


def test_a_format_that_cannot_be_installed_is_a_skip_with_its_reason():
    (cell,) = plan([CONDA], [target("py312", packages=("conda",))]).cells
    assert cell.skip == "venv cannot install a package of format conda"
    assert not plan([CONDA], [target("py312", packages=("conda",))]).builds


def test_requires_python_is_a_skip_with_its_reason():
    made = plan([WHEEL], MATRIX[::2], requires_python=">=3.11")
    assert [c.skip for c in made.cells] == ["Requires-Python >=3.11 does not admit 3.10.1", "", ""]
    assert [b.key for b in made.builds] == ["wheel-cpython311", "wheel-cpython312"]


def test_the_tag_of_a_given_file_is_a_skip_with_its_reason():
    given = PackageDefinition("given", "file", "wheel", file="/w/x-1-cp311-cp311-linux_x86_64.whl")
    tags = {"tags": ("cp311-cp311-linux_x86_64", "py3-none-any")}
    made = plan([given], [target("py311", **tags), target("py312", tags=("py3-none-any",))])
    assert [c.skip for c in made.cells] == [
        *("", "the tag cp311-cp311-linux_x86_64 does not fit cpython312")
    ]
    assert made.builds == ()
    with pytest.raises(ManifestError, match="not the name of a wheel"):
        plan(
            [PackageDefinition("given", "file", "wheel", file="/w/x.whl")],
            [target("py311", **tags)],
        )


def test_a_released_version_is_not_built():
    made = plan([PackageDefinition("old", "release", "wheel", version="1.0")], MATRIX[:1])
    assert (made.builds, made.cells[0].label) == ((), "(old) py310-venv")


def test_a_missing_interpreter_is_a_skip_with_its_name():
    made = plan([WHEEL], [target("py38", python="", interpreter="", missing="py38")])
    assert made.cells[0].skip == "no interpreter answers py38"
    assert made.builds == ()


def test_cells_stand_behind_those_they_depend_on():
    targets = [target("report", depends=("py*",), packages=()), target("py311"), target("py312")]
    made = plan([SDIST], targets)
    assert labels(made) == ["(sdist) py311", "(sdist) py312", "report"]
    assert made.cells[2].after == ("(sdist) py311", "(sdist) py312")
    assert plan([SDIST], targets, ["report"]).cells[0].after == ()


def test_a_circle_of_depends_names_its_members():
    targets = [
        target("a", depends=("b",)),
        target("b", depends=("{c,d}",)),
        target("c", depends=("a",)),
    ]
    with pytest.raises(CycleError, match="a → b → c → a"):
        plan([], targets)


def test_kinds_of_plugins_say_what_they_install():
    made = plan(
        [WHEEL], [Target("box", kind="chroot", installs=("wheel",), interpreter="cpython312")]
    )
    assert labels(made) == ["(wheel) box"]


def test_factors_of_an_environment():
    held = factors(target("test", sys_platform="darwin", machine="arm64"))
    assert {"test", "darwin", "osx", "arm64", "py312", "venv"} == held
