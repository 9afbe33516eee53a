"""Virtual packages: detected here, assumed elsewhere, overridden by the usual variables."""

from __future__ import annotations

import pytest

from stead.ecosystems.conda.virtual import virtual_packages
from stead.values.platform import Platform


def known(platform: str, **environ: str) -> dict[str, str]:
    found = virtual_packages(Platform(platform), environ)
    return {g.name.normalized: f"{g.version}={g.build_string}" for g in found}


def test_this_machine_is_looked_at(here: Platform) -> None:
    from rattler.virtual_package import VirtualPackage

    detected = {v.into_generic().name.normalized for v in VirtualPackage.detect()}
    assert set(known(here.name)) == detected


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux-aarch64", {"__unix", "__linux", "__glibc", "__archspec"}),
        ("osx-arm64", {"__unix", "__osx", "__archspec"}),
        ("win-64", {"__win", "__archspec"}),
    ],
)
def test_other_platforms_have_what_is_usual_there(platform: str, names: set[str]) -> None:
    assert set(known(platform)) == names


def test_variables_set_and_take_away() -> None:
    found = known(
        "osx-arm64",
        CONDA_OVERRIDE_OSX="15.1",
        CONDA_OVERRIDE_CUDA="12.4",
        CONDA_OVERRIDE_UNIX="",
        CONDA_OVERRIDE_ARCHSPEC="m4",
        CONDA_OTHER="1",
    )
    assert found == {"__osx": "15.1=0", "__cuda": "12.4=0", "__archspec": "1=m4"}
