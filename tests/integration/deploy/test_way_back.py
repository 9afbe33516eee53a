"""The way back on this machine when services can be neither started nor stopped."""

from __future__ import annotations

import os
import time

import pytest

from stead.deploy import apply as applying
from stead.deploy.machine import Machine
from stead.deploy.targets import Node
from stead.deploy.targets.local import Local
from stead.values.errors import DeployError

CONTROL = """\
#!/bin/sh
# Units that neither start nor stop as long as a file says so.
case "$*" in
*is-active*) [ -e "$HOME/stuck" ] ;;
*start*) [ ! -e "$HOME/broken" ] ;;
esac
"""


class Place:
    """A node with a generation 1 that runs, and a 2 that may be switched to; both are units."""

    def __init__(self, home):
        self.home = home
        self.recipe = home / "node" / "recipes" / "shop"
        tools = home / "tools"
        tools.mkdir()
        (tools / "systemctl").write_text(CONTROL)
        (tools / "systemctl").chmod(0o755)
        self.environ = {**os.environ, "HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"}

    def machine(self, patience=2.0):
        node = Node("shop", str(self.home / "node"), patience=patience, settling=0.1)
        return Machine(Local(self.environ), node)

    def generations(self):
        for number in ("1", "2"):
            at = self.recipe / "generations" / number
            (at / "units").mkdir(parents=True)
            (at / "units" / "stead-shop.target").write_text("[Unit]\n")
            (at / "manager").write_text("systemd-user\n")
            (at / "services").write_text("web\n")
            (at / "digest").write_text(f"digest-{number}\n")
        (self.recipe / "current").symlink_to("generations/1")

    def current(self):
        return os.readlink(self.recipe / "current").rpartition("/")[2]

    def pending(self):
        return (self.recipe / "pending").is_symlink()

    def settled(self):
        until = time.monotonic() + 60
        while self.pending() and time.monotonic() < until:
            time.sleep(0.1)
        return not self.pending()


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    (tmp_path / "broken").unlink(missing_ok=True)
    (tmp_path / "stuck").unlink(missing_ok=True)
    if made.recipe.is_dir():
        made.settled()


def test_it_is_tried_again_until_what_ran_before_runs(place):
    machine = place.machine()
    machine.begin()
    place.generations()
    (place.home / "broken").touch()
    with pytest.raises(DeployError, match="neither the services nor what ran before"):
        machine.switch(2, 60)
    assert place.pending()
    with pytest.raises(DeployError, match="what ran before could not be started"):
        machine.revert(2)
    machine.end()
    (place.home / "broken").unlink()
    assert place.settled()
    assert place.current() == "1"


def test_a_unit_that_cannot_be_stopped_does_not_end_the_watchdog(place):
    machine = place.machine()
    machine.begin()
    place.generations()
    machine.switch(2, 60)
    (place.home / "stuck").touch()
    machine.end()
    time.sleep(2.5)
    assert place.pending()
    (place.home / "stuck").unlink()
    assert place.settled()
    assert place.current() == "1"


def test_a_failed_way_back_is_said(place):
    machine = place.machine()
    machine.begin()
    place.generations()
    (place.home / "broken").touch()
    try:
        machine.switch(2, 60)
    except DeployError as exc:
        with pytest.raises(DeployError) as caught:
            applying._go_back(machine, 2, exc, before=1)
    machine.end()
    assert "goes on trying" in caught.value.remedy
    assert any("going back failed as well" in line for line in caught.value.details)


def test_the_next_deploy_goes_back_to_what_was_confirmed(place):
    first = place.machine()
    first.begin()
    place.generations()
    first.switch(2, 600)
    (place.home / "stuck").touch()
    first.end()
    second = place.machine()
    assert second.begin().unsettled
    # What is current was never confirmed: going back leads to what ran before it.
    (place.home / "stuck").unlink()
    second.switch(2, 600)
    assert os.readlink(place.recipe / "pending").split(" ")[1] == "1"
    assert second.revert(2)
    assert place.current() == "1"
    second.end()
