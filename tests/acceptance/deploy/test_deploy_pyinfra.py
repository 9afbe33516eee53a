"""What lies outside of Stead's directories is made by pyinfra, here and on a machine over ssh."""

from __future__ import annotations

import os
import re

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

NETWORK = re.compile(r"(UV|PIP|SSL|REQUESTS|CURL)_|(?i:https?|all|no)_proxy\Z")
MANIFEST = """\
[app.web]
run = ["sleep", "1000"]
vars = { TITLE = "first" }
checks.place = { path = "${PLACE}" }

[target.here]
directory = "@node"
services = "supervise"

[target.far-away]
kind = "ssh"
hosts = ["root@plain"]
directory = "/srv/node"

[recipe.r]
app = "web"
targets = ["here", "far-away"]
pyinfra = "machines/deploy.py"
target.here.set = { "web.PLACE" = "@place" }
target.far-away.set = { "web.PLACE" = "/srv/keeper" }
"""
DEPLOY = """\
from io import StringIO
from pyinfra import host, inventory
from pyinfra.operations import files, server

if host.data.stead_target == "far-away":
    assert [one.name for one in inventory.get_group("far_away")] == ["plain"]
    server.user(name="a user", user="keeper", home="/srv/keeper", ensure_home=True)
    place = "/srv/keeper"
else:
    place = "@place"
    files.directory(name="a directory", path=place)
text = f"{host.data.stead_recipe} to {host.data.stead_target}\\n"
files.put(name="a file", src=StringIO(text), dest=f"{place}/told", mode="640")
"""


def test_it_runs_before_the_switch_and_only_where_something_changes(site, lab, plain):
    environ = site.machine.environ
    del environ["UV_DEFAULT_INDEX"]
    environ |= {name: value for name, value in os.environ.items() if NETWORK.match(name)}
    environ["PATH"] = f"{lab.path}:{environ['PATH']}"
    # pyinfra has a client of its own, which reads the same configuration.
    (site.machine.home / ".ssh").mkdir()
    with open(lab.config) as file:
        (site.machine.home / ".ssh/config").write_text(file.read())
    place = site.root.parent / "place"
    site.manifest(MANIFEST.replace("@place", str(place)))
    (site.root / "machines").mkdir()
    script = site.root / "machines/deploy.py"
    script.write_text(DEPLOY.replace("@place", str(place)))

    plan = site.json("deploy", "r", "--plan")["nodes"]
    assert [node["pyinfra"] for node in plan] == ["machines/deploy.py"] * 2
    assert all("pyinfra has to mend" in node["notes"][0] for node in plan)
    assert not place.exists()
    assert "keeper" not in plain.run("cat", "/etc/passwd")

    done = site.run("deploy", "r")
    assert done.returncode == 0, done.stderr
    assert (place / "told").read_text() == "r to here\n"
    assert plain.run("stat", "-c", "%U %a", "/srv/keeper", "/srv/keeper/told") == (
        "keeper 755\nroot 640\n"
    )
    assert plain.run("cat", "/srv/keeper/told") == "r to far-away\n"

    # What is there and runs already is left alone, and so is all that pyinfra made.
    (place / "told").unlink()
    plain.run("rm", "/srv/keeper/told")
    answer = site.json("deploy", "r")["nodes"]
    assert [(node["state"], node["pyinfra"]) for node in answer] == [("unchanged", "")] * 2
    assert not (place / "told").exists()
    assert plain.run("ls", "/srv/keeper") == ""

    script.write_text("raise SystemExit('no such machine')\n")
    path = site.root / "stead.toml"
    path.write_text(path.read_text().replace('"first"', '"second"'))
    said = site.fails("deploy", "r")
    assert "pyinfra ended with" in said
    assert "nothing of the recipe was sent" in said
    status = site.json("deploy", "status", "r")["nodes"]
    assert [node["generation"] for node in status] == [1, 1]
    site.ok("node", "down", "r", "here")
    site.ok("node", "down", "r", "far-away")
    plain.run("userdel", "-r", "keeper")
