"""The CPython of test channels runs from whatever prefix it is in, on whatever machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.testing import cpython
from stead.testing.relocate import left_outside
from stead.testing.roots import bare_root

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = (
    "import bz2, ctypes, decimal, hashlib, lzma, readline, sqlite3, ssl, sys, uuid, zlib; "
    "ssl.create_default_context(); ctypes.CDLL(None); sqlite3.connect(':memory:').execute('select 1'); "
    "print(sys.prefix)"
)


def unpack(prefix: Path) -> list[str]:
    """Write the package's files, and name them."""
    entries = cpython().entries
    for entry in entries:
        path = prefix / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.symlink:
            path.symlink_to(entry.symlink)
        else:
            path.write_bytes(entry.read())
            path.chmod(entry.mode)
    return [entry.path for entry in entries if not entry.symlink]


def test_a_moved_python_takes_nothing_from_where_it_was_built(tmp_path):
    prefix = tmp_path / "moved to here"
    names = unpack(prefix)
    libraries = [n for n in names if ".so" in n or n.startswith("bin/")]
    assert left_outside(str(prefix), libraries) == ()
    done = subprocess.run(
        [prefix / "bin" / "python", "-I", "-c", EVERYTHING],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{prefix}\n", "")


def test_what_is_built_against_it_is_for_its_minor_version(conda_channel, here):
    import json

    said = json.loads((conda_channel / here.name / "run_exports.json").read_text())
    (exported,) = said["packages.conda"].values()
    major, minor = sys.version_info[:2]
    assert exported["run_exports"]["weak"] == [f"python >={major}.{minor},<{major}.{minor + 1}.0a0"]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.needs("mmdebstrap")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter another root directory")
def test_it_runs_where_there_is_nothing_but_the_c_library(tmp_path):
    root = tmp_path / "root"
    bare_root(str(root))
    unpack(root / "opt" / "elsewhere")
    done = subprocess.run(
        ["/usr/sbin/chroot", str(root), "/opt/elsewhere/bin/python", "-I", "-c", EVERYTHING],
        # Nobody mounted /proc there, which would say where the program lies.
        env={"PATH": "/usr/bin:/bin", "LD_ORIGIN_PATH": "/opt/elsewhere/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("/opt/elsewhere\n", "")
