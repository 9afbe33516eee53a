"""The journal of a transaction: each state whole, the newest readable one the present."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.store import transactions
from stead.store.layout import Layout
from stead.store.roots import find_roots
from stead.store.transactions import Journal, Operation, Owner, State
from stead.values.errors import StoreError

PLACE = "/srv/scans"


def held(home, **more):
    directory = transactions.directory_of(home, PLACE)
    more.setdefault("wait", False)
    return transactions.hold(directory, home=str(home), note=lambda _: None, **more)


def begun(home, contents=None):
    lock = held(home)
    journal = Journal(lock.directory)
    owner = Owner(os.getpid(), 1000.0, PLACE, "default", who="ann@box")
    transactions.begin(journal, owner, contents or {})
    return lock, journal


def test_nothing_is_a_transaction_before_its_first_state(tmp_path):
    lock = held(tmp_path)
    assert transactions.look(tmp_path, PLACE) is None
    journal = Journal(lock.directory)
    transactions.claim(journal, Owner(1, 0.0, PLACE, "default"))
    assert transactions.look(tmp_path, PLACE) is None
    transactions.begin(journal, Owner(1, 0.0, PLACE, "default"), {"/a": b"text", "/b": None})
    found = transactions.look(tmp_path, PLACE)
    assert found is not None
    assert found.alive
    state = journal.present()
    assert journal.content(state.base["/a"]) == b"text"
    assert state.base["/b"] is None
    lock.release()
    assert not transactions.look(tmp_path, PLACE).alive
    held(tmp_path).end()
    assert transactions.look(tmp_path, PLACE) is None
    assert not os.path.exists(lock.directory)


def test_everything_is_for_the_user_alone(tmp_path):
    lock, _ = begun(tmp_path, {"/.env": b"PASSWORD=hush"})
    for parent, _, files in os.walk(lock.directory):
        for name in files:
            if name != "lock":
                assert os.stat(os.path.join(parent, name)).st_mode & 0o077 == 0, name
    assert os.stat(lock.directory).st_mode & 0o777 == 0o700
    lock.end()


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
shas = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
files = st.dictionaries(names, shas, max_size=4)
operations = st.lists(
    st.builds(Operation, names, st.lists(names, max_size=3).map(tuple), st.floats(0, 1e10)),
    max_size=3,
).map(tuple)
states = st.builds(
    State,
    base=files,
    seen=files,
    files=files,
    operations=operations,
    savepoints=st.dictionaries(names, st.integers(1, 9), max_size=3),
    committing=st.booleans(),
)


@settings(max_examples=30)
@given(st.lists(states, min_size=1, max_size=4), st.data())
def test_the_present_is_the_newest_state_that_can_be_read(tmp_path_factory, written, data):
    journal = Journal(str(tmp_path_factory.mktemp("t") / "transaction@"))
    # Times go backwards: the order is that of the numbers.
    made = [journal.append(state, 100.0 - n) for n, state in enumerate(written)]
    assert [m.number for m in made] == list(range(1, len(made) + 1))
    for state in made:
        assert journal.find(state.number) == state
    assert journal.present() == made[-1]
    damaged = data.draw(st.sets(st.sampled_from([m.number for m in made])))
    for number in damaged:
        path = os.path.join(journal.directory, "states", f"{number}.json")
        with open(path, "rb") as file:
            text = file.read()
        at = data.draw(st.integers(0, len(text) - 1))
        changed = data.draw(st.sampled_from(["cut", "flip"]))
        text = text[:at] if changed == "cut" else text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        with open(path, "wb") as file:
            file.write(text)
    whole = [m for m in made if m.number not in damaged]
    assert journal.present() == (whole[-1] if whole else None)
    newer = [m.number for m in made if not whole or m.number > whole[-1].number]
    assert sorted(journal.damaged) == newer
    # A damaged state's number is not given again.
    assert journal.append(State(), 0.0).number == len(made) + 1


def test_a_damaged_content_is_no_content(tmp_path):
    lock, journal = begun(tmp_path)
    sha = journal.put(b"one")
    assert journal.put(b"one") == sha
    path = os.path.join(journal.directory, "blobs", sha)
    with open(path, "wb") as file:
        file.write(b"two")
    with pytest.raises(StoreError, match="damaged"):
        journal.content(sha)
    os.unlink(path)
    with pytest.raises(StoreError):
        journal.content(sha)
    lock.end()


def test_who_may_not_wait_is_told_of_the_other(tmp_path):
    lock, _ = begun(tmp_path)
    with pytest.raises(StoreError) as refused:
        held(tmp_path, clock=lambda: 1000.0 + 3 * 3600)
    assert f"process {os.getpid()}" in refused.value.message
    assert "3 h" in refused.value.message
    assert refused.value.where == PLACE
    lock.release()
    held(tmp_path).end()


def test_who_waits_gets_it_when_the_other_is_killed(tmp_path):
    code = (
        "import sys, time\n"
        "from stead.store import transactions\n"
        "home, place = sys.argv[1:]\n"
        "held = transactions.hold(transactions.directory_of(home, place), home=home, wait=False,"
        " note=print)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), PLACE], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        said = []

        def note(text):
            said.append(text)
            process.kill()

        lock = transactions.hold(
            transactions.directory_of(tmp_path, PLACE), home=str(tmp_path), wait=True, note=note
        )
    assert f"process {process.pid}" in said[0]
    lock.end()


def test_dropping_is_done_at_once(tmp_path, monkeypatch):
    """Whatever comes in between, what is left is no transaction."""
    lock, journal = begun(tmp_path, {"/a": b"text"})

    def fail(_):
        raise StoreError("no")

    with monkeypatch.context() as patch:
        patch.setattr(transactions, "remove_tree", fail)
        with pytest.raises(StoreError):
            transactions.clear(lock.directory)
    assert journal.present() is None
    lock.release()
    again, journal = begun(tmp_path, {"/a": b"new"})
    assert journal.present().number == 1
    again.end()


def test_an_owner_that_cannot_be_read_is_none(tmp_path):
    lock, journal = begun(tmp_path)
    path = os.path.join(journal.directory, "owner.json")
    for text in ("", "[]", json.dumps({"pid": 1}), json.dumps({"strange": 1})):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        assert journal.owner() is None
        assert transactions.look(tmp_path, PLACE).alive
    lock.end()


def test_builds_of_a_transaction_are_in_use(tmp_path):
    """Collection leaves alone what a transaction's shell has."""
    from stead.pipeline.transaction import write_record
    from stead.values.activation import Activation, Change

    lock, _ = begun(tmp_path)
    build = f"{tmp_path}/store/{'a' * 20}-demo"
    activation = Activation(
        PLACE, PLACE, "default", (Change("prepend", "PATH", f"{build}/bin"),), build=build
    )
    write_record(lock.directory, activation)
    roots = find_roots(Layout(tmp_path), now=0.0, grace=100.0, processes=False)
    assert roots.of("a" * 20)
    lock.end()
    roots = find_roots(Layout(tmp_path), now=0.0, grace=100.0, processes=False)
    assert not roots.of("a" * 20)


def test_the_turn_moves_only_when_the_environment_does(tmp_path):
    from stead.pipeline.transaction import turn, write_record
    from stead.values.activation import Activation, Change

    lock, _ = begun(tmp_path)

    def activation(value):
        return Activation(PLACE, PLACE, "default", (Change("set", "A", value),))

    assert turn(lock.directory) == 0
    assert write_record(lock.directory, activation("1"))
    assert not write_record(lock.directory, activation("1"))
    assert turn(lock.directory) == 1
    assert write_record(lock.directory, activation("2"))
    assert turn(lock.directory) == 2
    lock.end()
