"""A file that is written bit by bit is taken once, when it is whole."""

from __future__ import annotations

import json
import time

import pytest

from stead.server.sources import working

SLOWER = 4
"""All waits are longer, in their proportions: a busy machine delays who writes, too."""

PIECES = 36
PAUSE = 0.1

BEGIN = "name: {}\nchannels: [http://127.0.0.1:18090]\ndependencies:\n"


@pytest.fixture
def slower(monkeypatch):
    for name in ("QUIET", "LATEST"):
        monkeypatch.setattr(working, name, getattr(working, name) * SLOWER)


@pytest.fixture
def looks(monkeypatch):
    """The moments at which a directory was looked at."""
    found = []

    class Counted(working.Directory):
        def look(self):
            found.append(time.monotonic())
            return super().look()

    monkeypatch.setattr(working, "Directory", Counted)
    return found


def write_in_pieces(path, name):
    """Write a file of which each beginning is right too; gives the longest time between two."""
    longest, last = 0.0, time.monotonic()
    for number in range(PIECES):
        with path.open("a") as file:
            file.write(f"  - package{number}\n" if number else BEGIN.format(name) + "  - first\n")
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        time.sleep(PAUSE)
    return longest


def dependencies(place, name):
    """Give what was asked for as an environment, each time."""
    found = place.rows(
        "SELECT e.name, s.spec FROM build b JOIN environment e ON e.id = b.environment_id "
        "JOIN specification s ON s.id = b.specification_id ORDER BY b.id"
    )
    return [json.loads(spec)["dependencies"] for given, spec in found if given == name]


@pytest.mark.slow
def test_a_file_that_is_written_in_pieces_is_taken_once(place, slower, looks):
    with place.watching():
        # One before it is watched, one after.
        place.eventually(lambda: len(looks) == 2)
        for attempt in range(5):
            name, before = f"web{attempt}", len(looks)
            longest = write_in_pieces(place.files / f"{name}.yml", name)
            whole = ["first", *(f"package{number}" for number in range(1, PIECES))]
            place.eventually(lambda name=name, whole=whole: whole in dependencies(place, name))
            # Where whoever writes was kept waiting, it says nothing.
            if longest < 5 * PAUSE:
                assert dependencies(place, name) == [whole]
                assert len(looks) == before + 1
                return
    pytest.fail("the machine was too slow to write pieces soon after each other")
