"""Kill processes that change two files together, under the eyes of a reader.

Arguments: a directory, number of random kills, seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from common import die_at, ended, in_child

from stead.store.journal import recover, replace_together
from stead.store.layout import Layout

top = Path(sys.argv[1])
layout = Layout(top / "home")
tree = top / "tree"
tree.mkdir()
manifest, lock, pointer = (tree / n for n in ("stead.toml", "stead.lock", "pointer"))
files = (manifest, lock, pointer)
rounds, seed = int(sys.argv[2]), sys.argv[3]
wrong: list[str] = []
killed = old = new = 0


def contents(generation: int) -> dict[str, bytes | None]:
    return {str(path): (f"{generation:09d}" * 500 + "\n").encode() for path in files}


def change(generation: int) -> None:
    replace_together(layout, contents(generation), f"generation {generation}")


def generation_of(data: bytes) -> int:
    number = int(data[:9])
    return number if data == (f"{number:09d}" * 500 + "\n").encode() else -1


def read_on() -> None:
    while True:
        for path in files:
            if generation_of(path.read_bytes()) < 0:
                (top / "torn").write_text(str(path))


def check(before: int, wanted: int, what: str) -> int:
    recover(layout)
    seen = {generation_of(path.read_bytes()) for path in files}
    if len(seen) != 1 or not seen <= {before, wanted}:
        wrong.append(f"{what}: {sorted(seen)}, was {before}, wanted {wanted}")
    if os.listdir(layout.journal) or sorted(os.listdir(tree)) != sorted(p.name for p in files):
        wrong.append(f"{what}: left {os.listdir(layout.journal)} {os.listdir(tree)}")
    return max(seen)


def die_while_changing(at: int, generation: int) -> None:
    die_at(at)
    change(generation)


change(1)
reader = in_child(read_on)
current = 1
at = 0
while True:
    wanted = current + 1
    code = ended(in_child(die_while_changing, at, wanted))
    killed += code == -signal.SIGKILL
    before, current = current, check(current, wanted, f"killed at call {at}")
    old += current == before
    new += current == wanted
    if code == 0:
        break
    at += 1

begin = time.perf_counter()
ended(in_child(change, current + 1))
current += 1
usual = time.perf_counter() - begin
chance = random.Random(seed)
for number in range(rounds):
    wanted = current + 1
    pid = in_child(change, wanted)
    time.sleep(chance.uniform(0, usual * 1.2))
    os.kill(pid, signal.SIGKILL)
    killed += ended(pid) == -signal.SIGKILL
    current = check(current, wanted, f"killed at random, {number}")
os.kill(reader, signal.SIGKILL)
ended(reader)
if (top / "torn").exists():
    wrong.append("a reader saw half a file")
print(json.dumps({"points": at, "killed": killed, "old": old, "new": new, "wrong": wrong}))
