"""When a task need not run: neither its files nor its environment changed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from stead.store.atomic import write_file
from stead.values.digest import digest
from stead.values.errors import TaskError

if TYPE_CHECKING:
    from pathlib import Path

    from stead.pipeline.run import Command
    from stead.values.manifest import Task


Files = dict[str, list[Any]]
"""Path → size, time of the last change in nanoseconds, sha256."""

TICK = 2.0
"""Seconds within which two changes of a file may bear the same time (FAT's are the longest)."""


def has_files(task: Task | None) -> bool:
    return task is not None and bool(task.inputs or task.outputs)


def up_to_date(command: Command, kept: Path) -> bool:
    """Say whether a task's last successful run still stands.

    That needs: the same command and environment, inputs with the content that
    run began with, and every output there with the content it left.
    """
    try:
        with open(kept, encoding="utf-8") as file:
            record = json.load(file)
        before: Files = {str(k): list(v) for k, v in record["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    task = command.task
    if task is None or record.get("key") != _key(command):
        return False
    if any(not _matches(pattern, command.cwd) for pattern in task.outputs):
        return False
    now = _inputs(command, before) | _outputs(command, before)
    return _contents(now) == _contents(before)


def inputs_of(command: Command, now: float) -> Files:
    """Give the content of a task's inputs at a time; its outputs are none of them."""
    return _settled(_inputs(command, {}), now)


def remember(command: Command, inputs: Files, kept: Path, now: float) -> None:
    """Keep what a successful run of a task left, and the inputs that it began with.

    Those, not what they are at its end: an edit meanwhile must not go unseen.
    """
    files = inputs | _settled(_outputs(command, {}), now)
    kept.parent.mkdir(parents=True, exist_ok=True)
    record = {"key": _key(command), "files": files}
    write_file(kept, json.dumps(record).encode(), mode=0o600)


def check_outputs(command: Command) -> None:
    """Raise TaskError when a task that succeeded has not made what it says it makes."""
    import glob

    task = command.task
    for pattern in task.outputs if task else ():
        if not glob.glob(os.path.join(glob.escape(command.cwd), pattern), recursive=True):
            assert task is not None
            raise TaskError(
                f"task {task.name} succeeded, but did not make its output {pattern}",
                where=task.origin,
                remedy=f"correct outputs (they are relative to {command.cwd}), or the command",
            )


def _inputs(command: Command, before: Files) -> Files:
    task = command.task
    if task is None:
        return {}
    outputs = {path for pattern in task.outputs for path in _matches(pattern, command.cwd)}
    found = _state(task.inputs, command.cwd, before)
    return {path: state for path, state in found.items() if path not in outputs}


def _outputs(command: Command, before: Files) -> Files:
    return _state(command.task.outputs, command.cwd, before) if command.task else {}


def _settled(files: Files, now: float) -> Files:
    """Forget the times of what changed just now: one clock tick can hold two changes."""
    edge = int((now - TICK) * 1e9)
    return {p: [size, time if time < edge else 0, c] for p, (size, time, c) in files.items()}


def _contents(files: Files) -> dict[str, str]:
    return {path: content for path, (_, _, content) in files.items()}


def _key(command: Command) -> str:
    activation, task = command.activation, command.task
    changes = [c for c in activation.changes if c.kind != "unset"]
    own = [task.variables, task.inputs, task.outputs] if task else []
    return digest([command.argv, command.cwd, changes, activation.build, own])


def _matches(pattern: str, cwd: str) -> list[str]:
    """Give the files that a pattern means; a directory means all that is in it."""
    import glob

    files: set[str] = set()
    for path in glob.glob(os.path.join(glob.escape(cwd), pattern), recursive=True):
        if os.path.isdir(path):
            for base, _, names in os.walk(path):
                files.update(os.path.join(base, name) for name in names)
        else:
            files.add(path)
    return sorted(f for f in map(os.path.normpath, files) if os.path.isfile(f))


def _state(patterns: tuple[str, ...], cwd: str, before: Files) -> Files:
    """Look at files; one of the size and time that it had ``before`` is not read again."""
    result: Files = {}
    for path in sorted({path for pattern in patterns for path in _matches(pattern, cwd)}):
        found = os.stat(path)
        size, time = found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)
        held = before.get(path)
        if held and (held[0], held[1]) == (size, time):
            result[path] = held
            continue
        with open(path, "rb") as file:
            import hashlib

            result[path] = [size, time, hashlib.file_digest(file, "sha256").hexdigest()]
    return result
