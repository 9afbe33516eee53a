"""Commands on this machine that never end: with their check's time, or with the lease, they do."""

from __future__ import annotations

import os
import time

import pytest

from stead.deploy import apply as applying
from stead.deploy import generation
from stead.deploy.lease import Keeper
from stead.deploy.machine import Machine
from stead.deploy.targets import Node
from stead.deploy.targets.local import Local
from stead.values.deployment import Health
from stead.values.errors import DeployError

ENDLESS = """\
trap '' TERM
sleep 1000 &
echo $$ $! >{at}.new; mv {at}.new {at}
wait; wait; sleep 1000
"""


@pytest.fixture
def machine_of(tmp_path):
    def make(patience=30.0):
        node = Node(
            "shop", str(tmp_path / "node"), services="supervise", patience=patience, settling=0
        )
        machine = Machine(Local(dict(os.environ)), node)
        machine.begin()
        commands = tmp_path / "node" / "recipes" / "shop" / "generations" / "1" / "commands"
        commands.mkdir(parents=True, exist_ok=True)
        for name in ("slow", generation.CHECK.format(0)):
            (commands / name).write_text(ENDLESS.format(at=tmp_path / "pids"))
        (commands / "quick").write_text("echo done; exit 3\n")
        return machine

    return make


def runs(pid):
    """Say whether a process runs; one that has ended may wait for whoever adopted it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(tmp_path):
    until = time.monotonic() + 90
    pids = (tmp_path / "pids").read_text().split()
    while any(map(runs, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(runs, pids))


def longer(tmp_path):
    """Give more and more seconds, until they were enough for what begins to say who it is."""
    for seconds in (1, 4, 16, 64):
        yield seconds
        if (tmp_path / "pids").exists():
            return


def test_a_command_is_ended_after_its_time_with_all_it_started(machine_of, tmp_path):
    machine = machine_of()
    for seconds in longer(tmp_path):
        answer = machine.command(1, "slow", seconds)
        said = f"did not end within {seconds} s"
        assert (answer.code, answer.err.splitlines()[-1]) == (124, said)
    assert gone(tmp_path)


def test_one_without_a_time_is_ended_with_the_lease(machine_of, tmp_path):
    for seconds in longer(tmp_path):
        answer = machine_of(patience=seconds).command(1, "slow")
        assert (answer.code, answer.err.splitlines()[-1]) == (91, "the lease was lost")
    assert gone(tmp_path)


def test_what_it_says_and_ends_with_arrives(machine_of):
    answer = machine_of().command(1, "quick", 5)
    assert (answer.code, answer.out) == (3, b"done\n")


def test_a_check_that_never_answers_does_not_hold(machine_of, tmp_path):
    machine = machine_of()
    for seconds in longer(tmp_path):
        check = Health(command=("endless",), timeout=seconds)
        with (
            Keeper(machine.renew, 30) as keeper,
            pytest.raises(DeployError, match=f"did not hold within {seconds} s") as caught,
        ):
            applying._check(machine, 1, [check], keeper, lambda _step, _word: None)
        assert f"did not end within {seconds} s" in caught.value.details[0]
    assert gone(tmp_path)
