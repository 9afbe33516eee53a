"""Bodies in children: what they may use, and what is left of them."""

from __future__ import annotations

import os
import select
import threading
import types

import pytest

from stead.server.engine.children import Children, Stopped, sweep
from stead.server.engine.reasons import Kind

SPEC = "name: env\nchannels:\n  - {channel}\ndependencies:\n  - tiny\n"


@pytest.fixture(scope="module")
def children(tmp_path_factory):
    made = Children(str(tmp_path_factory.mktemp("scratch")), "worker-1")
    yield made
    made.close()
    assert not os.path.exists(made.root)


@pytest.fixture
def ask(tmp_path):
    def asked(channel):
        text = SPEC.format(channel=channel)
        home = str(tmp_path / "home")
        return {"file": "environment.yml", "text": text, "name": "env", "home": home}

    return asked


def left(children):
    return [name for name in os.listdir(children.root) if name != ".lock"]


def test_a_body_gives_its_result_and_what_it_said(children, ask, tiny_channel):
    said = []
    ended = children.run("solve", ask(tiny_channel), name="solve", on_output=said.append)
    assert ended.failure is None
    assert 'name = "tiny"' in ended.result["lock"]
    assert "+ conda:tiny 1.0\n" in "".join(said)
    assert left(children) == []


def test_a_failure_is_heard_that_came_between_a_look_and_the_end(
    children, ask, tmp_path, monkeypatch
):
    looks = []

    def look(*given):
        looks.append(given)
        if len(looks) > 1:
            return select.select(*given)
        child._ending.done.wait()  # it tells why it fails, and ends
        return [], [], []

    with children.begin(ask(str(tmp_path / "nowhere")), name="solve") as child:
        monkeypatch.setattr(
            "stead.server.engine.children.select", types.SimpleNamespace(select=look)
        )
        child.ask("solve")
        failure = child.result().failure
    assert "nowhere" in failure.reason


def test_one_that_needs_too_much_memory_fails_by_that(children, ask, tiny_channel):
    ended = children.run("solve", ask(tiny_channel), name="solve", memory=64 * 2**20)
    assert ended.failure.kind is Kind.MEMORY
    assert left(children) == []


def test_one_that_takes_too_long_is_ended(children, ask, tiny_channel):
    ended = children.run("solve", ask(tiny_channel), name="solve", seconds=0)
    assert ended.failure.kind is Kind.TIME
    assert left(children) == []


def test_one_that_is_not_wanted_any_more_is_ended(children, ask, waiting):
    with pytest.raises(Stopped):
        children.run(
            "link", ask(waiting.url), name="link", wanted=lambda: not waiting.asked.is_set()
        )
    assert left(children) == []


def test_they_are_stopped_by_key(children, ask, waiting):
    ended = []

    def run():
        try:
            ended.append(children.run("link", ask(waiting.url), name="link", key=7))
        except Stopped:
            ended.append(Stopped)

    thread = threading.Thread(target=run)
    thread.start()
    assert waiting.asked.wait(120)
    children.stop(8)
    assert thread.is_alive()
    children.stop(7)
    thread.join()
    assert ended == [Stopped]


def test_where_the_process_that_forks_is_killed_its_children_die_and_another_takes_over(
    children, ask, waiting, tiny_channel
):
    thread_ended = []

    def run():
        thread_ended.append(children.run("link", ask(waiting.url), name="link"))

    thread = threading.Thread(target=run)
    thread.start()
    assert waiting.asked.wait(120)
    children._nursery.kill()
    thread.join()
    assert thread_ended[0].failure.kind is Kind.MEMORY
    assert left(children) == []
    assert children.run("solve", ask(tiny_channel), name="solve").failure is None


def test_what_a_dead_worker_left_is_swept_and_no_living_ones(children, tmp_path):
    scratch = os.path.dirname(children.root)
    dead = os.path.join(scratch, "worker-2")
    os.makedirs(os.path.join(dead, "build-1-1-solve-1"))
    with open(os.path.join(dead, ".lock"), "w", encoding="utf-8"):
        pass
    assert sweep(scratch) == ["worker-2"]
    assert os.listdir(scratch) == ["worker-1"]
    assert sweep(str(tmp_path / "nowhere")) == []


def test_a_worker_sweeps_when_it_begins(store):
    left = store.root / "home" / "steps" / "worker-4711" / "build-1-1-1"
    left.mkdir(parents=True)
    (left.parent / ".lock").touch()
    store.worker()
    assert not left.parent.exists()
