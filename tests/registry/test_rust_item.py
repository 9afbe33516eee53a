"""The shipped back end in Rust gives its command, with what cargo there is and no network."""

from __future__ import annotations

import os
import subprocess

import pytest
from tests.registry.variants import ITEMS


@pytest.mark.slow
@pytest.mark.needs("cargo")
def test_its_command_is_installed(tmp_path):
    (item,) = (one for one in ITEMS if one.item.name == "rust-backend")
    module = item.write(tmp_path / "rust-backend")
    environ = {
        **os.environ, "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(tmp_path / "target"),
    }  # fmt: skip
    for words in (
        ("cargo", "install", "--quiet", "--debug", "--path", ".", "--root", str(tmp_path / "in")),
        (str(tmp_path / "in/bin/rust-backend"), "nearest", "47.45", "-122.31", "1"),
    ):
        done = subprocess.run(
            words, cwd=module, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith('{"id":"SEA",')
