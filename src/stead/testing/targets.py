"""What every kind of target must do, as a test suite: subclass it and supply a ``case``.

    class TestMine(TargetSuite):
        @pytest.fixture
        def case(self, tmp_path):
            ...
            yield Case(target, root, get)

``get(port)`` asks the node's web server on a port of its loopback, and gives what it says, or
nothing. A kind whose nodes keep no former generations says so with ``generations=False``.
"""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stead.testing.deliveries import part, shop
from stead.values.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.deploy.targets import Target

AWKWARD = "s'e\"c$r`e\\t\nof two lines "


@dataclass
class Case:
    """A target to try, with nothing deployed."""

    target: Target
    root: str
    get: Callable[[int], str]
    ports: tuple[int, ...] = (8080, 8081)
    generations: bool = True
    steps: list[str] = field(default_factory=list)

    def note(self, step: str, _word: str) -> None:
        self.steps.append(step)

    def versions(self) -> set[str]:
        """Say which versions answer, on all ports."""
        return {self.get(port).partition("|")[0] for port in self.ports}

    def await_versions(self, wanted: set[str], seconds: float = 20.0) -> set[str]:
        """Ask until they are what is wanted, or the time is over."""
        until = time.monotonic() + seconds
        while (found := self.versions()) != wanted and time.monotonic() < until:
            time.sleep(0.1)
        return found


class TargetSuite:
    """The behaviour of a target, from the first deploy to the last."""

    def test_facts_change_nothing_and_say_what_is_there(self, case: Case) -> None:
        facts = case.target.facts()
        assert facts.system == "Linux"
        assert facts.machine
        assert (facts.running, facts.generation, facts.standing) == ("", 0, True)
        assert facts.writable
        assert facts.free > 0
        assert any(name.startswith("libc.") for name in facts.libraries)
        assert case.target.status().generation == 0
        assert case.target.running() == ""

    def test_what_is_deployed_runs(self, case: Case) -> None:
        done = case.target.apply(shop(case.root, "one", case.ports, secret=AWKWARD), case.note)
        assert done.changed
        version, where, greeting, file, secret, _ = case.get(case.ports[0]).split("|")
        assert (version, greeting, file) == ("one", "hello", "version = one")
        assert secret == str(len(AWKWARD))
        assert where.startswith(f"{case.root}/trees/")
        assert "xxxxx" not in where
        assert case.versions() == {"one"}
        standing = case.target.status()
        assert {one.name: one.state for one in standing.services} == {
            "web": "running",
            "web-2": "running",
        }
        assert "serving one" in "\n".join(case.target.logs("web"))

    def test_the_same_again_changes_nothing(self, case: Case) -> None:
        wanted = shop(case.root, "one", case.ports)
        first = case.target.apply(wanted)
        process = case.get(case.ports[0])
        again = case.target.apply(wanted, case.note)
        assert (again.changed, again.generation) == (False, first.generation)
        assert case.steps == []
        assert case.get(case.ports[0]) == process
        facts = case.target.facts()
        assert (facts.running, facts.standing) == (wanted.digest, True)
        assert case.target.running() == wanted.record

    def test_a_change_replaces_all_services_and_sends_what_is_new(self, case: Case) -> None:
        big = part("big 1.0", {"share/big": _noise(400_000)})
        case.target.apply(shop(case.root, "one", case.ports, more=(big,)))
        done = case.target.apply(shop(case.root, "two", case.ports, more=(big,)))
        assert done.changed
        assert case.versions() == {"two"}
        assert done.sent < 40_000

    def test_a_deploy_that_does_not_come_up_is_taken_back(self, case: Case) -> None:
        case.target.apply(shop(case.root, "one", case.ports))
        with pytest.raises(DeployError, match="did not hold") as caught:
            case.target.apply(shop(case.root, "broken", case.ports, timeout=1.0))
        assert "serving broken" in str(caught.value)
        assert case.await_versions({"one"}) == {"one"}
        assert case.target.facts().standing
        # What was started again and again before is not held against the next.
        assert case.target.apply(shop(case.root, "two", case.ports)).changed
        assert case.versions() == {"two"}

    def test_an_answer_that_is_an_error_is_no_health(self, case: Case) -> None:
        with pytest.raises(DeployError, match="status 500"):
            case.target.apply(shop(case.root, "ill", case.ports, timeout=5.0))
        assert case.versions() == {""}

    def test_what_runs_before_the_switch_can_stop_it(self, case: Case) -> None:
        case.target.apply(shop(case.root, "one", case.ports))
        with pytest.raises(DeployError, match="ended with 4") as caught:
            case.target.apply(
                shop(case.root, "two", case.ports, release="echo it is too late; exit 4"), case.note
            )
        assert "it is too late" in str(caught.value)
        assert "switch" not in case.steps
        assert case.versions() == {"one"}

    def test_going_back_and_forth(self, case: Case) -> None:
        if not case.generations:
            with pytest.raises(DeployError):
                case.target.rollback()
            return
        for version in ("one", "two"):
            case.target.apply(shop(case.root, version, case.ports))
        case.target.rollback()
        assert case.versions() == {"one"}
        numbers = [one.number for one in case.target.status().generations]
        case.target.rollback(max(numbers))
        assert case.versions() == {"two"}
        with pytest.raises(DeployError, match="no generation 99"):
            case.target.rollback(99)

    def test_so_many_generations_are_kept(self, case: Case) -> None:
        for version in ("one", "two", "three"):
            case.target.apply(shop(case.root, version, case.ports, keep=2))
        kept = case.target.status().generations
        assert len(kept) == (2 if case.generations else 1)
        assert [one.current for one in kept][-1]

    def test_a_one_off_command_runs_where_the_code_is(self, case: Case) -> None:
        case.target.apply(shop(case.root, "one", case.ports))
        assert case.target.run("migrate", ["a b"]) == 0
        assert case.target.run("nothing-of-the-kind") != 0

    def test_removing_leaves_nothing_running(self, case: Case) -> None:
        case.target.apply(shop(case.root, "one", case.ports))
        case.target.remove()
        assert case.versions() == {""}
        assert case.target.status().generation == 0


def free_ports(count: int) -> tuple[int, ...]:
    """Give ports of this machine's loopback that nobody has at the moment."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in made)


def local_answer(port: int) -> str:
    """Ask a web server of this machine; gives what it says, empty where none answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            said: bytes = answer.read()
            return said.decode().strip()
    except OSError:
        return ""


def _noise(size: int) -> bytes:
    """Give bytes that cannot be packed, the same each time."""
    import hashlib

    return hashlib.shake_256(b"noise").digest(size)


__all__ = ["AWKWARD", "Case", "TargetSuite", "free_ports", "local_answer"]
