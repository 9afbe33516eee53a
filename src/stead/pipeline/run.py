"""run: an activation and a command to a process."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from stead.config.expand import expand
from stead.shells.state import undo
from stead.values.activation import Activation, Change, apply
from stead.values.errors import CycleError, TaskError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.values.manifest import Task

NOT_FOUND = 127
NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True)
class Command:
    """A process to be: its arguments, where it runs, what it gets, and the task behind it."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    task: Task | None = None


def environment(activation: Activation, caller: Mapping[str, str]) -> dict[str, str]:
    """Give the variables of a process started from ``caller``.

    What a hook applied to the caller's shell is taken back first.
    """
    return apply(activation.changes, undo(caller))


def commands(
    activation: Activation,
    argv: Sequence[str],
    *,
    cwd: str,
    caller: Mapping[str, str],
    literal: bool = False,
) -> tuple[Command, ...]:
    """Turn what the user wrote into processes, in order; the last is the one asked for.

    A name of a task means the task, with the tasks it depends on before it, each
    once; anything else, or anything when ``literal``, is a command to run where
    the user stands. Raises TaskError, CycleError.
    """
    environ = environment(activation, caller)
    tasks = {t.name: t for t in activation.tasks}
    if literal or argv[0] not in tasks:
        return (Command(tuple(argv), cwd, environ | {"PWD": cwd}),)
    ordered = _ordered(tasks[argv[0]], tasks)
    result = []
    for task in ordered:
        arguments = tuple(argv[1:]) if task is ordered[-1] else ()
        if not task.command:
            continue
        values = expand(task.variables, (), ambient=environ, adopt=environ)
        extra = [Change("set", name, value) for name, value in values]
        result.append(
            Command(
                (*task.command, *arguments),
                task.cwd or cwd,
                apply(extra, environ) | {"PWD": task.cwd or cwd},
                task,
            )
        )
    return tuple(result)


def _ordered(task: Task, tasks: Mapping[str, Task]) -> list[Task]:
    done: list[Task] = []

    def visit(task: Task, chain: tuple[str, ...]) -> None:
        if task.name in chain:
            raise CycleError(
                f"tasks depend on each other in a circle: {' → '.join((*chain, task.name))}",
                where=task.origin,
                remedy="take one of these dependencies out",
            )
        if task in done:
            return
        for name in task.depends:
            if name not in tasks:
                close = nearest(name, tasks)
                raise TaskError(
                    f"task {task.name} depends on {name}, which is no task"
                    + (f"; did you mean {close!r}?" if close else ""),
                    where=task.origin,
                    remedy=f"known tasks are {', '.join(sorted(tasks))}",
                )
            visit(tasks[name], (*chain, task.name))
        done.append(task)

    visit(task, ())
    return done


def replace_process(command: Command) -> int:
    """Become the command. Comes back only when that cannot be, with the exit code to use.

    Raises TaskError for a directory that is not there.
    """
    _enter(command)
    # Python ignores these for itself, and what is ignored stays so across exec: in
    # `stead run yes | head` the command would complain instead of ending.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvpe(command.argv[0], list(command.argv), dict(command.environ))
    except OSError as exc:
        if exc.errno == errno.ENOEXEC:
            _become_script(command)
        raise _not_started(command, exc) from exc


def _become_script(command: Command) -> None:
    """Run a text file without a `#!` line with sh, as every shell does (POSIX, execvp)."""
    script = shutil.which(command.argv[0], path=command.environ.get("PATH", os.defpath))
    if script and os.path.exists("/bin/sh"):
        os.execve("/bin/sh", ["sh", script, *command.argv[1:]], dict(command.environ))


def run_child(command: Command) -> int:
    """Run a command as a child, passing on signals; returns its exit code.

    A child that died of a signal gives 128 plus the signal's number.
    """
    try:
        child = subprocess.Popen(command.argv, cwd=command.cwd, env=dict(command.environ))
    except OSError as exc:
        raise _not_started(command, exc) from exc
    passed = [s for s in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, s)]
    before = {
        s: signal.signal(getattr(signal, s), lambda number, _: child.send_signal(number))
        for s in passed
    }
    before["SIGINT"] = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the child
    try:
        code = child.wait()
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
    return code if code >= 0 else 128 - code


def _enter(command: Command) -> None:
    try:
        os.chdir(command.cwd)
    except OSError as exc:
        raise TaskError(
            f"cannot enter {command.cwd}: {exc.strerror}",
            where=command.task.origin if command.task else None,
            remedy="make the directory, or set the task's cwd",
        ) from exc


def _not_started(command: Command, exc: OSError) -> TaskError:
    name = command.argv[0]
    if isinstance(exc, FileNotFoundError):
        error = TaskError(
            f"command not found: {name}",
            where=command.task.origin if command.task else None,
            remedy=f"`stead add {name}` if a package brings it, or check PATH",
        )
        error.exit_code = NOT_FOUND
    else:
        error = TaskError(
            f"{name} cannot be executed: {exc.strerror}",
            where=command.task.origin if command.task else None,
            remedy="give it a `#!` line and execute permission, or run it through its interpreter",
        )
        error.exit_code = NOT_EXECUTABLE
    return error
