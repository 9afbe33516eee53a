"""`stead completion`: the code that makes a shell complete Stead's words."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.cli.app import App
    from stead.shells.completion import Table

HELP = """Print the code that makes a shell complete commands, options and names.

Put one line into the shell's rc file:

  bash   ~/.bashrc                    eval "$(stead completion bash)"
  zsh    ~/.zshrc, after compinit     eval "$(stead completion zsh)"
  fish   ~/.config/fish/config.fish   stead completion fish | source
  pwsh   $PROFILE                     stead completion pwsh | Out-String | Invoke-Expression

Names (tasks, apps, environments, variables, packages, layers, modules, generations) are read from the
manifests and the lock of the directory. Nothing of the place is run, fetched or built.
"""

SHELLS = ("bash", "zsh", "fish", "pwsh")

_METAVARS = {
    "APP": "app",
    "DIR": "directory",
    "ENV": "environment",
    "FILE": "file",
    "HOST": "host",
    "NET": "net",
    "NAME=VALUE": "set",
    "R": "recipe",
    "SHELL": "=bash zsh fish pwsh",
    "T": "target",
    "TESTENV": "tested",
}
"""What a value is, by how help calls it."""

_NAMES = {
    ("lock", "--upgrade"): "upgradable",
    ("remove", "package"): "package",
    ("unset", "variable"): "unset",
    ("explain", "name"): "variable",
    ("why", "package"): "locked",
    ("work", "name"): "module",
    ("use", "module"): "used",
    ("diff", "old"): "generation",
    ("diff", "new"): "generation",
    ("keep", "names"): "by-hand",
    ("rollback", "to"): "goal",
    ("pin", "generation"): "generation",
    ("module/add", "name"): "item",
    ("module/show", "name"): "item",
    ("module/swap", "new"): "item",
    ("module/swap", "old"): "owned",
    ("module/diff", "names"): "owned",
    ("module/eject", "names"): "owned",
    ("module/update", "names"): "owned",
    ("module/swap", "--deploy"): "target",
    ("book/show", "name"): "page",
    ("book/add", "name"): "page",
    ("book/test", "names"): "page",
    ("*", "--module"): "owned",
    ("run", "command"): "task",
    ("launcher", "command"): "task",
    ("deploy", "what"): "to-deploy",
    ("node", "recipe_name"): "recipe",
    ("node", "target_name"): "target",
    ("*", "--layer"): "layer",
}
"""What the values are that help calls by a word of many meanings."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell to print the code for")


def execute(args: argparse.Namespace, _app: App) -> int:
    from stead.cli.app import program
    from stead.shells import completion

    text = completion.code(args.shell, table(), os.path.abspath(program()))
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return 0


def table() -> Table:
    """Make the table of all commands from their parsers."""
    from stead.cli.main import COMMANDS, parser_of

    made: dict[str, tuple[str, ...]] = {
        "w:": tuple(f"{name}\t{about}" for name, about in COMMANDS.items()),
        "o:": (
            "-C\twork as if started in this directory",
            "-V\tprint the version",
            "--version\tprint the version",
            "-h\tlist the commands",
            "--help\tlist the commands",
        ),
        "v::-C": ("directory",),
    }
    for name in COMMANDS:
        made.update(_of(parser_of(name), name))
    return made


def _of(parser: argparse.ArgumentParser, state: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the part of the table that a parser stands for."""
    from stead.cli.main import shown_of

    options: list[str] = []
    position = 0
    for action in shown_of(parser):
        about = " ".join((action.help or "").split()).replace("%%", "%")
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {a.dest: a.help or "" for a in action._choices_actions}  # noqa: SLF001
            yield f"w:{state}", tuple(f"{n}\t{helps.get(n, '')}" for n in action.choices)
            for name, sub in action.choices.items():
                yield from _of(sub, f"{state}/{name}")
        elif action.option_strings:
            options += [f"{option}\t{about}" for option in action.option_strings]
            if action.nargs != 0:
                for option in action.option_strings:
                    yield f"v:{state}:{option}", (_kind(state, action),)
        else:
            kind = _kind(state, action)
            many = action.nargs in ("*", "+", argparse.REMAINDER)
            yield f"p:{state}:{'*' if many else position}", (kind,)
            position += 1
            if action.nargs == argparse.REMAINDER:
                yield f"t:{state}", ("1",)
    yield f"o:{state}", tuple(options)


def _kind(state: str, action: argparse.Action) -> str:
    """Say what an option's value, or an argument, is; nothing where anything goes."""
    if action.choices:
        return "=" + " ".join(map(str, action.choices))
    command = state.partition("/")[0]
    for name in action.option_strings or [action.dest]:
        for where in (state, command, "*"):
            if (where, name) in _NAMES:
                return _NAMES[where, name]
    if action.metavar == "PLATFORM":
        from stead.formats.known import PLATFORMS

        return "=" + " ".join(PLATFORMS)
    return _METAVARS.get(str(action.metavar), "")
