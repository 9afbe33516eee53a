"""Two machines of which one shows another key, or cannot be reached: what is said, what stays."""

from __future__ import annotations

import os

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

MANIFEST = """\
[app.web]
run = ["sleep", "1000"]
vars = { TITLE = "first" }

[target.pair]
kind = "ssh"
hosts = ["plain", "other"]
directory = "~/pair"
create = ["touch", "created"]
"""


@pytest.fixture
def pair(site, lab, plain, other):
    site.manifest(MANIFEST)
    site.machine.environ["PATH"] = f"{lab.path}:{site.machine.environ['PATH']}"
    return site


def test_another_host_key_is_said_and_nothing_is_copied_or_made(pair, lab, plain, other, tmp_path):
    pair.manifest(MANIFEST.replace("~/pair", "~/never"))
    known = tmp_path / "known"
    with open(os.path.join(lab.place, "key.pub")) as file:
        known.write_text(f"{other.ip} {' '.join(file.read().split()[:2])}\n")
    (tmp_path / "bin").mkdir()
    more = f"Host other\n  UserKnownHostsFile {known}"
    environ = lab.environ_with(str(tmp_path / "bin"), more, pair.machine.environ["PATH"])
    pair.machine.environ["PATH"] = environ["PATH"]
    for words in (("deploy", "web", "--plan"), ("deploy", "web"), ("node", "up", "web", "pair")):
        said = pair.fails(*words)
        assert "other shows another host key than the known one" in said
        assert "`ssh-keygen -R other`; else somebody may stand in between" in said
    for host in (plain, other):
        assert "never" not in host.run("ls", "-A", host.home)
    assert not (pair.root / "created").exists()


def test_a_machine_that_is_cut_off_is_named_and_both_stay_as_they_are(pair, plain, other):
    pair.ok("deploy", "web")
    path = pair.root / "stead.toml"
    path.write_text(path.read_text().replace('"first"', '"second"'))
    other.cut()
    try:
        said = pair.fails("deploy", "web")
        assert "other cannot be reached" in said
        assert "try `ssh other true`" in said
        status = pair.run("deploy", "status", "web")
        assert status.returncode == 1
        assert "web on pair (plain): generation 1\n  web running" in status.stdout
        assert "web on pair (other): other cannot be reached" in status.stdout
    finally:
        other.heal()
    answer = pair.json("deploy", "status", "web")["nodes"]
    assert [(n["generation"], [s["state"] for s in n["services"]]) for n in answer] == [
        (1, ["running"])
    ] * 2
    # The next deploy brings it to both.
    answer = pair.json("deploy", "web")["nodes"]
    assert [(n["state"], n["generation"]) for n in answer] == [("done", 2)] * 2
    pair.ok("node", "down", "web", "pair")
