"""Modules: by a deploy.py of their own, which needs no Stead, else as their apps."""

from __future__ import annotations

import pytest

MANIFEST = """\
[layer.own]
[tasks]
own = ["true"]
web = ["true"]
idle = ["true"]

[app.web]
run = ["sleep", "1000"]

[target.here]
directory = "@node"
services = "supervise"
"""

SCRIPT = """\
import pathlib, sys
pathlib.Path("deployed").write_text(" ".join(sys.argv[1:]))
print("by itself")
sys.exit(%d)
"""


@pytest.fixture
def modular(site):
    site.manifest(MANIFEST)
    for name in ("own", "web", "idle"):
        (site.root / "modules" / name).mkdir(parents=True)
    (site.root / "modules/own/deploy.py").write_text(SCRIPT % 0)
    return site


@pytest.mark.slow
def test_all_are_deployed_each_in_its_way(modular):
    said = modular.json("deploy", "--all", "here")
    ways = {m["module"]: (m["how"], m["code"]) for m in said["modules"]}
    assert ways == {"idle": ("", 0), "own": ("deploy.py", 0), "web": ("recipe", 0)}
    assert (modular.root / "modules/own/deployed").read_text() == "here"
    status = modular.json("deploy", "status", "web")["nodes"][0]
    assert [s["name"] for s in status["services"]] == ["web"]


def test_one_that_fails_is_named(modular):
    (modular.root / "modules/own/deploy.py").write_text(SCRIPT % 3)
    said = modular.fails("deploy", "--module", "own")
    assert "own: by itself" in said
    assert "not deployed: own" in said


def test_one_without_anything_to_deploy_is_refused(modular):
    said = modular.fails("deploy", "--module", "idle", "--module", "own", code=2)
    assert "module idle has nothing to deploy" in said
    assert not (modular.root / "modules/own/deployed").exists()


def test_a_plan_runs_nothing(modular):
    modular.ok("deploy", "--all", "--plan")
    assert not (modular.root / "modules/own/deployed").exists()
    assert not modular.node.exists()
