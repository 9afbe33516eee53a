"""Kill builders: before each of their changes to the disk, then at random moments.

Arguments: home, number of random kills, seed. Says how many died and what was wrong.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from common import die_at, ended, fill, in_child, is_whole, key

from stead.store.builds import Builds
from stead.store.gc import collect
from stead.store.layout import Layout, build_names
from stead.store.verify import verify

layout = Layout(Path(sys.argv[1]))
rounds, seed = int(sys.argv[2]), sys.argv[3]
wrong: list[str] = []
killed = finished = 0


def check(number: int, what: str) -> None:
    """A name in the store is a whole build, to the listing, to find and to verification."""
    wrong.extend(
        f"{what}: {name} is visible but not whole"
        for name in build_names(layout)
        if not is_whole(layout.store / name)
    )
    found = Builds(layout).find(key(number), "demo")
    there = [n for n in build_names(layout) if n.startswith(key(number))]
    if (found is not None) != bool(there):
        wrong.append(f"{what}: listing and find disagree")
    if found is not None:
        wrong.extend(f"{what}: {finding}" for finding in verify(layout, [found]))


def build(number: int) -> None:
    Builds(layout).realise(key(number), "demo", fill, lambda _: None)


def die_while_building(at: int) -> None:
    die_at(at)
    build(at)


at = 0
while True:
    code = ended(in_child(die_while_building, at))
    check(at, f"killed at call {at}")
    if code == 0:
        break
    killed += code == -signal.SIGKILL
    at += 1
points = at

begin = time.perf_counter()
ended(in_child(build, 100_000))
usual = time.perf_counter() - begin
chance = random.Random(seed)
for number in range(100_001, 100_001 + rounds):
    pid = in_child(build, number)
    time.sleep(chance.uniform(0, usual * 1.2))
    os.kill(pid, signal.SIGKILL)
    code = ended(pid)
    killed += code == -signal.SIGKILL
    finished += code == 0
    check(number, f"killed at random, {number}")

build(1_000_000)
left = [n for n in os.listdir(layout.store) if n.startswith(".")]
again = Builds(layout).realise(key(0), "demo", fill, lambda _: None)
findings = [str(f) for f in verify(layout)]
collect(layout, now=time.time(), keep={key(0)})
print(
    json.dumps(
        {
            "points": points,
            "killed": killed,
            "wrong": wrong,
            "left": left,
            "whole": is_whole(again),
            "findings": findings,
            "locks": sorted(os.listdir(layout.locks)),
        }
    )
)
