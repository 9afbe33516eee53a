"""Environments with packages, taken to another directory: the closure works where it lies."""

from __future__ import annotations

import json
import os
import time

import pytest

SHOW = """\
import json, os, sys
from stead import project
import leaf, inner

print(json.dumps({
    "python": sys.prefix,
    "leaf": leaf.__file__,
    "inner": inner.__file__,
    "raw": str(project.paths.raw),
    "reports": str(project.paths["reports"]),
    "pool": project.vars.POOL,
    "root": str(project.root),
    "command": os.popen("tool").read(),
}), flush=True)
import time
time.sleep(1000)
"""

BACKEND = """\
import os, zipfile

def get_requires_for_build_editable(config=None):
    return []

def build_editable(directory, config=None, metadata=None):
    name = "inner-1-py3-none-any.whl"
    info = "inner-1.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("inner.pth", os.getcwd() + "\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: inner\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"inner.pth,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return name
"""

MANIFEST = """\
[packages]
python = "3.*"

[packages.pypi]
leaf = "==1.0"
tool = "*"
inner = { path = "inner", editable = true }

[vars]
POOL = { type = "int", value = 4 }

[paths]
raw = "data/raw"
reports = "build/reports"

[app.show]
run = ["python", "show.py"]
[app.show.health.ready]
command = ["python", "-c", "import leaf"]

[target.here]
directory = "@node"
services = "supervise"
"""


@pytest.fixture
def packaged(site):
    site.manifest(MANIFEST)
    inner = site.root / "inner"
    (inner / "inner").mkdir(parents=True)
    (inner / "inner/__init__.py").write_text("")
    (inner / "pyproject.toml").write_text(
        "[project]\nname = 'inner'\nversion = '1'\n"
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (inner / "backend.py").write_text(BACKEND)
    (site.root / "show.py").write_text(SHOW)
    (site.root / "data/raw").mkdir(parents=True)
    (site.root / "data/raw/a.csv").write_text("1\n")
    return site


@pytest.mark.slow
def test_code_and_packages_run_without_the_place_and_the_store(packaged):
    site = packaged
    site.ok("deploy", "show")
    logged_after(site, 1)
    pid = site.json("deploy", "status", "show")["nodes"][0]["services"][0]["pid"]
    # Neither is there any more, and what is deployed is started anew.
    site.root.rename(site.root.with_name("gone"))
    (site.machine.stead_home / "store").rename(site.machine.stead_home / "away")
    try:
        os.kill(pid, 9)
        found = logged_after(site, 2)
    finally:
        (site.machine.stead_home / "away").rename(site.machine.stead_home / "store")
        site.root.with_name("gone").rename(site.root)
    trees = str(site.node / "trees")
    assert found["python"].startswith(trees)
    assert found["leaf"].startswith(trees)
    assert found["inner"].startswith(trees)
    assert found["root"].startswith(trees)
    assert found["raw"] == f"{found['root']}/data/raw"
    assert found["reports"] == f"{site.node}/recipes/show/data/build/reports"
    assert found["pool"] == 4
    assert found["command"] == "tool ran\n"


def logged_after(site, count):
    log = site.node / "recipes/show/logs/show.log"
    end = time.monotonic() + 90
    while True:
        lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
        if len(lines) >= count or time.monotonic() > end:
            return json.loads(lines[-1])
        time.sleep(0.1)


@pytest.mark.slow
def test_a_change_of_code_sends_the_code_alone(packaged):
    site = packaged
    site.ok("deploy", "show")
    (site.root / "inner/inner/__init__.py").write_text("x = 1\n")
    plan = site.json("deploy", "show", "--plan")["nodes"][0]
    # A package that is used where it lies is part of the code.
    assert {part["name"] for part in plan["send"]} == {"code"}
    assert {c["name"] for c in plan["changes"] if c["kind"] == "tree"} == {"code"}
    (site.root / "stead.toml").write_text(
        (site.root / "stead.toml").read_text().replace('leaf = "==1.0"', 'leaf = "==2.0"')
    )
    plan = site.json("deploy", "show", "--plan")["nodes"][0]
    assert {part["name"] for part in plan["send"]} == {"code", "leaf 2.0"}
