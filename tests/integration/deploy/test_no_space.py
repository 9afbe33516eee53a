"""A machine without room: said before anything is sent, or when it comes to it; nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
import os

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.ssh import target
from stead.testing.deliveries import part, shop
from stead.testing.targets import Case
from stead.values.errors import DeployError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

MIB = 1 << 20
BIG = part("big 1.0", {"share/big": hashlib.shake_256(b"noise").digest(8 * MIB)})


@pytest.fixture
def case(lab, small):
    root = f"{small.home}/.local/share/stead-node"
    # As patient as usual: half of it without a word from a busy machine is a lost contact.
    node = Node("shop", root, settling=0.2)
    made = target("shop", small.address, node, lab.environ(os.environ["PATH"]), system="linux")
    with contextlib.closing(made):
        made.remove()  # what other tests have left on this machine
        made.apply(shop(root, "one", (8080, 8081)))
        yield Case(made, root, small.get)
        made.remove()


def left(small, case):
    """Name what an apply leaves on its way."""
    return small.run("find", case.root, "-name", "incoming*", "-o", "-name", "*.part*").split()


def test_it_is_said_before_anything_is_sent(small, case):
    with small.full(leave=3 * MIB), pytest.raises(DeployError) as caught:
        case.target.apply(shop(case.root, "two", case.ports, more=(BIG,)), case.note)
    said = str(caught.value)
    assert "no space on small: 10 MiB are needed, " in said
    assert "make room there, or keep fewer generations" in said
    assert case.steps == ["begin"]
    assert case.versions() == {"one"}
    assert left(small, case) == []


def test_when_it_is_full_only_then_what_ran_runs_on(small, case):
    wanted = shop(case.root, "two", case.ports, more=(BIG,))
    with contextlib.ExitStack() as stack:

        def fill(step: str, _word: str) -> None:
            case.steps.append(step)
            if step == "send":
                stack.enter_context(small.full(leave=3 * MIB))

        with pytest.raises(DeployError) as caught:
            case.target.apply(wanted, fill)
        said = str(caught.value)
        assert "no space left on small" in said
        assert f"make room where {case.root} lies there" in said
        assert case.steps == ["begin", "send"]
        assert case.versions() == {"one"}
        facts = case.target.facts()
        assert (facts.generation, facts.standing) == (1, True)
    # With room again, the next one brings it.
    assert case.target.apply(wanted).generation == 2
    assert case.versions() == {"two"}
    assert left(small, case) == []
