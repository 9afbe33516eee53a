"""Locking conda packages against real channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda import Conda, python_identity
from stead.testing import Package, make_channel, text
from stead.testing.specimens import versions
from stead.values.digest import canonical
from stead.values.errors import ArtifactError, ManifestError, UnsatisfiableError
from stead.values.manifest import Channel
from stead.values.origin import Origin
from stead.values.platform import Platform
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place

DAY = 86_400_000
NEW_YEAR_2021 = 1_609_459_200_000


def names(artifacts: tuple) -> dict[str, str]:
    return {a.name: a.version for a in artifacts}


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("tool=1.0", "1.0"),
        ("tool=1", "1.1"),
        ("tool 1.0", "1.0"),
        ("tool==2.0", "2.0"),
        ("tool>=1,<2", "1.1"),
        ("tool >=1, <2", "1.1"),
        ("tool 2.*", "2.1"),
        ("tool=2.0=0", "2.0"),
        ("tool[version='<2',build=0]", "1.1"),
        ("./channel::tool", "2.1"),
        ("tool !=2.1", "2.0"),
    ],
)
def test_each_way_of_writing_a_version(place: Place, spec: str, version: str) -> None:
    assert names(place.lock(spec)) == {"tool": version}


def test_an_artifact_is_relative_to_its_channel(place: Place) -> None:
    [tool] = place.lock("tool")
    assert tool.index == "./channel"
    assert tool.files[0].name == "tool-2.1-0.conda"
    assert tool.get("subdir") == "noarch"
    assert tool.files[0].size > 0
    assert tool.extra == tuple(sorted(tool.extra))
    assert str(place.directory) not in canonical(tool).decode()


def test_a_channel_in_two_places_is_one_lock(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "channel").symlink_to((place.directory / "channel").resolve())
    clone = replace(place, directory=other, channels=(Channel("./channel", str(other)),))
    assert clone.lock("uses-tool", "python") == place.lock("uses-tool", "python")


def test_python_may_be_asked_for_by_the_python_ecosystem(place: Place) -> None:
    minor = python_identity(place.lock("python"))
    request = place.request(
        requirements=(Requirement("python", "python", minor), Requirement("conda", "tool"))
    )
    locked = Conda().lock(request, place.context)
    assert python_identity(locked) == minor
    assert python_identity(place.lock("tool")) == ""


def test_requests_of_other_ecosystems_are_left_alone(place: Place) -> None:
    request = place.request("tool")
    more = (*request.requirements, Requirement("pypi", "not-a-conda-package"))
    assert names(Conda().lock(replace(request, requirements=more), place.context)) == {
        "tool": "2.1"
    }


def test_the_first_channel_wins(place: Place, tmp_path: Path) -> None:
    make_channel(tmp_path / "first", versions("tool", "0.9"), place.platform.name)
    place = place.asking(tmp_path / "first", "./channel")
    [tool] = place.lock("tool")
    assert tool.version == "0.9"
    assert tool.index == str(tmp_path / "first")


def test_without_priority_the_newest_wins(place: Place, tmp_path: Path) -> None:
    make_channel(tmp_path / "first", versions("tool", "0.9"), place.platform.name)
    place = place.asking(tmp_path / "first", "./channel")
    assert names(place.lock("tool", channel_priority="disabled")) == {"tool": "2.1"}


def test_a_request_may_name_a_channel_nobody_else_named(place: Place, tmp_path: Path) -> None:
    make_channel(place.directory / "extra", versions("tool", "9.0"), place.platform.name)
    locked = place.lock("./extra::tool", "uses-tool")
    assert {a.name: a.index for a in locked} == {"tool": "./extra", "uses-tool": "./channel"}
    assert (place.build(locked) / "share/tool/version").read_text() == "9.0\n"


def test_equal_relative_names_of_two_manifests_are_told_apart(place: Place) -> None:
    for member, number in (("one", "1.0"), ("two", "2.0")):
        make_channel(
            place.directory / member / "own", versions(member, number), place.platform.name
        )
    place.channels = tuple(Channel("./own", str(place.directory / m)) for m in ("one", "two"))
    locked = place.lock("one", "two")
    assert {a.name: a.index for a in locked} == {"one": "./own", "two": "./two/own"}
    prefix = place.build(locked)
    assert (prefix / "share/two/version").read_text() == "2.0\n"


def test_nothing_newer_than_asked(place: Place, tmp_path: Path) -> None:
    old, new = versions("dated", "1.0", "2.0")
    packages = [
        replace(old, timestamp=NEW_YEAR_2021),
        replace(new, timestamp=NEW_YEAR_2021 + 10 * DAY),
    ]
    make_channel(tmp_path / "dated", packages, place.platform.name)
    place = place.asking(tmp_path / "dated")
    for until, version in (
        ("2021-01-01", "1.0"),
        ("2021-01-10T23:59:59Z", "1.0"),
        ("2021-01-11", "2.0"),
        ("2021-01-11T02:00:00+02:00", "2.0"),
        ("", "2.0"),
    ):
        assert names(place.lock("dated", exclude_newer=until)) == {"dated": version}, until
    with pytest.raises(UnsatisfiableError, match="dated"):
        place.lock("dated", exclude_newer="2020-12-31")
    with pytest.raises(ManifestError, match="no time"):
        place.lock("dated", exclude_newer="yesterday")


def test_another_platform_is_locked_from_here(place: Place, tmp_path: Path) -> None:
    packages = [
        Package("native", subdir=s, entries=(text("share/native", s),), depends=depends)
        for s, depends in (
            ("osx-arm64", ("__osx >=11",)),
            ("win-64", ("__win",)),
            ("linux-aarch64", ("__glibc >=2.17",)),
        )
    ]
    make_channel(tmp_path / "many", packages, place.platform.name)
    place = place.asking(tmp_path / "many")
    for name in ("osx-arm64", "win-64", "linux-aarch64"):
        [native] = place.lock("native", platform=Platform(name))
        assert native.get("subdir") == name


def test_virtual_packages_follow_the_usual_overrides(place: Place, tmp_path: Path) -> None:
    needs = Package("gpu", depends=("__cuda >=12",), entries=(text("share/gpu", "g"),))
    make_channel(tmp_path / "gpu", [needs], place.platform.name)
    place = place.asking(tmp_path / "gpu")
    with_cuda = replace(
        place.context, environ={**place.context.environ, "CONDA_OVERRIDE_CUDA": "12.4"}
    )
    assert names(place.lock("gpu", context=with_cuda)) == {"gpu": "1.0"}
    without = replace(place.context, environ={**with_cuda.environ, "CONDA_OVERRIDE_CUDA": ""})
    with pytest.raises(UnsatisfiableError):
        place.lock("gpu", context=without)
    with pytest.raises(UnsatisfiableError, match="CONDA_OVERRIDE_CUDA"):
        place.lock("__cuda >=13", context=with_cuda)


def test_a_request_of_the_machine_is_not_blamed_when_it_holds(place: Place) -> None:
    with pytest.raises(UnsatisfiableError, match="nonesuch"):
        place.lock("__unix", "nonesuch")


def test_an_unknown_package_names_the_nearest_and_the_place(place: Place) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        place.lock("tool", "packagin")
    assert str(caught.value.where) == f"{place.manifest}:2"
    assert "'packaging'" in caught.value.remedy


def test_a_version_that_is_not_there_lists_those_that_are(place: Place) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        place.lock("tool >=5")
    assert "1.0, 1.1, 2.0, 2.1" in "\n".join(caught.value.details)


def test_a_conflict_in_the_depths_is_told_in_plain_words(place: Place) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        place.lock("impossible")
    details = "\n".join(caught.value.details)
    assert "impossible-right" in details
    assert "impossible-base <2" in details
    assert "contradicts" in details
    assert "viable options" not in details


def test_a_channel_that_is_not_there_is_an_error(place: Place) -> None:
    with pytest.raises(ArtifactError, match=r"\./nowhere"):
        place.asking("./nowhere").lock("tool")


def test_a_bad_spec_fails_before_any_channel_is_asked(place: Place) -> None:
    bad = Requirement("conda", "tool", ">>1", origin=Origin("environment.yml", 7))
    with pytest.raises(ManifestError) as caught:
        Conda().lock(place.asking("./nowhere").request(requirements=(bad,)), place.context)
    assert str(caught.value.where) == "environment.yml:7"


def test_old_artifacts_of_a_channel_that_left_are_not_kept(place: Place, tmp_path: Path) -> None:
    make_channel(tmp_path / "gone", versions("tool", "1.5"), place.platform.name)
    old = place.asking(tmp_path / "gone").lock("tool")
    assert names(place.lock("tool", old=old)) == {"tool": "2.1"}


def test_upgrading_one_name_keeps_the_others(place: Place) -> None:
    old = place.lock("uses-tool", "tool<2", "packaging")
    context = replace(place.context, upgrade=frozenset({"packaging"}))
    assert names(place.lock("uses-tool", "packaging", old=old, context=context)) == names(old)
