"""One server at a time works on a source; another goes on where it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from tests.server.sources.kinds import IN_BOTH

from stead.server.database import sources


def holder(place):
    return (place.source().state.get("lease") or {}).get("token")


OTHER = """
import sys
from pathlib import Path
from dataclasses import replace
from stead.server.config import ServerConfig
from stead.server.services import open_services
from stead.server.sources.running import running
data, database, files, lease = sys.argv[1:]
config = ServerConfig(
    data=data, database=database, blobs=f"file://{data}/blobs",
    watch=(f"{files}=team",), origins={"watch": "test", "git": "test"},
)
with open_services(config, {}) as services, running(services, {}, {}, lease=float(lease)):
    print("running", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(place, lease=30.0):
    """A server in a process of its own that watches the same directory."""
    config = place.services.config
    argv = [sys.executable, "-c", OTHER, config.data, config.database, place.files, str(lease)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"running\n"
            yield process
        finally:
            process.kill()


@IN_BOTH
def test_of_two_servers_one_works_and_the_other_goes_on_when_it_is_killed(place):
    place.write("web.yml", "tiny", name="web")
    with another(place) as first:
        place.eventually(lambda: place.asked() == [("web", "tiny")])
        theirs = holder(place)
        with place.watching(lease=100_000):
            place.write("web.yml", "wide", name="web")
            place.eventually(lambda: len(place.asked()) == 2)
            assert holder(place) == theirs
            first.kill()
            first.wait()
            place.write("web.yml", "third", name="web")
            place.eventually(lambda: len(place.asked()) == 3)
            assert holder(place) != theirs
    assert place.rows("SELECT count(*) FROM submission") == [(3,)]


def lease_of(place, **lease):
    with place.services.database.begin() as connection:
        found = sources.listed(connection)[0]
        sources.set_state(connection, found.id, {**found.state, "lease": lease})


def test_the_lease_of_a_process_that_is_dead_is_taken_at_once(place):
    with place.watching():
        place.eventually(lambda: holder(place))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    lease_of(place, token="theirs", beat=1, host=socket.gethostname(), pid=process.pid)
    place.write("web.yml", "tiny", name="web")
    with place.watching(lease=100_000):
        place.eventually(lambda: len(place.asked()) == 1)


@IN_BOTH
def test_a_lease_of_another_machine_is_taken_when_it_is_silent(place):
    with place.watching():
        place.eventually(lambda: holder(place))
    lease_of(place, token="theirs", beat=1, host="elsewhere", pid=1)
    place.write("web.yml", "tiny", name="web")
    with place.watching(lease=0.5):
        place.eventually(lambda: holder(place) not in (None, "theirs"))
        place.eventually(lambda: len(place.asked()) == 1)
        # Who lost it stops, and takes nothing from who has it.
        lease_of(place, token="theirs", beat=2, host="elsewhere", pid=1)
        place.write("web.yml", "wide", name="web")
        place.eventually(lambda: len(place.asked()) == 2)


def test_what_no_configuration_names_any_more_is_not_worked_on(place):
    with place.watching():
        place.eventually(lambda: holder(place))
    place.write("web.yml", "tiny", name="web")
    other = place.root / "other"
    other.mkdir()
    (other / "jobs.yml").write_text("channels: [http://127.0.0.1:18090]\ndependencies: [tiny]\n")
    with place.watching(other):
        place.eventually(lambda: [name for name, _ in place.asked()] == ["jobs"])


@pytest.mark.needs("pg_ctlcluster")
@pytest.mark.parametrize("kind", ["own"])
def test_what_changes_while_the_database_is_away_is_built_once(place):
    place.write("web.yml", "tiny", name="web")
    with another(place, lease=2.0), place.watching(lease=2.0):
        place.eventually(lambda: place.asked() == [("web", "tiny")])
        for number, mode in enumerate(("immediate", "fast"), 1):
            place.server.stop(mode)
            place.write("web.yml", f"wide{number}", name="web")
            place.write(f"new/jobs{number}.yml", "other", name=f"jobs{number}")
            place.server.start()
            place.eventually(lambda n=number: len(place.asked()) == 1 + 2 * n)
            wanted = {("web", f"wide{number}"), (f"jobs{number}", "other")}
            assert set(place.asked()[-2:]) == wanted
        # Who works on it afterwards does so as before.
        place.write("web.yml", "third", name="web")
        place.eventually(lambda: len(place.asked()) == 6)
    assert place.rows("SELECT count(*) FROM submission") == [(6,)]
