"""Build and change files on a disk with ever less room. Argument: an empty small disk."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from common import fill, is_whole, key

from stead.store.builds import Builds, release_leases
from stead.store.gc import collect
from stead.store.journal import recover, replace_together
from stead.store.layout import Layout, build_names
from stead.store.verify import verify
from stead.values.errors import StoreError

disk = Path(sys.argv[1])
layout = Layout(disk / "home")
builds = Builds(layout)
wrong: list[str] = []
messages: set[str] = set()
full = done = changed = refused = 0


def occupy(leave: int) -> Path:
    """Fill the disk but for so many pages."""
    path = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with open(path, "wb") as file:
        file.write(b"x" * max(0, free - leave * 4096))
    return path


first = builds.realise(key(999), "kept", fill, print)
manifest, lock = disk / "stead.toml", disk / "stead.lock"
manifest.write_bytes(b"0" * 5000)
lock.write_bytes(b"0" * 9000)
generation = b"0"

for leave in range(40):
    ballast = occupy(leave)
    try:
        path = builds.realise(key(leave), "demo", fill, print)
        done += 1
        if not is_whole(path):
            wrong.append(f"{leave}: not whole")
    except StoreError as exc:
        full += 1
        messages.add(f"{exc.message} → {exc.remedy}")
    names = [n for n in os.listdir(layout.store) if not n.startswith(first.name[:20])]
    if names and not (len(names) == 1 and builds.find(key(leave), "demo")):
        wrong.append(f"{leave}: {names}")
    release_leases()
    collect(layout, now=2e9, keep={first.name})
    if os.listdir(layout.store) != [first.name]:
        wrong.append(f"{leave}: a full disk cannot be collected: {os.listdir(layout.store)}")
    ballast.unlink()

for leave in range(24):
    new = str(leave % 10).encode()
    ballast = occupy(leave)
    try:
        replace_together(layout, {str(manifest): new * 5000, str(lock): new * 9000}, "test")
        generation = new
        changed += 1
    except StoreError as exc:
        refused += 1
        messages.add(f"{exc.message} → {exc.remedy}")
    try:
        recover(layout)
    except StoreError:
        wrong.append(f"{leave}: recovery needs room")
    if (manifest.read_bytes(), lock.read_bytes()) != (generation * 5000, generation * 9000):
        wrong.append(f"{leave}: the files do not belong together")
    left = [n for n in os.listdir(disk) if n.startswith(".")]
    if left or (layout.journal.exists() and os.listdir(layout.journal)):
        wrong.append(f"{leave}: {left}")
    ballast.unlink()

print(
    json.dumps(
        {
            "wrong": wrong,
            "messages": sorted(messages),
            "counts": {"full": full, "done": done, "refused": refused, "changed": changed},
            "kept": build_names(layout) == [first.name] and is_whole(first),
            "findings": [str(f) for f in verify(layout)],
        }
    )
)
