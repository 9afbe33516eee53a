"""`stead run`: a task or a command, in the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Run a task, or a command, in the environment of this directory.

A word that names a task means the task, which runs in its manifest's directory;
anything else, or anything after `--`, is a command, run where you stand. The
environment is locked and built first where that is needed. The exit code and
the signals are the command's own.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.locking(parser)
    parser.add_argument(
        "--here", action="store_true", help="run a command where you stand, whatever -C says"
    )
    parser.add_argument("--force", action="store_true", help="run tasks even if up to date")
    parser.add_argument("command", nargs="...", metavar="[--] COMMAND …")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import run, tasks
    from stead.store.places import place_directory

    words = list(args.command)
    literal = bool(words) and words[0] == "--"
    if literal:
        words = words[1:]
    if not words:
        names = ", ".join(t.name for t in app.spec(args.environment).tasks)
        raise UsageError(
            "nothing to run", remedy=f"name a command or a task (tasks here: {names or 'none'})"
        )
    if not words[0]:
        raise UsageError("the command is empty", remedy="name a command or a task")
    activation = app.activation(_environment(app, args, "" if literal else words[0]))
    commands = run.commands(
        activation,
        words,
        cwd=os.getcwd() if args.here else app.cwd,
        caller=app.context.environ,
        literal=literal,
        other=None if args.environment else app.activation,
        paths=lambda name: app.spec(name).configuration.paths,
    )
    kept = Path(place_directory(app.context.home, activation.place)) / "tasks"
    code = 0
    for command in commands:
        if not tasks.has_files(command.task):
            # A group's last task is one of its parts: what becomes of it is still to be said.
            if command is commands[-1] and (command.task is None or command.task.name == words[0]):
                sys.stdout.flush()
                sys.stderr.flush()
                return run.replace_process(command)
            code = run.run_child(command)
        else:
            assert command.task is not None
            record = kept / f"{command.task.name}-{command.activation.environment}.json"
            if not args.force and tasks.up_to_date(command, record):
                app.err(f"stead: {command.task.name} is up to date")
                continue
            inputs = tasks.inputs_of(command, app.context.now())
            code = run.run_child(command)
            if code == 0:
                tasks.check_outputs(command)
                tasks.remember(command, inputs, record, app.context.now())
        if code:
            if command.task is not None and command.task.name != words[0]:
                app.err(
                    f"stead: task {command.task.name}, which {words[0]} depends on, "
                    f"failed with code {code}"
                )
            break
    return code


def _environment(app: App, args: argparse.Namespace, word: str) -> str | None:
    """Choose the environment: the one asked for, else the one that a task of that name wants."""
    if args.environment or not word:
        return args.environment  # type: ignore[no-any-return]
    for task in app.composed(None, fetch=True).spec.tasks:
        if task.name == word and task.environment:
            return task.environment
    return None
