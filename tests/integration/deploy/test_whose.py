"""Recipes of one name on one machine: of one project they are the same, of two they are not."""

from __future__ import annotations

import os

import pytest

from stead.deploy.machine import Machine
from stead.deploy.targets import Node
from stead.deploy.targets._machine import MachineTarget
from stead.deploy.targets.local import Local
from stead.values.errors import DeployError


@pytest.fixture
def machine_of(tmp_path):
    def make(project, recipe="shop"):
        node = Node(recipe, str(tmp_path / "node"), services="supervise", project=project)
        return Machine(Local(dict(os.environ)), node)

    return make


def everything(tmp_path):
    """All names but of what says who may deploy at the moment."""
    return sorted(str(p) for p in tmp_path.rglob("*") if not p.name.startswith("lease."))


def test_another_projects_is_refused_before_anything_is_changed(machine_of, tmp_path):
    first = machine_of("the shop")
    first.begin()
    first.end()
    before = everything(tmp_path)
    other = machine_of("bakery")
    for act in (other.facts, other.standing, other.begin, other.status):
        with pytest.raises(DeployError, match=r"to the project the shop, .* is bakery") as e:
            act()
        assert "another name" in e.value.remedy
    assert everything(tmp_path) == before
    assert first.status().held_by == ""
    target = MachineTarget("here", other.connection, other.node)
    acts = (
        target.remove,
        target.rollback,
        target.status,
        target.running,
        lambda: list(target.logs()),
        lambda: target.run("web.migrate"),
    )
    for act in acts:
        with pytest.raises(DeployError, match="belongs to the project the shop"):
            act()
    assert everything(tmp_path) == before


def test_clones_and_other_names_go_on(machine_of):
    for machine in (machine_of("shop"), machine_of("shop"), machine_of("bakery", "bread")):
        machine.begin()
        machine.end()
        machine.facts()


def test_what_nobody_has_is_taken(machine_of):
    nameless = machine_of("")
    nameless.begin()
    nameless.end()
    first = machine_of("shop")
    first.begin()
    first.end()
    with pytest.raises(DeployError, match="belongs to the project shop"):
        machine_of("bakery").begin()


def test_who_only_takes_away_makes_nothing_its_own(machine_of):
    nameless = machine_of("")
    nameless.begin()
    nameless.end()
    looking = machine_of("bakery")
    looking.begin(take=False)
    looking.end()
    machine_of("shop").facts()


def test_after_it_was_taken_away_another_may_come(machine_of):
    first = machine_of("shop")
    first.begin()
    first.remove()
    first.end()
    machine_of("bakery").begin()
