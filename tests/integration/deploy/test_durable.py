"""What has a name on a machine is on its disk: a failing power leaves no generation half written."""

from __future__ import annotations

import os

import pytest

from stead.deploy.targets import Node, tree_directory
from stead.deploy.targets.local import target
from stead.testing.deliveries import delivery, part, tree
from stead.values.deployment import Payload, Service
from stead.values.errors import DeployError

SYNC = """\
#!/bin/sh
# Writes down what has a name when it is called, and lets the real one do it.
{ echo "sync $*"; readlink current; ls generations trees; } >>"$STEAD_TEST_SEEN" 2>/dev/null
PATH=${PATH#*:}
exec sync "$@"
"""


@pytest.fixture
def node(tmp_path):
    tools, root = tmp_path / "tools", tmp_path / "node"
    tools.mkdir()
    (tools / "sync").write_text(
        SYNC.replace("readlink current", f"readlink {root}/recipes/r/current").replace(
            "ls generations trees", f"ls {root}/recipes/r/generations {root}/trees"
        )
    )
    (tools / "sync").chmod(0o755)
    seen = tmp_path / "seen"
    environ = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "STEAD_TEST_SEEN": str(seen),
    }
    made = target("here", Node("r", str(root), services="supervise", settling=0.1), environ)

    def bring(text):
        seen.write_text("")
        one = tree("code", part("code", {"version": text.encode()}))
        done = made.apply(delivery(Payload("r", "here", "", str(root), trees=(one,))))
        return done, one.key, seen.read_text()

    yield made, root, bring, seen
    made.remove()
    made.close()


def test_nothing_has_its_name_before_the_disk_holds_it(node):
    _, root, bring, _ = node
    _, first, said = bring("one")
    assert said.startswith("sync ")
    assert said.count("sync ") == 1
    assert not {"generations/1", "1", first} & set(said.split())
    _, second, said = bring("two")
    assert said.count("sync ") == 1
    # What ran has names, what comes has none.
    assert {"generations/1", "1", first} <= set(said.split())
    assert not {"generations/2", "2", second} & set(said.split())
    with open(f"{tree_directory(str(root), second)}/version") as file:
        assert file.read() == "two"


def test_what_is_there_already_waits_for_no_disk(node):
    made, _, bring, seen = node
    bring("one")
    done, _, said = bring("one")
    assert (done.changed, said) == (False, "")
    bring("two")
    seen.write_text("")
    assert made.rollback().generation == 1
    assert seen.read_text() == ""


@pytest.mark.slow
def test_a_port_that_another_recipe_took_meanwhile_is_left_to_it(tmp_path):
    root = str(tmp_path / "node")

    def open_target(recipe):
        return target(
            "here", Node(recipe, root, services="supervise", settling=0.1), dict(os.environ)
        )

    def wanted(recipe):
        service = Service("web", "web", ("sleep", "1000"), "/", ports=(9,))
        return delivery(Payload(recipe, "here", "", root, services=(service,)))

    first, second = open_target("first"), open_target("second")
    try:
        first.apply(wanted("first"))
        assert second.facts().ports == ((9, "web", "first"),)
        assert first.facts().ports == ()
        with pytest.raises(DeployError, match="web of recipe first has taken port 9"):
            second.apply(wanted("second"))
        assert second.status().generation == 0
    finally:
        for one in (first, second):
            one.remove()
            one.close()
