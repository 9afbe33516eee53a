"""Deploys that are cut, killed, or find no room: a machine runs one generation, never two at once.

A few faults are tried here, and half as many as ``STEAD_SOAK`` says at each step in its turn.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time

import pytest

from stead.deploy.targets import STEPS, Node
from stead.deploy.targets.ssh import target
from stead.testing.deliveries import shop
from stead.testing.targets import Case
from stead.values.errors import OccupiedError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

PATIENCE = 4
PORTS = (8080, 8081)
FAULTS = ("cut", "kill the deploy", "kill the machine's process", "fill the disk")
DEPLOYING = os.path.join(os.path.dirname(__file__), "deploying.py")


def tries() -> list[tuple[str, str, float]]:
    """Give fault, step, and seconds after the step's beginning."""
    some = [
        ("cut", "send", 0.0),
        ("cut", "switch", 0.1),
        ("cut", "confirm", 0.0),
        ("kill the deploy", "send", 0.05),
        ("kill the deploy", "switch", 0.0),
        ("kill the deploy", "check", 0.0),
        ("kill the machine's process", "send", 0.05),
        ("kill the machine's process", "switch", 0.1),
        ("fill the disk", "send", 0.0),
        ("fill the disk", "switch", 0.0),
    ]
    soak = int(os.environ.get("STEAD_SOAK") or 0) // 2
    chance = random.Random(soak)
    for number in range(soak):
        # Each pair of fault and step comes in its turn, at another moment each time.
        fault = FAULTS[number % len(FAULTS)]
        step = STEPS[number // len(FAULTS) % len(STEPS)]
        some.append((fault, step, round(chance.uniform(0, 0.6), 3)))
    return some


@pytest.fixture
def case(lab, small):
    root = f"{small.home}/.local/share/stead-node"
    made = open_target(lab, small, root)
    yield Case(made, root, small.get, PORTS)
    made.close()


def open_target(lab, host, root):
    node = Node("shop", root, patience=PATIENCE, settling=0.2)
    return target("shop", host.address, node, lab.environ(os.environ["PATH"]), system="linux")


class Attempt:
    """A deploy in a process of its own."""

    def __init__(self, lab, host, root, version):
        self.said = []
        self.process = subprocess.Popen(
            [sys.executable, DEPLOYING, host.address, root, version, str(PATIENCE)],
            env=lab.environ(os.environ["PATH"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, step):
        """Let it go on until a step begins, and wait there."""
        self.tell(step)
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.split(" ")[0].strip() in (step, "error", "done"):
                return

    def tell(self, word):
        with contextlib.suppress(OSError):
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()

    def end(self):
        out, err = self.process.communicate(timeout=90)
        self.said += out.splitlines() + err.splitlines()
        return self.process.returncode


class Watch:
    """Looks all the time for services of two generations at once. A context."""

    def __init__(self, host):
        self._host = host
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.mixed = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.wait(0.05):
            first, other, again = (self._host.get(port) for port in (*PORTS, PORTS[0]))
            # The process's number stands in the answer: the same one answered before and after.
            if first and other and first == again:
                versions = {text.partition("|")[0] for text in (first, other)}
                if len(versions) > 1:
                    self.mixed.append((first, other))


def bring(lab, host, root, version):
    """Deploy as the next one would, who may have to wait for the lease of the one before."""
    until = time.monotonic() + 10 * PATIENCE
    while True:
        made = open_target(lab, host, root)
        try:
            return made.apply(shop(root, version, PORTS, release="sleep 0.1"))
        except OccupiedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        finally:
            made.close()


@pytest.mark.parametrize(
    ("fault", "step", "after"), tries(), ids=lambda value: str(value).replace(" ", "-")
)
def test_one_generation_runs_whatever_happens(lab, small, case, fault, step, after):
    bring(lab, small, case.root, "one")
    assert case.await_versions({"one"}) == {"one"}
    attempt = Attempt(lab, small, case.root, "two")
    with contextlib.ExitStack() as stack:
        watch = stack.enter_context(Watch(small))
        attempt.until(step)
        if fault == "fill the disk":
            stack.enter_context(small.full())
        attempt.tell("end")
        time.sleep(after)
        if fault == "cut":
            small.cut()
            stack.callback(small.heal)
        elif fault == "kill the deploy":
            attempt.process.kill()
        elif fault == "kill the machine's process":
            small.kill("stead-node/host/")
        code = attempt.end()
        # What runs when all is quiet; the machine may first have to go back by itself.
        time.sleep(0.2)
        until = time.monotonic() + 3 * PATIENCE + 10
        while (found := case.versions()) not in ({"one"}, {"two"}) and time.monotonic() < until:
            time.sleep(0.1)
        assert found in ({"one"}, {"two"}), (code, attempt.said)
        if code == 0:
            assert found == {"two"}, attempt.said
    bring(lab, small, case.root, "two")
    assert case.await_versions({"two"}) == {"two"}, attempt.said
    after_all = open_target(lab, small, case.root)
    facts = after_all.facts()
    after_all.close()
    assert facts.standing
    assert facts.running == shop(case.root, "two", PORTS, release="sleep 0.1").digest
    assert watch.mixed == []
