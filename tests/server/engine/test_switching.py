"""How a kept directory's link is switched: another takes its place, it is never taken away."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stead.server.database import environments, namespaces
from stead.server.specs.reading import read
from stead.server.values import BuildStatus

SPEC = "name: web\nchannels:\n  - {channel}\ndependencies:\n  - {package}\n"

# Tells of all that is done to one path while a directory is settled, once for each line it gets.
SETTLING = """
import os, sys
from stead.server.blobs.store import open_blobs
from stead.server.database.opening import open_database
from stead.server.directories import kept

url, blobs, root, link = sys.argv[1:]
seen = []

def told(event, arguments):
    if event.startswith("os.") and event not in ("os.listdir", "os.scandir"):
        named = [os.fsdecode(one) for one in arguments if isinstance(one, (str, bytes))]
        if link in [os.path.abspath(one) for one in named]:
            seen.append(f"{event} to" if event == "os.rename" and named[-1] == link else event)

with open_database(url) as database, kept(root, database, open_blobs(blobs)) as directories:
    sys.addaudithook(told)
    for line in sys.stdin:
        directories.settle()
        print(*seen, sep=", ", flush=True)
        seen.clear()
"""


@pytest.fixture
def settling(running, tmp_path):
    """A process that settles a directory when it is asked to."""
    blobs = f"file://{running.root}/blobs"
    root = tmp_path / "envs"
    argv = [sys.executable, "-c", SETTLING, running.url, blobs, root, root / "switched" / "web"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


def test_a_link_is_switched_by_one_rename_over_it(running, settling, tmp_path):
    built = []
    database = running.database
    with database.begin() as connection:
        namespaces.create(connection, "switched", database.now())
    for package in ("tiny", "other"):
        spec = SPEC.format(channel=running.channel, package=package)
        built.append(running.ask(read(spec), namespace="switched"))
        assert running.ended(built[-1]).status is BuildStatus.COMPLETED
    link = tmp_path / "envs" / "switched" / "web"

    def settle(build_id):
        with database.begin() as connection:
            environment = environments.get(connection, "switched", "web")
            environments.set_current(connection, environment.id, build_id, database.now())
        settling.stdin.write("\n")
        settling.stdin.flush()
        done = settling.stdout.readline().strip()
        key = running.get(build_id).store_key.partition("-")[0]
        assert os.readlink(link) == f"../{key}-web"
        return done

    for number in range(4):
        assert settle(built[number % 2]) == "os.rename to"
