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
    from stead.values.activation import Activation

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
    activation = app.activation(args.environment)
    if not literal:
        activation = _of_task(app, args, words[0]) or activation
    commands = run.commands(
        activation,
        words,
        cwd=os.getcwd() if args.here else app.cwd,
        caller=app.context.environ,
        literal=literal,
    )
    kept = Path(place_directory(app.context.home, activation.place)) / "tasks"
    for command in commands:
        last = command is commands[-1]
        if not tasks.has_files(command.task):
            if last:
                sys.stdout.flush()
                sys.stderr.flush()
                return run.replace_process(command)
            code = run.run_child(command)
        else:
            assert command.task is not None
            record = kept / f"{command.task.name}-{activation.environment}.json"
            if not args.force and tasks.up_to_date(command, activation, record):
                app.err(f"stead: {command.task.name} is up to date")
                continue
            code = run.run_child(command)
            if code == 0:
                tasks.remember(command, activation, record)
        if code or last:
            return code
    return 0


def _of_task(app: App, args: argparse.Namespace, name: str) -> Activation | None:
    """Give the activation of the environment that a task names, if it names one."""
    if args.environment:
        return None
    for task in app.spec(None).tasks:
        if task.name == name and task.environment:
            return app.activation(task.environment)
    return None
