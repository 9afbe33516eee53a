"""A recipe in the working tree: all of its apps side by side, as many of each as it counts."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from stead.values.errors import UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.cli.app import App
    from stead.pipeline.run import Command
    from stead.pipeline.steps import Prepared
    from stead.values.kinds import Recipe


def run_recipe(app: App, environment: str | None) -> int:
    """Run the recipe that was chosen; gives the exit code of the first process that failed.

    What is rendered into the tree is of the first of each app. Raises UsageError for a recipe
    that is not there or counts nothing.
    """
    from stead.cli._ports import with_free
    from stead.config.recipes import known_recipes
    from stead.pipeline.configure import worth_saying
    from stead.pipeline.processes import run_together
    from stead.pipeline.start import started

    selection = app.selection
    kinds = app.composed(environment, fetch=True).spec.configuration.kinds
    recipe = known_recipes(kinds.recipes, kinds.apps).get(selection.recipe)
    # One that is not there is named with all else that is wrong, when the table is made.
    apps = recipe.apps if recipe else ()
    if selection.app or not apps:
        apps = (selection.app or "",)
    commands: list[tuple[str, Command]] = []
    numbers: list[int] = []

    def prepare_all(mine: App) -> list[Prepared]:
        made = [
            one for n in dict.fromkeys(apps) for one in _instances(n, recipe, mine, environment)
        ]
        numbers[:] = [number for number, _ in made]
        return [prepared for _, prepared in made]

    with contextlib.ExitStack() as stack:
        made = with_free(app, prepare_all)
        for number, prepared in zip(numbers, made, strict=True):
            if number == 1:
                for finding in worth_saying(prepared.table):
                    app.err(f"stead: {finding}")
            for called, command in _commands(prepared, recipe, number, app):
                ready = stack.enter_context(started(prepared, command, app.context))
                commands.append((called, ready))
        if not commands:
            raise UsageError(
                f"recipe {selection.recipe} runs nothing",
                where=recipe.origin if recipe else None,
                remedy="give its app a command, and count at least one of it",
            )
        return run_together(
            commands,
            out=sys.stdout.buffer,
            err=sys.stderr.buffer,
            colour=sys.stdout.isatty() and "NO_COLOR" not in app.context.environ,
            note=lambda text: app.err(f"stead: {text}"),
        )


def _instances(
    name: str, recipe: Recipe | None, app: App, environment: str | None
) -> Iterator[tuple[int, Prepared]]:
    """Prepare each of several of an app, with ports of its own."""
    from stead.config.recipes import instances
    from stead.pipeline.steps import prepare

    mine = replace(app, selection=replace(app.selection, app=name))
    first = mine.prepared(environment)
    yield 1, first
    if recipe is None or first.table.app is None:
        return
    for number in range(2, instances(recipe, first.table.app, app.selection.target) + 1):
        further = replace(mine, selection=replace(mine.selection, instance=number))
        yield number, prepare(further.request(environment), app.context)


def _commands(
    prepared: Prepared, recipe: Recipe | None, number: int, app: App
) -> Iterator[tuple[str, Command]]:
    from stead.config.recipes import counts
    from stead.pipeline.run import commands

    own = prepared.table.app
    if own is None or recipe is None:
        return
    for process, count in counts(recipe, own, app.selection.target):
        if number > count:
            continue
        word = f"{own.name}:{process}" if process else own.name
        called = word if number == 1 else f"{word} {number}"
        made = commands(prepared.activation, [word], cwd=app.cwd, caller=app.context.environ)
        yield called, made[-1]
