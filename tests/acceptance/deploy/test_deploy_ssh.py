"""Recipes on real machines over ssh: bare ones, without Python, one of them run by systemd."""

from __future__ import annotations

import json
import os
import re

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

MANIFEST = """\
[packages]
python = "3.*"

[packages.pypi]
leaf = "==1.0"

[app.web]
run = ["python", "serve.py"]
listen = { PORT = "host.ports.web" }
vars = { TITLE = "first", PASS = { type = "secret", value = "env:PASS" } }
health.up = { url = "http://127.0.0.1:${PORT}/", timeout = "20s" }
release = ["count"]
[app.web.commands]
count = ["sh", "-c", "echo once >> $STEAD_PATH_STATE/count"]

[paths]
state = "state"

[host.box.ports]
web = "8000-8009"

[target.farm]
kind = "ssh"
hosts = ["plain", "other", "root@booted"]
host = "box"
serial = 2

[target.front]
kind = "ssh"
hosts = ["plain"]
host = "box"
directory = "~/front"

[recipe.r]
app = "web"
targets = ["farm"]
"""


@pytest.fixture(scope="module")
def hosts(plain, other, booted):
    return plain, other, booted


@pytest.fixture
def farm(site, lab, hosts):
    (site.root / "stead.toml").write_text(MANIFEST)
    site.machine.environ["PATH"] = lab.environ(site.machine.environ["PATH"])["PATH"]
    site.machine.environ["PASS"] = "hunter2"
    yield site
    for target, recipe in (("farm", "r"), ("front", "web")):
        site.run("node", "down", recipe, target)


def answers(host):
    return json.loads(host.get(8000) or "null")


def test_three_machines_by_one_name(farm, hosts):
    one, two, _ = hosts
    plan = farm.json("deploy", "r", "--plan")
    assert [n["units"] for n in plan["nodes"]] == ["none", "none", "systemd"]
    done = farm.run("deploy", "r")
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    for host in hosts:
        found = answers(host)["vars"]
        assert (found["TITLE"], found["PASS"]) == ("first", "hunter2")
    status = farm.json("deploy", "status", "r")
    assert [n["address"] for n in status["nodes"]] == ["plain", "other", "root@booted"]
    assert {s["state"] for n in status["nodes"] for s in n["services"]} == {"running"}
    assert "serves first" in farm.ok("deploy", "logs", "r")

    # Nothing changes, and nothing is sent.
    again = farm.json("deploy", "r")
    assert [(n["state"], n["sent"]) for n in again["nodes"]] == [("unchanged", 0)] * 3

    # A change of code alone sends little.
    with (farm.root / "serve.py").open("a") as file:
        file.write("# more\n")
    changed = farm.json("deploy", "r")
    assert {p["name"] for n in changed["nodes"] for p in n["send"]} == {"code"}
    assert all(n["sent"] < 200_000 for n in changed["nodes"])
    counted = one.run("cat", "/home/deploy/.local/share/stead-node/recipes/r/data/state/count")
    assert counted == "once\nonce\n"

    # The first that fails is taken back, and what comes after it is not begun.
    text = MANIFEST.replace('"first"', '"second"')
    text = text.replace('["sh", "-c", "echo', '["sh", "-c", "test ! -e $HOME/stop && echo')
    (farm.root / "stead.toml").write_text(text)
    two.write("/home/deploy/stop", "")
    failed = farm.run("deploy", "r")
    assert failed.returncode == 1
    assert "farm (other): failed: web.count, which runs before the switch" in failed.stderr
    assert "farm (root@booted): not begun" in failed.stderr
    assert [answers(h)["vars"]["TITLE"] for h in hosts] == ["second", "first", "first"]
    two.run("rm", "/home/deploy/stop")
    farm.ok("deploy", "r")
    assert [answers(h)["vars"]["TITLE"] for h in hosts] == ["second"] * 3

    farm.ok("deploy", "rollback", "r")
    assert answers(two)["vars"]["TITLE"] == "first"


def test_a_directory_in_the_users_home(farm, hosts):
    farm.ok("deploy", "web", "front")
    assert answers(hosts[0])["vars"]["TITLE"] == "first"
    assert hosts[0].run("ls", "/home/deploy/front/recipes") == "web\n"


def test_a_machine_that_cannot_be_reached_keeps_all_others_as_they_are(farm, hosts):
    farm.manifest(MANIFEST.replace('"root@booted"', '"nobody-there.invalid"'))
    said = farm.fails("deploy", "r")
    assert "nobody-there.invalid" in said
    assert hosts[0].get(8000) == ""


def test_what_a_bare_machine_lacks_is_said_before_anything_is_copied(farm, hosts):
    farm.manifest(
        MANIFEST.replace(
            "release =", 'checks.curl = { command = ["curl", "--version"] }\nrelease ='
        )
    )
    # One of them takes itself for an old system.
    hosts[1].write("/usr/local/bin/getconf", "#!/bin/sh\necho glibc 2.5\n", 0o755)
    try:
        said = farm.fails("deploy", "r")
    finally:
        hosts[1].run("rm", "/usr/local/bin/getconf")
    assert "there is no command curl" in said
    assert "2 things do not hold on other" in said
    assert re.search(r"glibc 2\.\d+ is needed, and it has 2\.5 ", said)
    there = "find /home/deploy/.local/share/stead-node -name '*.tar.gz' 2>&1 || true"
    assert ".tar.gz" not in hosts[1].run("sh", "-c", there)
