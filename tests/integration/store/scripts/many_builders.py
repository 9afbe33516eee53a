"""Many processes want one build; those that begin may be told to die.

Arguments: home, number of processes, how many of the makers are killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from common import ended, fill, in_child, is_whole, key

from stead.store.builds import Builds
from stead.store.layout import Layout

home, count, deaths = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
layout = Layout(home)
log = home.parent / "log"
log.mkdir()


def say(what: str, text: str = "") -> None:
    with open(log / f"{what}-{os.getpid()}", "a") as file:
        file.write(text + "\n")


def make(temporary: Path, final: Path) -> dict[str, object]:
    say("made")
    done = fill(temporary, final)
    time.sleep(0.6)
    if len([n for n in os.listdir(log) if n.startswith("made")]) <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


def work() -> None:
    path = Builds(layout).realise(key(0), "demo", make, lambda text: say("note", text))
    say("got", f"{path} {is_whole(path)}")


codes = [ended(pid) for pid in [in_child(work) for _ in range(count)]]
said: dict[str, list[str]] = {"made": [], "note": [], "got": []}
makers = []
for name in sorted(os.listdir(log)):
    kind, _, pid = name.partition("-")
    said[kind] += (log / name).read_text().splitlines()
    if kind == "made":
        makers.append(int(pid))
print(json.dumps({"codes": codes, "makers": makers, **said, "store": os.listdir(layout.store)}))
