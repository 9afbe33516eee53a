"""What differs between systems, decided by name and held from any of them."""

from __future__ import annotations

import signal

import pytest

from stead.matrix.process import Patience, escalation
from stead.matrix.remains import below, means, starting, tree_killer


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_where_there_are_sessions_each_command_leads_one(system):
    assert starting(system) == {"start_new_session": True}
    assert means(system) == ("SIGINT", "SIGTERM", "SIGKILL")
    assert all(hasattr(signal, name) for name in means(system))


def test_on_windows_commands_lead_a_group_and_end_as_a_tree():
    import subprocess

    flags = starting("win32")["creationflags"]
    assert flags == getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200)
    assert means("win32") == ("CTRL_BREAK_EVENT", "KILL_TREE")
    assert tree_killer(42) == ["taskkill", "/F", "/T", "/PID", "42"]


@pytest.mark.parametrize(
    ("system", "waits", "expected"),
    [
        ("linux", True, ((5, "SIGINT"), (2, "SIGTERM"), (1, "SIGKILL"))),
        ("darwin", False, ((0, "SIGINT"), (2, "SIGTERM"), (1, "SIGKILL"))),
        ("win32", True, ((5, "CTRL_BREAK_EVENT"), (2, "KILL_TREE"))),
    ],
)
def test_what_is_done_to_end_a_command_gets_harder(system, waits, expected):
    assert escalation(Patience(5, 2, 1), system, waits=waits) == expected


def test_descendants_are_found_whatever_their_order():
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 5: 12, 20: 1}
    assert below(parents, {11}) == {11, 12, 5}
    assert below(parents, ()) == set()
    assert below({3: 3}, {3}) == {3}
