"""A node by two names: its machine made, deployed to, looked at, taken away."""

from __future__ import annotations

import pytest

MANIFEST = """\
[app.web]
run = ["sleep", "1000"]

[target.here]
directory = "@node"
services = "supervise"
create = ["./make.sh", "here"]
destroy = ["./remove.sh"]
"""


@pytest.fixture
def made(site):
    site.manifest(MANIFEST)
    for name, text in (
        ("make.sh", 'echo "made $1 $STEAD_TARGET" >> made'),
        ("remove.sh", 'echo "removed $STEAD_TARGET" >> made'),
    ):
        (site.root / name).write_text(f"#!/bin/sh\n{text}\n")
        (site.root / name).chmod(0o755)
    return site


@pytest.mark.slow
def test_up_and_down(made):
    said = made.ok("node", "up", "web", "here")
    assert "web running" in said
    # This machine is there already.
    assert not (made.root / "made").exists()
    made.ok("node", "up", "web", "here")
    assert made.json("deploy", "status", "web")["nodes"][0]["generation"] == 1
    answer = made.json("node", "down", "web", "here", "--destroy")
    assert answer["nodes"] == [{"address": "", "removed": True, "error": ""}]
    assert (made.root / "made").read_text() == "removed here\n"
    assert made.run("deploy", "status", "web").returncode == 1
    assert made.json("node", "down", "web", "here")["nodes"][0]["removed"] is False


def test_a_machine_that_cannot_be_reached_is_made_and_waited_for(made):
    text = (made.root / "stead.toml").read_text()
    (made.root / "stead.toml").write_text(
        text + '[target.away]\nkind = "ssh"\nhosts = ["stead-nowhere.invalid"]\n'
        'create = ["./make.sh", "away"]\n'
    )
    said = made.fails("node", "up", "web", "away", "--wait", "1")
    assert (made.root / "made").read_text() == "made away away\n"
    assert "target away was made, and does not answer within 1 s" in said


def test_a_create_command_that_fails_is_told_with_what_it_said(made):
    (made.root / "make.sh").write_text("#!/bin/sh\necho no quota >&2\nexit 4\n")
    text = (made.root / "stead.toml").read_text()
    (made.root / "stead.toml").write_text(
        text.replace('directory = "@node"', "") + '[target.away]\nkind = "ssh"\n'
        'hosts = ["stead-nowhere.invalid"]\ncreate = ["./make.sh", "away"]\n'
    )
    said = made.fails("node", "up", "web", "away")
    assert "the create command of target away ended with 4" in said
    assert "no quota" in said
