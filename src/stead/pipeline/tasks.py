"""When a task need not run: neither its files nor its environment changed."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from typing import TYPE_CHECKING

from stead.store.atomic import write_file
from stead.values.digest import digest

if TYPE_CHECKING:
    from pathlib import Path

    from stead.pipeline.run import Command
    from stead.values.activation import Activation
    from stead.values.manifest import Task


def has_files(task: Task | None) -> bool:
    return task is not None and bool(task.inputs or task.outputs)


def up_to_date(command: Command, activation: Activation, kept: Path) -> bool:
    """Say whether a task's last successful run still stands.

    That needs: the same command and environment, inputs with the same content,
    and every output there with the content that run left.
    """
    try:
        with open(kept, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return False
    task = command.task
    if task is None or record.get("key") != _key(command, activation):
        return False
    before: dict[str, list[object]] = record.get("files", {})
    if any(not _matches(pattern, command.cwd) for pattern in task.outputs):
        return False
    return _state((*task.inputs, *task.outputs), command.cwd, before) == before


def remember(command: Command, activation: Activation, kept: Path) -> None:
    """Keep what a successful run of a task saw and left."""
    task = command.task
    if task is None:
        return
    files = _state((*task.inputs, *task.outputs), command.cwd, {})
    kept.parent.mkdir(parents=True, exist_ok=True)
    record = {"key": _key(command, activation), "files": files}
    write_file(kept, json.dumps(record).encode(), mode=0o600)


def _key(command: Command, activation: Activation) -> str:
    changes = [c for c in activation.changes if c.kind != "unset"]
    own = (
        [command.task.variables, command.task.inputs, command.task.outputs] if command.task else []
    )
    return digest([command.argv, command.cwd, changes, activation.build, own])


def _matches(pattern: str, cwd: str) -> list[str]:
    found = glob.glob(os.path.join(glob.escape(cwd), pattern), recursive=True)
    return sorted(f for f in found if os.path.isfile(f))


def _state(
    patterns: tuple[str, ...], cwd: str, before: dict[str, list[object]]
) -> dict[str, list[object]]:
    """Give path → [size, mtime, sha256]; a file of the same size and mtime is not read again."""
    result: dict[str, list[object]] = {}
    for pattern in patterns:
        for path in _matches(pattern, cwd):
            found = os.stat(path)
            held = before.get(path)
            if held and held[:2] == [found.st_size, found.st_mtime_ns]:
                result[path] = held
                continue
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            if held and held[2] == content:
                result[path] = held
            else:
                result[path] = [found.st_size, found.st_mtime_ns, content]
    return result
