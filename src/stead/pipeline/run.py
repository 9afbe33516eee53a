"""run: an activation and a command to a process."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING

from stead.config.expand import expand
from stead.shells.state import undo
from stead.values.activation import DEFAULT_PATH, Activation, Change, apply, what_else
from stead.values.errors import CycleError, TaskError, UsageError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.values.manifest import PathEntry, Task

NOT_FOUND = 127
NOT_EXECUTABLE = 126

_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_FROM_TERMINAL = ("SIGINT", "SIGQUIT")


@dataclass(frozen=True, slots=True)
class Command:
    """A process to be: its arguments, where it runs, what it gets, and the task behind it."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    activation: Activation
    task: Task | None = None
    holds: tuple[int, ...] = ()
    """Descriptors to inherit: what they lock stays for as long as the process, or one it started."""


def environment(activation: Activation, caller: Mapping[str, str]) -> dict[str, str]:
    """Give the variables of a process started from ``caller``.

    What a hook applied to the caller's shell is taken back first. A caller
    without ``PATH`` has the default one.
    """
    before = undo(caller)
    if os.name != "nt":
        before.setdefault("PATH", DEFAULT_PATH)
    return apply(activation.changes, before)


def commands(
    activation: Activation,
    argv: Sequence[str],
    *,
    cwd: str,
    caller: Mapping[str, str],
    literal: bool = False,
    other: Callable[[str], Activation] | None = None,
    paths: Callable[[str], Sequence[PathEntry]] = lambda _: (),
) -> tuple[Command, ...]:
    """Turn what the user wrote into processes, in order; the last is the one asked for.

    A name of a task means the task, with the tasks it depends on before it, each
    once, and with its :func:`arguments`; anything else, or anything when ``literal``, is a command to run where
    the user stands. ``other`` gives the activation of the environment that a task
    it depends on names; without it, all run in this one. ``paths`` gives ``[paths]``
    of an environment, which tasks' variables may refer to. Raises TaskError, CycleError, and
    UsageError for arguments that nothing takes.
    """
    tasks = {t.name: t for t in activation.tasks}
    if literal or argv[0] not in tasks:
        environ = environment(activation, caller) | {"PWD": cwd}
        return (Command(tuple(argv), cwd, environ, activation),)
    asked = tasks[argv[0]]
    given = arguments(argv)
    if not asked.command and given:
        raise UsageError(
            f"task {asked.name} has no command that could take the argument {given[0]!r}",
            where=asked.origin,
            remedy="give the arguments to one of the tasks that it depends on",
        )
    result = []
    for task in _ordered(asked, tasks):
        if not task.command:
            continue
        own = activation
        if other is not None and task is not asked and task.environment:
            own = other(task.environment)
        environ = environment(own, caller)
        here = task.cwd or cwd
        words = (*task.command, *given) if task is asked else task.command
        mentioned = any("${paths." in (v.value or "") for v in task.variables)
        known = paths(own.environment) if mentioned else ()
        environ = apply(_own_changes(task, environ, known), environ) | {"PWD": here}
        result.append(Command(words, here, environ, own, task))
    return tuple(result)


def arguments(argv: Sequence[str]) -> tuple[str, ...]:
    """Give what follows a task's name; a ``--`` right behind that only parts them."""
    return tuple(argv[2:] if len(argv) > 1 and argv[1] == "--" else argv[1:])


def _own_changes(
    task: Task, environ: Mapping[str, str], paths: Sequence[PathEntry]
) -> list[Change]:
    """Give what a task's own variables change; ``false`` takes one away."""
    defined = [v for v in task.variables if v.value is not None]
    values = expand(defined, paths, ambient=environ, adopt=environ)
    taken = [Change("unset", v.name) for v in task.variables if v.value is None]
    return [*taken, *(Change("set", name, value) for name, value in values)]


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


def what_is_missing(activation: Activation, program: str, caller: Mapping[str, str]) -> str:
    """Say why a command would not be found by who starts it with nothing but a plain ``PATH``.

    Empty where it would be. ``program`` is a name or an absolute path.
    """
    import shutil

    def path_from(before: Mapping[str, str]) -> str:
        return environment(activation, before).get("PATH", os.defpath)

    here = shutil.which(program, path=path_from(caller))
    if here is None:
        close = nearest(program, [t.name for t in activation.tasks])
        hint = f"; did you mean the task {close!r}?" if close else ""
        return f"there is no command {program} in this environment{hint}"
    if os.name == "nt" or shutil.which(program, path=path_from({})):
        return ""
    return f"{program} is on your own PATH alone, which others do not have: give {here} instead"


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
    if give_back := _limits_to_give_back():
        give_back()
    try:
        os.execvpe(command.argv[0], list(command.argv), dict(command.environ))
    except OSError as exc:
        if exc.errno == errno.ENOEXEC:
            _become_script(command)
        raise not_started(command, exc) from exc


def _limits_to_give_back() -> Callable[[], None] | None:
    """Give what lets a command have the caller's limit on core files, if secrets changed it here."""
    # What was never imported has changed nothing.
    memory = sys.modules.get("stead.config.secrets.memory")
    return memory.restore if memory is not None and memory.limited() else None


def _become_script(command: Command) -> None:
    """Run a text file without a `#!` line with sh, as every shell does (POSIX, execvp)."""
    import shutil

    script = shutil.which(command.argv[0], path=command.environ.get("PATH", os.defpath))
    if script and os.path.exists("/bin/sh"):
        os.execve("/bin/sh", ["sh", script, *command.argv[1:]], dict(command.environ))


def run_child(command: Command, heard: list[int] | None = None) -> int:
    """Run a command as a child, passing on signals; returns its exit code.

    A child that died of a signal gives 128 plus the signal's number. What the
    terminal sends, it sends to the child as well: here it only must not end this
    process first. What the caller has ignored stays so for both. ``heard`` gets the
    numbers of signals that asked for an end. Raises TaskError.
    """
    import subprocess

    from stead.pipeline.signals import handling

    _enter(command)
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _: object) -> None:
        if heard is not None:
            heard.append(number)
        if not children:  # it is not there yet
            early.append(number)
        for child in children:
            child.send_signal(number)

    def leave_to_child(number: int, _: object) -> None:
        """Not SIG_IGN, which the child would inherit."""
        if heard is not None:
            heard.append(number)

    with handling({_PASSED_ON: pass_on, _FROM_TERMINAL: leave_to_child}):
        try:
            child = subprocess.Popen(
                command.argv,
                env=dict(command.environ),
                pass_fds=command.holds,
                # In the child alone: this process goes on holding what must not be dumped.
                preexec_fn=_limits_to_give_back(),  # noqa: PLW1509 (imports nothing, takes no lock)
            )
        except OSError as exc:
            raise not_started(command, exc) from exc
        children.append(child)
        for number in early:
            child.send_signal(number)
        code = child.wait()
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


def not_started(command: Command, exc: OSError) -> TaskError:
    """Say why a command cannot be started."""
    name = command.argv[0]
    if isinstance(exc, FileNotFoundError):
        error = TaskError(
            f"command not found: {name}",
            where=command.task.origin if command.task else None,
            remedy=f"`stead add {name}` if a package brings it, or check PATH"
            + what_else(command.activation.tasks),
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
