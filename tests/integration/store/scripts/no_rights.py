"""Use a store without the right to write to it. Argument: a directory anyone may enter.

As root, another user is taken on: rights do not bind root.
"""

from __future__ import annotations

import base64  # noqa: F401 - all is imported while the interpreter's own files can be read
import concurrent.futures  # noqa: F401
import csv  # noqa: F401
import json
import os
import pwd  # noqa: F401
import sys
from pathlib import Path

from common import fill, is_whole, key

import stead.store.hashing
import stead.store.listing
import stead.store.writable  # noqa: F401
from stead.store.atomic import write_file
from stead.store.builds import Builds, release_leases
from stead.store.gc import collect
from stead.store.journal import replace_together
from stead.store.layout import Layout
from stead.store.verify import verify
from stead.values.errors import StoreError

top = Path(sys.argv[1])
layout = Layout(top / "home")
path = Builds(layout).realise(key(0), "demo", fill, print)
release_leases()
manifest = top / "stead.toml"
manifest.write_text("old")
lock = top / "sub" / "stead.lock"
lock.parent.mkdir()
lock.write_text("old")
before = sorted(str(p) for p in top.rglob("*"))

if os.geteuid() == 0:
    os.chmod(lock.parent, 0o777)
    os.chmod(lock, 0o666)
    os.setgid(65534)
    os.setuid(65534)
else:
    for directory in (top, layout.home, layout.store, layout.locks):
        os.chmod(directory, 0o555)

errors = {}
for name, work in {
    "realise": lambda: Builds(layout).realise(key(1), "demo", fill, print),
    "write_file": lambda: write_file(top / "file", b""),
    "replace": lambda: replace_together(layout, {str(lock): b"new", str(manifest): b"new"}, "test"),
    "new home": lambda: Builds(Layout(top / "none")).realise(key(1), "demo", fill, print),
}.items():
    try:
        work()
        errors[name] = ["no error", ""]
    except StoreError as exc:
        errors[name] = [f"{exc.where}: {exc.message}", exc.remedy]

notes: list[str] = []
found = Builds(layout).find(key(0), "demo")
findings = [str(f) for f in verify(layout)]
release_leases()
report = collect(layout, now=2e9, note=notes.append)
print(
    json.dumps(
        {
            "errors": errors,
            "found": found is not None and is_whole(found),
            "findings": findings,
            "removed": len(report.removed),
            "notes": notes,
            "same": before == sorted(str(p) for p in top.rglob("*")),
            "texts": [manifest.read_text(), lock.read_text()],
        }
    )
)
