"""The lease on a directory of this machine: one deploy at a time, and none waits for the dead."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest

from stead.deploy import program
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
    until = time.monotonic() + 90
    while True:
        try:
            second.begin()
            break
        except OccupiedError:
            assert time.monotonic() < until
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


HOST = os.path.join(os.path.dirname(program.__file__), "host")


def shell(tmp_path, text):
    """Run a piece of the machine's program: its functions, and what calls them."""
    pieces = "\n".join(
        f". {HOST}/{piece}.sh" for piece in program.PIECES if piece not in ("main", "common")
    )
    begun = f". {HOST}/common.sh\n{pieces}\nROOT={tmp_path} RECIPE=shop R={tmp_path}/recipes/shop\n"
    return subprocess.run(
        ["sh", "-c", begun + text], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_number_that_others_have_had_is_no_claim(tmp_path):
    os.symlink("theirs 9999999999 them", tmp_path / "lease.7")
    done = shell(tmp_path, 'claim_last=5; claim_next "$ROOT/lease" "mine 9999999999 me"')
    assert done.returncode == 1, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["lease.7"]


def test_a_number_stays_until_the_one_after_the_next_is_made(tmp_path):
    text = (
        'for claim in a b c; do claim_look "$ROOT/lease"; claim_next "$ROOT/lease" "$claim"; done'
    )
    assert shell(tmp_path, text).returncode == 0
    # Who looked before the last was made cannot make the last but one.
    assert sorted(os.listdir(tmp_path)) == ["lease.2", "lease.3"]


def test_nothing_of_others_is_touched_where_the_lease_was_lost_at_once(tmp_path):
    recipe = tmp_path / "recipes" / "shop"
    recipe.mkdir(parents=True)
    theirs = tmp_path / "incoming-theirs"
    theirs.mkdir()
    (theirs / "p.1").write_text("half a part")
    os.symlink("theirs 9999999999 them", tmp_path / "lease.7")
    os.symlink("2 1 theirs 9999999999", recipe / "pending")
    done = shell(tmp_path, "lease_take() { :; }\nbegin mine 30 me '' take")
    assert (done.returncode, done.stderr) == (91, "the lease was lost\n")
    assert (theirs / "p.1").exists()
    assert (recipe / "pending").is_symlink()
