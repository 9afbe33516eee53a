"""Archives that mean harm write nothing outside the prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.testing import Entry, Package, make_channel, text
from stead.values.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place


def escaped(place: Place) -> list[Path]:
    """Find what got out: anywhere below the test's directory but inside the package cache."""
    above = place.directory.parent
    cache = above / "home" / "packages" / "conda" / "pkgs"
    return [p for p in above.rglob("stead-escaped*") if cache not in p.parents]


@pytest.mark.parametrize(
    "name", ["hostile-parent", "hostile-absolute", "hostile-symlink", "hostile-entry-point"]
)
def test_an_archive_cannot_leave_its_prefix(place: Place, name: str) -> None:
    locked = place.lock(name)
    with pytest.raises(ArtifactError, match=name):
        place.build(locked)
    assert escaped(place) == []
    prefix = place.directory / "store" / "unfinished-build"
    assert list(prefix.rglob("*")) == []


@pytest.mark.parametrize("target", ["../../../..", "/etc", "../../outside/file", "/dev/null"])
def test_a_link_out_of_the_prefix_is_refused(place: Place, tmp_path: Path, target: str) -> None:
    sneaky = Package("sneaky", entries=(Entry("share/out", symlink=target),), by_hand=True)
    make_channel(tmp_path / "sneaky", [sneaky], place.platform.name)
    with pytest.raises(ArtifactError, match="share/out"):
        place.asking(tmp_path / "sneaky").make("sneaky")


def test_a_link_inside_the_prefix_is_fine(place: Place, tmp_path: Path) -> None:
    package = Package(
        "linked",
        entries=(text("lib/real", "r\n"), Entry("share/deep/alias", symlink="../../lib/real")),
        by_hand=True,
    )
    make_channel(tmp_path / "linked", [package], place.platform.name)
    prefix = place.asking(tmp_path / "linked").make("linked")
    assert (prefix / "share/deep/alias").read_text() == "r\n"


def test_two_packages_cannot_write_through_each_others_links(place: Place, tmp_path: Path) -> None:
    packages = [
        Package("door", entries=(Entry("share/door", symlink="../lib"),), by_hand=True),
        Package("guest", entries=(text("share/door/file", "x"),), by_hand=True),
    ]
    make_channel(tmp_path / "doors", packages, place.platform.name)
    from stead.values.errors import CollisionError

    with pytest.raises(CollisionError, match="same name"):
        place.asking(tmp_path / "doors").make("door", "guest")


@pytest.mark.parametrize("name", ["a/b", "..", "x\\y", ""])
def test_programs_have_names_that_are_file_names(place: Place, tmp_path: Path, name: str) -> None:
    package = Package(
        "named",
        depends=("python",),
        entries=(text("site-packages/named.py", "def main(): ...\n"),),
        noarch="python",
        entry_points=(f"{name} = named:main",),
    )
    make_channel(place.directory / "extra", [package], place.platform.name)
    with pytest.raises(ArtifactError):
        place.asking("./channel", "./extra").make("named")
    assert escaped(place) == []
