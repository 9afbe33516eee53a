"""The shipped registry comes along wherever Stead is installed."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
import uv

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.network
def test_the_wheel_holds_every_file_of_every_item(tmp_path):
    subprocess.run(
        [uv.find_uv_bin(), "build", "-q", "--wheel", "--out-dir", tmp_path, REPOSITORY], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if name.startswith("stead/registry/")}
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src/stead/registry"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = {path.removeprefix("src/") for path in listed.split("\0") if path}
    assert expected
    assert expected <= found
