"""pyinfra on several targets: side by side, but never twice on one machine; who said what."""

from __future__ import annotations

import os

import pytest

from stead.deploy.machines import prepared
from stead.deploy.payload import Wanted
from stead.deploy.recipes import nodes_of
from stead.testing.world import make_context
from stead.values.errors import DeployError
from stead.values.kinds import Recipe, Target

pytestmark = pytest.mark.skipif(os.name == "nt", reason="what stands in for pyinfra is for sh")

# It begins and ends in the order that is written down, and waits for whom its deploy names.
PROGRAM = """\
#!/bin/sh
read -r name _ <"$4"
cd "$(dirname "$0")" || exit
echo "begin $name $2 $3" >>told
mkdir "$name"
while read -r of other; do
    [ "$of" != "$name" ] || until [ -d "$other" ]; do sleep 0.02; i=$((i + 1)); [ "$i" -lt 500 ] || exit 9; done
done <"$5"
echo "said by $name" >&2
echo "end $name" >>told
! grep -qx "bad $name" "$5"
"""


@pytest.fixture
def run(tmp_path):
    """Give a function: targets, and what the deploy says → the lines that were heard."""
    (tmp_path / "pyinfra").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "pyinfra").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    context = make_context(tmp_path / "home", environ=environ)

    def act(targets, text):
        (tmp_path / "deploy.py").write_text(text, encoding="utf-8")
        recipe = Recipe("r", pyinfra="deploy.py", base=str(tmp_path))
        wanted = {one.name: Wanted(recipe, (), None) for one in targets}
        heard = []
        prepared(nodes_of(targets), wanted, context, heard.append)
        return heard

    act.told = lambda: (tmp_path / "told").read_text(encoding="utf-8").splitlines()
    return act


def test_targets_go_side_by_side_and_each_line_has_its_target(run):
    targets = [
        Target("a", "ssh", ("one", "two"), parallel=3),
        Target("b", "ssh", ("three", "four"), parallel=4, serial=1),
        Target("c", "ssh", ("root@two",)),
    ]
    # Two wait for each other; a third begins when the one on its machine has ended.
    heard = run(targets, "a b\nb a\n")
    assert sorted(heard) == sorted(
        line
        for name in "abc"
        for line in (f"{name}: pyinfra runs deploy.py", f"{name}: said by {name}")
    )
    told = run.told()
    assert set(told[:2]) == {"begin a --parallel 3", "begin b --parallel 1"}
    assert told.index("end a") < told.index("begin c --parallel 4")


def test_all_that_failed_are_told_and_nothing_further_begins(run):
    targets = [
        Target("a", "ssh", ("one",)),
        Target("b", "ssh", ("two",)),
        Target("c", "ssh", ("one",)),
    ]
    with pytest.raises(DeployError, match="pyinfra failed for 2 targets") as caught:
        run(targets, "a b\nb a\nbad a\nbad b\n")
    said = str(caught.value)
    assert "pyinfra ended with 1 for target a" in said
    assert "pyinfra ended with 1 for target b" in said
    assert not [line for line in run.told() if " c" in line]
