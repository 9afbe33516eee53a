"""`stead run`: a task or a command, in the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stead.cli.app import App
    from stead.pipeline.run import Command
    from stead.pipeline.steps import Prepared
    from stead.values.activation import Activation
    from stead.values.spec import Spec

HELP = """Run an app, a task, or a command, in the environment of this directory.

A word that names an app or a task means that, and it runs in its manifest's
directory (an app's processes side by side, `APP:PROCESS` or `APP:COMMAND` alone), with
the arguments that follow it; a `--` right behind it is no argument. Anything else, or
anything after a `--` in front, is a command, run where you stand, and all that follows is its own. With `--recipe` and no word, all that the
recipe runs is started side by side, here. The
environment is locked and built first where that is needed. The exit code and
the signals are the command's own.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.selection(parser)
    options.strict(parser)
    options.locking(parser)
    parser.add_argument(
        "--here", action="store_true", help="run a command where you stand, whatever -C says"
    )
    parser.add_argument(
        "--module",
        metavar="NAME",
        help="run this module's command, in its environment: `--module NAME -- ARGUMENTS`",
    )
    parser.add_argument("--force", action="store_true", help="run tasks even if up to date")
    parser.add_argument("command", nargs="...", metavar="[--] COMMAND …")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import run, tasks
    from stead.pipeline.configure import worth_saying
    from stead.pipeline.start import must_wait, started
    from stead.store.places import place_directory

    words = list(args.command)
    literal = bool(words) and words[0] == "--"
    if literal:
        words = words[1:]
    environment = args.environment
    if args.module:
        environment, app, words = _of_module(args, app, words)
        literal = True
    elif not words and app.selection.recipe:
        from stead.cli._run_recipe import run_recipe

        return run_recipe(app, environment)
    elif not words:
        raise UsageError("nothing to run", remedy=_what_there_is(app.spec(environment)))
    elif not words[0]:
        raise UsageError("the command is empty", remedy="name a command or a task")
    if not literal:
        environment, app = _meant(app, environment, words[0])
    made: dict[str | None, Prepared] = {}

    def activation_of(name: str | None) -> Activation:
        if name not in made:
            made[name] = app.prepared(name)
            for finding in worth_saying(made[name].table):
                app.err(f"stead: {finding}")
        return made[name].activation

    activation = activation_of(environment)
    if not literal and len(words) == 1 and _listens(made[environment], words[0]):
        from stead.cli._ports import with_free

        # With arguments it may be asked for anything.
        (made[environment],) = with_free(app, lambda mine: [_again(made[environment], mine, app)])
        activation = made[environment].activation
    if not literal:
        if several := _processes(made[environment], words):
            return _together(several, made[environment], app)
        _refuse_without_command(made[environment], words[0], app)
    commands = run.commands(
        activation,
        words,
        cwd=os.getcwd() if args.here else app.cwd,
        caller=app.context.environ,
        literal=literal,
        other=None if args.environment else activation_of,
        paths=lambda name: app.spec(name).configuration.paths,
    )
    _tell_where(commands[-1], words[1:], app)
    kept = Path(place_directory(app.context.home, activation.place)) / "tasks"
    code = 0
    for command in commands:
        prepared = next(p for p in made.values() if p.activation is command.activation)
        # A group's last task is one of its parts: what becomes of it is still to be said.
        last = command is commands[-1] and (command.task is None or command.task.name == words[0])
        if not tasks.has_files(command.task):
            with started(prepared, command, app.context) as ready:
                if last and not must_wait(prepared):
                    sys.stdout.flush()
                    sys.stderr.flush()
                    return run.replace_process(ready)
                code = run.run_child(ready)
        else:
            assert command.task is not None
            record = kept / f"{command.task.name}-{command.activation.environment}.json"
            if not args.force and tasks.up_to_date(command, record):
                app.err(f"stead: {command.task.name} is up to date")
                continue
            inputs = tasks.inputs_of(command, app.context.now())
            with started(prepared, command, app.context) as ready:
                code = run.run_child(ready)
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


def _tell_where(command: Command, arguments: Sequence[str], app: App) -> None:
    """Say where a task runs, if an argument names a file that is here, and not there."""
    if command.task is None or os.path.realpath(command.cwd) == os.path.realpath(app.cwd):
        return
    for word in arguments:
        there = os.path.exists(os.path.join(command.cwd, word))
        if not there and os.path.isfile(os.path.join(app.cwd, word)):
            app.err(
                f"stead: {command.task.name} runs in {command.cwd}, where {word} is not; "
                f'the one here is "$PWD/{word}"'
            )


def _listens(prepared: Prepared, word: str) -> bool:
    """Say whether a word means an app that is to listen on a port."""
    chosen = prepared.table.app
    return chosen is not None and chosen.name == word and bool(chosen.listen)


def _again(prepared: Prepared, mine: App, app: App) -> Prepared:
    """Prepare an app with another selection; what was prepared with this one is taken as it is."""
    return prepared if mine is app else mine.prepared(prepared.composed.spec.environment)


def _of_module(
    args: argparse.Namespace, app: App, words: list[str]
) -> tuple[str | None, App, list[str]]:
    """Give environment, app and command line of a module."""
    from stead.modules import own
    from stead.pipeline.discover import discover

    (module,) = own.chosen(discover(app.directory, home=app.user_home), [args.module])
    line = own.words(module, words)
    if module.cwd and not args.here:
        app = replace(app, cwd=module.cwd)
    if module.app and not (app.selection.app or app.selection.recipe):
        app = replace(app, selection=replace(app.selection, app=module.name))
    return args.environment or module.environment or None, app, line


def _what_there_is(spec: Spec) -> str:
    tasks = ", ".join(t.name for t in spec.tasks)
    apps = ", ".join(a.name for a in spec.configuration.kinds.apps if a.run or a.processes)
    named = f"apps here: {apps}; tasks: {tasks or 'none'}" if apps else f"tasks here: {tasks}"
    if not (apps or tasks):
        named = "tasks here: none"
    return f"name {'an app, ' if apps else ''}a command or a task ({named})"


def _processes(prepared: Prepared, words: list[str]) -> list[str]:
    """Name the processes that a word means: of an app that has several."""
    app = prepared.table.app
    spec = prepared.composed.spec
    if app is None or app.name != words[0] or any(t.name == app.name for t in spec.tasks):
        return []
    from stead.pipeline.run import arguments

    if app.processes and (given := arguments(words)):
        raise UsageError(
            f"app {app.name} has several processes, and none of them could take {given[0]!r}",
            where=app.origin,
            remedy=f"give arguments to one: `stead run {app.name}:{app.processes[0][0]} …`",
        )
    return [name for name, _ in app.processes]


def _refuse_without_command(prepared: Prepared, word: str, app: App) -> None:
    """Raise UsageError for an app that says nothing to start, unless a program has its name."""
    named = [a for a in prepared.composed.spec.configuration.kinds.apps if a.name == word]
    if not named or any(t.name == word for t in prepared.activation.tasks):
        return
    import shutil

    from stead.pipeline.run import environment

    path = environment(prepared.activation, app.context.environ).get("PATH")
    if not shutil.which(word, path=path):
        raise UsageError(
            f"app {word} says nothing to start",
            where=named[0].origin,
            remedy='give it run = ["COMMAND", …], or [app.NAME.processes]',
        )


def _together(names: list[str], prepared: Prepared, app: App) -> int:
    """Start an app's processes side by side. What they need is looked up once for all."""
    from stead.pipeline import run
    from stead.pipeline.processes import run_together
    from stead.pipeline.start import started

    assert prepared.table.app is not None
    commands = [
        run.commands(
            prepared.activation,
            [f"{prepared.table.app.name}:{name}"],
            cwd=app.cwd,
            caller=app.context.environ,
        )[-1]
        for name in names
    ]
    with started(prepared, commands[0], app.context) as ready:
        return run_together(
            [
                (n, replace(c, environ=ready.environ, holds=ready.holds))
                for n, c in zip(names, commands, strict=True)
            ],
            out=sys.stdout.buffer,
            err=sys.stderr.buffer,
            colour=sys.stdout.isatty() and "NO_COLOR" not in app.context.environ,
            note=lambda text: app.err(f"stead: {text}"),
        )


def _meant(app: App, environment: str | None, word: str) -> tuple[str | None, App]:
    """Choose environment and app: those asked for, else what a task or app of that name wants."""
    spec = app.composed(environment, fetch=True).spec
    kinds = spec.configuration.kinds
    task = next((t for t in spec.tasks if t.name == word), None)
    name = word if task else word.partition(":")[0]
    named = next((a for a in kinds.apps if a.name == name), None)
    if named is None:
        return environment or (task.environment if task else "") or None, app
    selection = app.selection
    of_recipe = next((r.environment for r in kinds.recipes if r.name == selection.recipe), "")
    if not environment and not of_recipe:
        environment = (task.environment if task else "") or named.environment or None
    chosen = selection.app or selection.recipe or spec.configuration.app
    if chosen != name if chosen else len(kinds.apps) > 1:
        if selection.app and selection.app != name:
            raise UsageError(
                f"app {name} is to run with the configuration of {selection.app}",
                remedy="leave --app out",
            )
        return environment, replace(app, selection=replace(selection, app=name))
    return environment, app
