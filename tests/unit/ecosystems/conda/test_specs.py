"""Requests for conda packages, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.ecosystems.conda.specs import match_spec, parse_spec
from stead.values.errors import ManifestError
from stead.values.origin import Origin
from stead.values.requirement import Requirement

HERE = Origin("environment.yml", 3)


@pytest.mark.parametrize(
    ("written", "name", "spec", "index"),
    [
        ("numpy", "numpy", "", ""),
        ("NumPy", "numpy", "", ""),
        ("numpy=1.26", "numpy", "1.26.*", ""),
        ("numpy =1.26", "numpy", "1.26.*", ""),
        ("numpy = 1.26", "numpy", "1.26.*", ""),
        ("numpy=1.26*", "numpy", "1.26.*", ""),
        ("numpy=1.26.*", "numpy", "1.26.*", ""),
        ("numpy==1.26", "numpy", "==1.26", ""),
        ("numpy 1.26", "numpy", "1.26", ""),
        ("numpy!=1.26", "numpy", "!=1.26", ""),
        ("numpy~=1.26", "numpy", "~=1.26", ""),
        ("numpy>=1,<2", "numpy", ">=1,<2", ""),
        ("numpy >=1, <2", "numpy", ">=1,<2", ""),
        ("numpy >= 1 , < 2", "numpy", ">=1,<2", ""),
        ("numpy 1.8|1.9", "numpy", "1.8|1.9", ""),
        ("numpy >=1,=1.3", "numpy", ">=1,1.3.*", ""),
        ("numpy=1.26=py312_0", "numpy", "==1.26 py312_0", ""),
        ("numpy==1.26=py312_0", "numpy", "==1.26 py312_0", ""),
        ("numpy 1.26 py312_0", "numpy", "1.26 py312_0", ""),
        ("numpy >=1,<2 py312*", "numpy", ">=1,<2 py312*", ""),
        ("numpy=1.26.*=py312*", "numpy", "1.26.* py312*", ""),
        ("blas=*=openblas", "blas", "* openblas", ""),
        ("blas * *openblas", "blas", "* *openblas", ""),
        ("python=3.12", "python", "3.12.*", ""),
        ("conda-forge::numpy", "numpy", "", "conda-forge"),
        ("conda-forge::numpy=1.26", "numpy", "1.26.*", "conda-forge"),
        ("https://host/channel::numpy >=1", "numpy", ">=1", "https://host/channel"),
        ("./my channel::numpy", "numpy", "", "./my channel"),
        ("pkg[version='>=1',build=py_0]", "pkg", ">=1 py_0", ""),
        ('pkg[version=">=1,<2", channel=other]', "pkg", ">=1,<2", "other"),
        ("pkg[build=py_0]", "pkg", "* py_0", ""),
        ("pkg=1[version='2.*']", "pkg", "2.*", ""),
        ("pkg[build_number='>3']", "pkg", '[build_number=">3"]', ""),
        ("other/linux-64::pkg[subdir=linux-64]", "pkg", '[subdir="linux-64"]', "other"),
        ("_libgcc_mutex 0.1 conda_forge", "_libgcc_mutex", "0.1 conda_forge", ""),
        ("__glibc >=2.17", "__glibc", ">=2.17", ""),
        ("  numpy  # because", "numpy", "", ""),
    ],
)
def test_each_form_is_read(written: str, name: str, spec: str, index: str) -> None:
    requirement = parse_spec(written, HERE)
    assert (requirement.name, requirement.spec, requirement.index) == (name, spec, index)
    assert requirement.ecosystem == "conda"
    assert requirement.origin == HERE


@pytest.mark.parametrize(
    "written",
    ["", "  ", "=1.0", "::numpy", "numpy >>1", "numpy =", "numpy >=1,,<2", "numpy;python_version>'3'",
     "n*mpy", "num py 1 2 3", "numpy[", "numpy[version]", "numpy[foo=1]", "numpy >=1 <2 x", "/numpy",
     "numpy ==1.a.b.!!", "numpy[md5=abc]"],
)  # fmt: skip
def test_each_mistake_has_a_place_and_a_remedy(written: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_spec(written, HERE)
    assert caught.value.where == HERE
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("spec", "meaning"),
    [
        ("=1.26", "numpy 1.26.*"),
        ("1.26.*", "numpy 1.26.*"),
        ("1.26", "numpy ==1.26"),
        ("==1.26.*", "numpy 1.26.*"),
        (">=1 py_0", "numpy >=1 py_0"),
        ("=1.26=py_0", "numpy ==1.26 py_0"),
        ("* py_0", "numpy * py_0"),
        ("", "numpy"),
    ],
)
def test_specs_of_other_readers_are_understood(spec: str, meaning: str) -> None:
    assert str(match_spec(Requirement("conda", "numpy", spec))) == meaning


@pytest.mark.parametrize(
    ("spec", "meaning"),
    [
        ("", "python"),
        ("3", "python 3.*"),
        ("3.12", "python 3.12.*"),
        ("3.12.1", "python ==3.12.1"),
        (">=3.11, <3.13", "python >=3.11,<3.13"),
        ("==3.12.*", "python 3.12.*"),
        ("===3.12.1", "python ==3.12.1"),
        ("~=3.11", "python ~=3.11"),
        ("!=3.12.0", "python !=3.12.0"),
        ("!=3.12.*", "python !=3.12.*"),
    ],
)
def test_a_request_for_python_is_pep_440(spec: str, meaning: str) -> None:
    assert str(match_spec(Requirement("python", "python", spec))) == meaning


def test_a_channel_becomes_its_address() -> None:
    spec = match_spec(Requirement("conda", "numpy", ">=1"), "file:///srv/channel/")
    assert spec.channel
    assert spec.channel.base_url == "file:///srv/channel/"
    assert spec.version == ">=1"


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(written: str) -> None:
    try:
        requirement = parse_spec(written, HERE)
    except ManifestError:
        return
    match_spec(requirement)


@given(
    st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True),
    st.lists(st.sampled_from([">=1", "<2.0", "!=1.5", "1.*", "==1.2", "~=1.4"]), max_size=3),
    st.sampled_from(["", "py312_0", "*_cpython"]),
    st.sampled_from(["", "conda-forge", "./local"]),
)
def test_what_is_read_can_be_written_and_read_again(
    name: str, versions: list[str], build: str, index: str
) -> None:
    version = ",".join(versions) or ("*" if build else "")
    written = (f"{index}::" if index else "") + f"{name} {version} {build}".strip()
    first = parse_spec(written, HERE)
    again = parse_spec((f"{first.index}::" if index else "") + f"{first.name} {first.spec}", HERE)
    assert again == first
