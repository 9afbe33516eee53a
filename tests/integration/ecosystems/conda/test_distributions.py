"""Distributions inside conda packages, as PyPI's resolution sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda.distributions import distributions
from stead.testing import Package, cpython, make_channel, serve
from stead.testing.specimens import dist_info
from stead.values.errors import NetworkError

if TYPE_CHECKING:
    from .conftest import Place


def test_names_versions_and_metadata(place: Place) -> None:
    request = place.request("packaging", "pluggy", "python", "tool")
    locked = place.lock("packaging", "pluggy", "python", "tool")
    found = distributions(locked, request, place.context)
    assert [d.name for d in found] == ["packaging", "pluggy"]
    by_id = {a.id: a for a in locked}
    for distribution in found:
        assert distribution.version == by_id[distribution.artifact].version
        assert distribution.metadata.startswith("Metadata-Version:")


def test_one_package_may_hold_several_under_other_names(place: Place, tmp_path: Path) -> None:
    bundle = Package(
        "bundle-base",
        depends=("python",),
        entries=(
            *dist_info("Bundle.Core", "1.0", "packaging>=20"),
            *dist_info("bundle_extras", "2.0"),
        ),
        noarch="python",
    )
    make_channel(tmp_path / "more", [bundle, cpython()], place.platform.name)
    place = place.asking(tmp_path / "more")
    found = distributions(place.lock("bundle-base"), place.request("bundle-base"), place.context)
    assert [(d.name, d.version) for d in found] == [
        ("Bundle.Core", "1.0"),
        ("bundle_extras", "2.0"),
    ]
    assert "Requires-Dist: packaging>=20" in found[0].metadata


def test_over_http_the_package_is_not_downloaded(place: Place, conda_channel: Path) -> None:
    with serve(conda_channel) as served:
        place = place.asking(served.url)
        locked = place.lock("packaging", "pluggy", "python")
        served.requests.clear()
        served.ranges.clear()
        found = distributions(locked, place.request("packaging"), place.context)
        assert [d.name for d in found] == ["packaging", "pluggy"]
        fetched = [r for r in served.requests if "packaging" in r]
        assert fetched
        assert served.ranges
        assert not (Path(place.context.home) / "packages" / "conda" / "pkgs").exists()

        served.requests.clear()
        again = distributions(locked, place.request("packaging"), place.context)
        assert again == found
        assert served.requests == []


def test_what_is_in_the_package_cache_is_read_there(place: Place, conda_channel: Path) -> None:
    with serve(conda_channel) as served:
        place = place.asking(served.url)
        locked = place.lock("packaging", "python")
        place.build(locked)
        served.requests.clear()
        assert distributions(locked, place.request("packaging"), place.context)
        assert served.requests == []


def test_offline_and_unknown_is_a_network_error(place: Place, conda_channel: Path) -> None:
    with serve(conda_channel) as served:
        place = place.asking(served.url)
        locked = place.lock("packaging")
    offline = replace(place.context, offline=True)
    with pytest.raises(NetworkError, match="packaging"):
        distributions(locked, place.request("packaging"), offline)


def test_packages_without_python_are_not_looked_into(place: Place) -> None:
    locked = place.lock("tool", "with-text")
    assert distributions(locked, place.request("tool"), place.context) == ()
