"""Ports of containers and of processes on one machine: who has which, and who gets which."""

from __future__ import annotations

import pytest

from stead.deploy.containers.engine import LABEL, Container
from stead.deploy.neighbours import Neighbours, of_containers, of_directories, of_engines, remember
from stead.deploy.recipes import Where
from stead.testing.world import make_context
from stead.values.deployment import Payload, Service
from stead.values.kinds import Target

LOCAL, LOCAL_2 = Where(Target("here")), Where(Target("there"))
LOCAL_3 = Where(Target("own", directory="/srv/own"))
BOX, BOX_2 = Where(Target("box", "container")), Where(Target("box-2", "container"))
FAR = Where(Target("far", "ssh", ("h",)), "h")


def container(name, service, ports, generation=1, started=1.0, state="running"):
    labels = {"recipe": f"{name}-here-0123", "name": name, "ports": ports}
    return Container(
        f"stead-{name}-{service}-{generation}", service, generation, state, started=started,
        labels=tuple((f"{LABEL}.{key}", value) for key, value in labels.items()),
    )  # fmt: skip


def test_of_containers_those_have_ports_that_run_or_are_to():
    every = [
        container("shop", "web", "8000", 1, 1.0, "exited"),
        container("shop", "web", "8001 8002", 2, 2.0),
        container("shop", "work", "", 2, 2.0),
        container("shop", "web", "8009", 3, 0.0, "created"),
        container("bakery", "web", "8003", state="exited"),
    ]
    assert of_containers(every) == (
        (8001, "web", "shop"), (8002, "web", "shop"), (8003, "web", "bakery"),
    )  # fmt: skip


@pytest.fixture
def context(tmp_path):
    return make_context(tmp_path / "home", environ={"HOME": str(tmp_path), "PATH": str(tmp_path)})


def test_directories_are_remembered_and_asked(context, tmp_path):
    for root, recipe in ((".local/share/stead-node", "a"), ("no[de]", "b"), ("never", "c")):
        at = tmp_path / root / "recipes" / recipe / "current"
        at.mkdir(parents=True)
        (at / "ports").write_text(f"80{len(recipe)}0 web\n9000 web-2\n")
    for root in ("no[de]", "gone", "no[de]"):
        remember(str(tmp_path / root), context)
    assert of_directories(context) == tuple(
        (port, service, recipe)
        for recipe in "ab"
        for port, service in ((8010, "web"), (9000, "web-2"))
    )
    with Neighbours((BOX,), context).turn(BOX) as found:
        assert found == of_directories(context)
    a, b = of_directories(context)[:2], of_directories(context)[2:]
    elsewhere = Where(Target("else", directory=str(tmp_path / "no[de]")))
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path / "no[de]")
    by_a_link = Where(Target("link", directory=str(linked)))
    # Each knows its own directory by itself.
    for one, known in ((LOCAL, b), (elsewhere, a), (by_a_link, a), (FAR, ())):
        with Neighbours((one,), context).turn(one) as found:
            assert found == known


def test_no_engine_is_asked_where_nothing_was_deployed_to_one(context, tmp_path):
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\n: >{tmp_path}/asked\n")
    program.chmod(0o755)
    (tmp_path / "home/containers").mkdir(parents=True)
    (tmp_path / "home/containers/shop.lock").touch()
    assert of_engines(context) == ()
    assert not (tmp_path / "asked").exists()
    (tmp_path / "home/containers/shop").mkdir()
    assert of_engines(context) == ()
    assert (tmp_path / "asked").exists()
    # One that does not answer hinders no deploy.
    program.write_text("#!/bin/sh\nexit 1\n")
    assert of_engines(context) == ()


def test_what_is_dealt_to_one_is_taken_for_the_next(context):
    def payload(port):
        return Payload(
            "r", "t", "", "/r", services=(Service("web", "web", (), "/", ports=(port,)),)
        )

    nodes = (LOCAL, LOCAL_2, BOX, BOX_2, FAR, LOCAL_3)
    neighbours, found = Neighbours(nodes, context), {}
    for port, where in enumerate(nodes):
        with neighbours.turn(where) as taken:
            found[where.target.name] = [port for port, _, _ in taken]
            neighbours.deal(where, payload(port))
    assert found == {
        "here": [],
        "there": [],
        "box": [0, 1],
        "box-2": [0, 1, 2],
        "far": [],
        "own": [0, 1, 2, 3],
    }
    with neighbours.turn(LOCAL) as taken:
        assert [port for port, _, _ in taken] == [2, 3, 5]
