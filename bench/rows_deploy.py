"""Rows about deploying: a recipe that is deployed already, to three machines over ssh."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from measure import Program, Row, by_turns

from stead.testing.lab import Lab
from stead.testing.roots import base_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from world import World

STEAD = f"{sys.prefix}/bin/stead"
UNCHANGED = 1000.0
NEEDED = ("mmdebstrap", "ssh", "ssh-keygen", "ip")

_MANIFEST = """\
[workspace]
name = "shop"

[host.lab]
ports = { web = "8080-8089" }

[app.web]
run = ["perl", "-MIO::Socket::INET", "serve.pl"]
listen = { PORT = "host.ports.web" }
health.answers = { port = "${PORT}" }

[target.lab]
kind = "ssh"
hosts = ["one", "two", "three"]
host = "lab"

[recipe.prod]
app = "web"
targets = ["lab"]
"""
_SERVER = """\
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT},
    Listen => 20, ReuseAddr => 1) or die;
while (my $client = $socket->accept) { print $client "here\\n"; close $client }
"""


def rows(world: World) -> Iterator[Row]:
    """Time the deploy of what runs already on three machines, one of which systemd runs."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        why = f"{missing[0]} is not there" if missing else "only root may make machines"
        world.left_out.append(f"deploys to machines: {why}")
        return
    place = world.base / "shop"
    place.mkdir()
    (place / "stead.toml").write_text(_MANIFEST)
    (place / "serve.pl").write_text(_SERVER)
    (world.base / "lab").mkdir()
    with Lab(str(world.base / "lab"), base_root()) as lab:
        for name, init in (("one", "none"), ("two", "systemd"), ("three", "none")):
            lab.host(name, init=init)
        environ = {**world.env, "PATH": lab.environ(world.env["PATH"])["PATH"]}
        deploy = Program(
            [STEAD, "deploy", "prod"], str(place), environ, log=str(world.base / "deploy.log")
        )
        deploy.time()
        ms = by_turns({"ours": deploy.time}, world.rounds(10, 3))
        yield Row(
            "`stead deploy` of what runs, three machines",
            round(ms["ours"], 1),
            "goal",
            UNCHANGED,
            UNCHANGED,
            limit=True,
        )
