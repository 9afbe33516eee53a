"""What conda's own records say about a prefix, compared with what lies there."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def verify(prefix: Path) -> tuple[str, ...]:
    """Name each file of a conda package that is missing or changed, a line each.

    Every file's content is read. A prefix without conda packages gives nothing.
    """
    directory = os.path.join(prefix, "conda-meta")
    try:
        names = sorted(n for n in os.listdir(directory) if n.endswith(".json"))
    except OSError:
        return ()
    problems: list[str] = []
    for name in names:
        try:
            with open(os.path.join(directory, name), "rb") as stream:
                record = json.load(stream)
            package, entries = f"{record['name']} {record['version']}", _entries(record)
        except (OSError, ValueError, KeyError, TypeError):
            problems.append(f"conda-meta/{name}: the record cannot be read")
            continue
        problems += (
            f"{path}: {what} ({package})"
            for path, what in ((p, _compare(os.path.join(prefix, p), e)) for p, e in entries)
            if what
        )
    return tuple(problems)


def _entries(record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    described = {e["_path"]: e for e in record.get("paths_data", {}).get("paths", ())}
    paths = dict.fromkeys((*record.get("files", ()), *described))
    return [(path, described.get(path, {})) for path in paths]


def _compare(path: str, entry: dict[str, Any]) -> str:
    """Say what is wrong with a file, or nothing."""
    kind = entry.get("path_type", "hardlink")
    if kind == "directory":
        return "" if os.path.isdir(path) else "missing"
    if kind == "softlink":
        if not os.path.lexists(path):
            return "missing"
        return "" if os.path.islink(path) else "no longer a link"
    wanted = entry.get("sha256_in_prefix") or entry.get("sha256")
    try:
        if os.path.islink(path):
            return "changed into a link"
        if not wanted:
            os.stat(path)
            return ""
        with open(path, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError as exc:
        return f"cannot be read: {exc.strerror}"
    return "" if found == wanted else "changed"
