"""The lease on a directory of this machine: one deploy at a time, and none waits for the dead."""

from __future__ import annotations

import os
import threading

import pytest

from stead.deploy.machine import Machine
from stead.deploy.targets import Node
from stead.deploy.targets.local import Local
from stead.values.errors import DeployError, OccupiedError


@pytest.fixture
def open_machine(tmp_path):
    def make(patience=30.0):
        node = Node("shop", str(tmp_path / "node"), services="supervise", patience=patience)
        return Machine(Local(dict(os.environ)), node)

    return make


def test_only_one_holds_it(open_machine):
    first, second = open_machine(), open_machine()
    first.begin()
    with pytest.raises(OccupiedError, match="deploys to this machine") as caught:
        second.begin()
    assert "30 s" in caught.value.remedy or "29 s" in caught.value.remedy
    assert second.status().held_by
    first.end()
    second.begin()
    second.end()
    assert second.status().held_by == ""


def test_of_many_at_once_one_gets_it(open_machine):
    machines = [open_machine() for _ in range(6)]
    machines[0].install()
    got, refused = [], []

    def try_it(machine):
        try:
            machine.begin()
            got.append(machine)
        except OccupiedError:
            refused.append(machine)

    threads = [threading.Thread(target=try_it, args=(one,)) for one in machines]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(got), len(refused)) == (1, 5)


def test_who_was_not_heard_of_has_lost_it(open_machine):
    first, second = open_machine(patience=1.0), open_machine()
    first.begin()
    for _ in range(100):
        try:
            second.begin()
            break
        except OccupiedError:
            pass
    with pytest.raises(DeployError, match="lease was lost"):
        first.renew()
    with pytest.raises(DeployError, match="lease was lost"):
        first.deliver(1, [b""])
    first.end()
    second.renew()
    second.end()


def test_it_stands_for_all_who_look_while_it_is_renewed(open_machine):
    first, second = open_machine(), open_machine()
    first.begin()
    seen = []

    def look():
        seen.extend(second.status().held_by for _ in range(40))

    looking = threading.Thread(target=look)
    looking.start()
    while looking.is_alive():
        first.renew()
    looking.join()
    first.end()
    assert all(seen)


def test_it_is_kept_while_it_is_renewed(open_machine):
    first = open_machine(patience=2.0)
    first.begin()
    for _ in range(8):
        first.renew()
        with pytest.raises(OccupiedError):
            open_machine().begin()
    first.end()
