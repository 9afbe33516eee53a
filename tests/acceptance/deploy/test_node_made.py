"""A node on a machine that its target's own command makes, and takes away."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

NAME = "fresh.invalid"
MANIFEST = f"""\
[app.web]
run = ["sleep", "1000"]
health.up = {{ command = ["test", "-e", "stead.toml"] }}

[target.fresh]
kind = "ssh"
hosts = ["{NAME}"]
create = ["./machine", "up"]
destroy = ["./machine", "down"]
"""


def test_it_is_made_deployed_to_and_destroyed(site, lab):
    site.manifest(MANIFEST)
    program = site.root / "machine"
    making = f"exec {sys.executable} -m stead.testing.lab {lab.place}"
    program.write_text(f'#!/bin/sh\necho "$1" >>machine.did\n{making} "$1" "$STEAD_TARGET_HOSTS"\n')
    program.chmod(0o755)
    site.machine.environ["PATH"] = f"{lab.path}:{site.machine.environ['PATH']}"

    def there(command: str) -> str:
        words = ["ssh", NAME, command]
        return subprocess.run(
            words, env=site.machine.environ, capture_output=True, text=True, check=True
        ).stdout

    assert f"nobody knows the name {NAME}" in site.fails("deploy", "web", "fresh")
    assert not (site.root / "machine.did").exists()

    up = site.run("node", "up", "web", "fresh")
    assert up.returncode == 0, up.stderr
    assert "fresh: creating" in up.stderr
    assert f"web on fresh ({NAME}): generation 1\n  web running" in up.stdout
    assert there("uname -n").strip() == NAME
    assert len(there("grep -lsxz 1000 /proc/[0-9]*/cmdline").split()) == 1

    again = site.run("node", "up", "web", "fresh")
    assert again.returncode == 0, again.stderr
    assert "its machines are there already" in again.stderr
    assert "unchanged, generation 1" in again.stderr

    holder = os.pidfd_open(lab.holder(NAME))
    answer = site.json("node", "down", "web", "fresh", "--destroy")
    assert answer["destroyed"] is True
    assert answer["nodes"] == [{"address": NAME, "removed": True, "error": ""}]
    assert (site.root / "machine.did").read_text() == "up\ndown\n"
    assert select.select([holder], [], [], 0)[0], "something of the machine runs on"
    os.close(holder)
    assert f"nobody knows the name {NAME}" in site.run("deploy", "status", "web").stdout
