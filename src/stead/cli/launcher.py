"""`stead launcher`: a script that runs one command in the environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Write a script that runs a command in the environment of this directory.

The script needs no shell that is set up for Stead: cron, systemd, an editor or a
Makefile can start it from any directory, with any variables. It sets the
environment and becomes the command, which gets the arguments that the script is
given after those written here. Like `stead run` it takes the name of a task, and
it makes the environment anew when the manifests have changed since. A command that
is not there yet is warned of.

The path of the script is printed. Options stand before the command.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.locking(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", help="where to write the script")
    where.add_argument("--name", help="its name among the place's launchers (default: COMMAND's)")
    parser.add_argument(
        "--force", action="store_true", help="replace FILE even if it is no launcher"
    )
    parser.add_argument("command", nargs="...", metavar="[--] COMMAND …")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.run import what_is_missing
    from stead.store.atomic import storage, write_file
    from stead.store.places import environment_directory

    words = list(args.command)
    literal = bool(words) and words[0] == "--"
    words = words[1:] if literal else words
    if not words or not words[0]:
        raise UsageError("no command for the launcher to run", remedy="name a command or a task")
    activation = app.activation(args.environment)
    missing = ""
    if not literal and any(task.name == words[0] for task in activation.tasks):
        name = words[0]
        words = (
            [*words, "--"] if len(words) == 1 else words
        )  # what the script is given is the task's
    else:
        name = os.path.basename(words[0])
        if os.path.dirname(words[0]):  # as seen from here; the launcher starts anywhere
            words[0] = os.path.normpath(os.path.join(app.cwd, words[0]))
        missing = what_is_missing(activation, words[0], app.context.environ)
    directory = environment_directory(app.context.home, activation.place, activation.environment)
    target = _target(args, app, os.path.join(directory, "launchers"), name)
    _refuse_other(target, force=args.force)
    common = {"place": activation.place, "environment": activation.environment}
    if app.platform.is_windows:
        from stead.shells import cmd

        text = cmd.launcher(words, program=_program(), literal=literal, **common)
    else:
        from stead.shells import posix

        text = posix.launcher(
            words,
            script=os.path.join(directory, "current", "run.sh"),
            program=_program(),
            home=_home(app),
            literal=literal,
            **common,
        )
    with storage(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
    write_file(target, text.encode("utf-8", "surrogateescape"), mode=0o755)
    app.out(target)
    if missing:
        app.err(f"stead: {missing}")
    return 0


def _target(args: argparse.Namespace, app: App, launchers: str, name: str) -> str:
    """Choose the file; on Windows its name ends so that it can be started."""
    if args.output:
        path = os.path.normpath(os.path.join(app.cwd, args.output))
    else:
        name = args.name or name
        if name in ("", ".", "..") or os.path.basename(name) != name:
            raise UsageError(
                f"{name!r} cannot name a launcher", remedy="give a plain name, or a path with -o"
            )
        path = os.path.join(launchers, name)
    if app.platform.is_windows and not path.lower().endswith((".cmd", ".bat")):
        path += ".cmd"
    return path


def _refuse_other(path: str, *, force: bool) -> None:
    """Raise UsageError where something stands that is no launcher."""
    from stead.shells import cmd, posix

    if force or not os.path.lexists(path):
        return
    try:
        with open(path, "rb") as file:
            lines = file.read(200).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    if lines[1:2] not in ([posix.LAUNCHER_MARK], [cmd.LAUNCHER_MARK]):
        raise UsageError(
            f"{path} exists and is no launcher", remedy="choose another name, or say --force"
        )


def _program() -> str:
    """Give the path of this installation's `stead`: what stands beside the entry point."""
    from stead.cli.app import program

    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "stead")
    if os.path.basename(sys.argv[0]).startswith("stead-python") and os.path.exists(beside):
        return beside
    return program()


def _home(app: App) -> str:
    """Give the home if a process that knows nothing of STEAD_HOME would not find it."""
    from stead.store.places import default_home

    bare = {n: app.context.environ[n] for n in ("HOME",) if n in app.context.environ}
    home = os.fspath(app.context.home)
    return "" if home == default_home(bare, sys.platform) else home
