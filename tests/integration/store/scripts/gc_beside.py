"""Collect without pause while builds are made and used.

Arguments: home, seconds. Users look at each file of what they were given, again and
again, and must never miss one. Every second user leaves a pin and looks in another process.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from common import ended, fill, in_child, is_whole, key

from stead.store.builds import Builds
from stead.store.gc import collect
from stead.store.layout import Layout
from stead.store.roots import pin, unpin

layout = Layout(Path(sys.argv[1]))
until = time.monotonic() + float(sys.argv[2])
tally = layout.home.parent / "tally"
tally.mkdir()


def count(what: str) -> None:
    with open(tally / what, "ab") as file:
        file.write(b".")


def make(temporary: Path, final: Path) -> dict[str, object]:
    count("made")
    return fill(temporary, final)


def look(path: Path) -> None:
    for _ in range(3):
        assert is_whole(path)
        time.sleep(0.002)


def once(which: str) -> None:
    look(Builds(layout).realise(which, "demo", make, lambda _: None))


def record(name: str, which: str) -> None:
    pin(layout, name, Builds(layout).realise(which, "demo", make, lambda _: None))


def use(number: int) -> None:
    chance = random.Random(f"{number}-{time.monotonic_ns()}")
    while time.monotonic() < until:
        which = key(chance.randrange(4))
        name = f"user{number}"

        if chance.random() < 0.5:
            assert ended(in_child(once, which)) == 0
        else:
            # Between the process that records the use and the one that uses it, only the
            # record keeps the build.
            assert ended(in_child(record, name, which)) == 0
            look(layout.build_directory(which, "demo"))
            unpin(layout, name)
        count("used")


def tidy() -> None:
    while time.monotonic() < until:
        report = collect(layout, now=time.time())
        for _ in report.removed:
            count("removed")


children = [in_child(use, n) for n in range(3)]
children += [in_child(tidy) for _ in range(2)]
codes = [ended(pid) for pid in children]
for _ in collect(layout, now=time.time()).removed:  # of who came to an end after the collectors
    count("removed")
print(
    json.dumps(
        {
            "codes": codes,
            "left": os.listdir(layout.store),
            **{name: (tally / name).stat().st_size for name in os.listdir(tally)},
        }
    )
)
