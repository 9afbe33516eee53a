"""A body that is done again, on this machine or on another, gives the same and changes nothing."""

from __future__ import annotations

import os
import threading

import pytest

from stead.server.engine.children import Children
from stead.server.engine.reasons import Kind
from stead.server.engine.steps.bodies import STEPS
from stead.store.atomic import remove_tree

SPEC = "name: env\nchannels:\n  - {channel}\ndependencies:\n  - speaking\n"


@pytest.fixture
def children(tmp_path):
    made = Children(str(tmp_path / "steps"), "worker-1")
    yield made
    made.close()
    for home in tmp_path.glob("home*"):
        remove_tree(home)


@pytest.fixture
def run(children, tmp_path):
    """Run one body in a process of its own, with what the solve gave."""
    held = {"lock": ""}

    def ran(body, channel, home="home-0"):
        asked = {"file": "environment.yml", "text": SPEC.format(channel=channel), "name": "env"}
        asked |= {"home": str(tmp_path / home), **held}
        ended = children.run(body, asked, name=body)
        assert ended.failure is None, ended.failure
        if body == "solve":
            held.update(lock=ended.result["lock"])
        return ended.result

    return ran


def files(root):
    """Give what is in a store, with what would change were it written again; used it may be."""
    found = {}
    for directory, names, inner in os.walk(root / "store"):
        for name in (*names, *inner):
            path = os.path.join(directory, name)
            now = os.lstat(path)
            if not path.endswith("/.stead/use"):
                found[os.path.relpath(path, root)] = (now.st_ino, now.st_size, now.st_mtime_ns)
    return found


def test_each_body_done_again_gives_the_same_and_changes_nothing(run, tiny_channel, tmp_path):
    given = {}
    for body in STEPS:
        given[body] = run(body, tiny_channel)
        before = files(tmp_path / "home-0")
        assert run(body, tiny_channel) == given[body], body
        assert files(tmp_path / "home-0") == before, body
    assert given["verify"]["verified"]
    # All of them again, from the first, after the last.
    before = files(tmp_path / "home-0")
    assert any("share/tiny.txt" in name for name in before)
    assert {body: run(body, tiny_channel) for body in STEPS} == given
    assert files(tmp_path / "home-0") == before


def test_a_body_that_goes_on_elsewhere_makes_what_is_missing_there(run, tiny_channel, tmp_path):
    here = {body: run(body, tiny_channel) for body in STEPS}
    for number, body in enumerate(STEPS[1:], 1):
        there = run(body, tiny_channel, home=f"home-{number}")
        # It names where the build stands, and is as large as what is said of the machine in it.
        assert there.keys() == here[body].keys()
        for key in there.keys() - {"activation", "size"}:
            assert there[key] == here[body][key], (body, key)


def test_a_body_that_was_killed_in_the_middle_is_done_again(children, run, waiting, tmp_path):
    text = SPEC.format(channel=waiting.url)
    asked = {
        "file": "environment.yml",
        "text": text,
        "name": "env",
        "home": str(tmp_path / "home-0"),
    }
    for number in range(2):
        waiting.asked.clear()
        with children.begin(asked, name=f"killed-{number}") as child:
            child.ask("link")
            assert waiting.asked.wait(120)
    waiting.go.set()
    lock = run("solve", waiting.url)
    made = run("link", waiting.url)
    assert run("verify", waiting.url)["verified"]
    assert os.listdir(tmp_path / "home-0" / "store") == [made["store_key"]]
    assert run("solve", waiting.url) == lock


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_build_that_is_not_as_its_packages_say_is_not_published(
    run, children, tiny_channel, tmp_path, harm
):
    lock = run("solve", tiny_channel)["lock"]
    made = run("link", tiny_channel)
    file = tmp_path / "home-0" / "store" / made["store_key"] / "share" / "tiny.txt"
    file.parent.chmod(0o755)
    file.unlink()
    if harm == "changed":
        file.write_text("harm")
    text = SPEC.format(channel=tiny_channel)
    asked = {"file": "environment.yml", "text": text, "name": "env", "lock": lock}
    ended = children.run("verify", {**asked, "home": str(tmp_path / "home-0")}, name="verify")
    assert ended.failure.kind is Kind.PACKAGE
    assert "is not as its packages say" in ended.failure.reason
    assert "share/tiny.txt" in ended.failure.info


def test_two_that_do_it_at_once_make_one(run, tiny_channel, tmp_path):
    run("solve", tiny_channel)
    given, barrier = [], threading.Barrier(2)

    def link():
        barrier.wait()
        given.append(run("link", tiny_channel))

    threads = [threading.Thread(target=link) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given[0] == given[1]
    assert os.listdir(tmp_path / "home-0" / "store") == [given[0]["store_key"]]
