"""The command line: which word means which module, and nothing else.

A command's module is imported when its command is asked for, not before.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys

from stead import __version__
from stead.values.errors import NoPlaceError, UsageError
from stead.values.names import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

COMMANDS = {
    "init": "write a stead.toml",
    "add": "ask for a package",
    "remove": "take a request for a package away",
    "set": "give a variable a value",
    "unset": "take a variable's value away",
    "lock": "choose exact packages and write stead.lock",
    "build": "make the environment without running anything",
    "run": "run a task or a command in the environment",
    "use": "use a module, or another revision of one",
    "shell": "change the environment in a transaction: all of it or none",
    "commit": "make what a transaction has staged the place's",
    "abort": "drop what a transaction has staged",
    "keep": "adopt what was changed by hand in a transaction's shell",
    "savepoint": "give what is staged a name to come back to",
    "work": "edit a used module in a working copy",
    "module": "start from a registry's modules, and own their source",
    "install": "make modules ready to run",
    "launcher": "write a script that runs a command in the environment",
    "typings": "write a typed stub of the project's names, for editors",
    "secret": "keep secrets with the project, encrypted",
    "adopt": "take up what was changed by other means",
    "restore": "put back what is declared",
    "log": "what this environment was, the latest first",
    "diff": "compare two generations",
    "undo": "take the last change back, packages and variables",
    "redo": "do again what was undone",
    "rollback": "go to any generation, or to a savepoint",
    "history": "share generations with others, and find lost ones again",
    "pin": "keep a generation's build",
    "status": "what is asked, locked, built and in use",
    "check": "say what is wrong with the configuration",
    "explain": "say where a variable's value comes from",
    "config": "list the variables, and compare environments",
    "book": "look up which modules together answer a question",
    "registry": "list registries of modules, check one, or build one",
    "trust": "let the hook use this place",
    "hook": "print the code that makes a shell follow the directory",
    "completion": "print the code that makes a shell complete commands and names",
    "env": "list, show and print environments",
    "test": "run the tests of environments, with what they need",
    "package": "build the project's packages",
    "publish": "give packages to an index or a channel",
    "deploy": "bring a recipe to its targets, and keep it if it is well",
    "node": "make a machine, deploy to it, and take it away",
    "tree": "show the locked packages as a tree",
    "why": "show what asks for a package",
    "export": "write the environment in another tool's format",
    "import": "make a stead.toml from another tool's file",
    "kernel": "register the environment with Jupyter",
    "schema": "print the JSON Schema of stead.toml",
    "gc": "remove builds that nothing uses",
    "store": "check the store, and say what it holds",
    "serve": "build environments for a team, and serve them",
    "worker": "build what a store server is asked for",
    "remote": "work with a store server: environments, builds, logs, settings",
    "push": "hand what a directory asks for to a store server",
    "pull": "bring an environment of a store server here",
}

GROUPS = {
    "Begin, and look": ("init", "import", "status", "trust", "hook", "completion"),
    "Packages and environments": (
        *("add", "remove", "lock", "build", "env", "tree", "why", "export"),
    ),
    "Variables and secrets": ("set", "unset", "config", "check", "explain", "secret", "typings"),
    "Run and test": ("run", "test", "install", "launcher", "kernel"),
    "Change in a transaction": ("shell", "commit", "abort", "keep", "savepoint"),
    "History": (
        *("log", "diff", "undo", "redo", "rollback", "history", "pin", "adopt", "restore"),
    ),
    "Modules": ("module", "book", "registry", "use", "work"),
    "Deploy": ("deploy", "node"),
    "Packages of your own": ("package", "publish"),
    "A team's server": ("serve", "worker", "remote", "push", "pull"),
    "Stead's own": ("gc", "store", "schema"),
}
"""What people do, and the commands for it. The overview has all others under their own head."""

# argparse asks for a translation of each word of its own, of which there are none; to look for
# them loads what knows of languages.
setattr(argparse, "_", str)  # noqa: B010

NOT_STAGED = frozenset(
    {
        "import",
        "init",
        "kernel",
        "launcher",
        "module add",
        "book add",
        "module eject",
        "module swap",
        "module update",
        "node down",
        "node up",
        "pin",
        "pull",
        "redo",
        "restore",
        "secret edit",
        "secret rotate",
        "secret set",
        "shell",
        "typings",
        "undo",
        "work",
    }
)
"""Commands that are refused inside a transaction of the place that they would change.

`deploy`, `trust` and `rollback` look themselves, for some of what they do changes nothing.
"""


class _Parser(argparse.ArgumentParser):
    asked = ""
    """Whose help says more, where that is not this parser's: an action's."""

    def error(self, message: str) -> NoReturn:
        # Only where something is wrong anyway: what can be chosen is said, not a list of quotes.
        choices = next((a.choices for a in self._actions if a.dest == "action" and a.choices), ())
        if message.startswith("argument ACTION: invalid choice: "):
            word = message.split("'")[1]
            close = nearest(word, choices)
            raise UsageError(
                f"`{self.prog}` cannot {word!r}" + (f"; did you mean `{close}`?" if close else ""),
                remedy=f"it can {', '.join(choices)}",
            )
        if choices and message.endswith("required: ACTION"):
            raise UsageError(f"what is `{self.prog}` to do?", remedy=f"it can {', '.join(choices)}")
        raise UsageError(message, remedy=f"see `{self.asked or self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, 2 where the line cannot be understood."""
    from stead.cli.errors import guard

    words = list(sys.argv[1:] if argv is None else argv)
    # A command is over soon: to look for cycles again and again among the many values that
    # stay until then costs more than it frees.
    gc.set_threshold(100_000, 50, 50)
    with guard() as outcome:
        outcome.code = _dispatch(words)
    return outcome.code


def _dispatch(words: list[str]) -> int:
    options, rest = _global_options(words)
    if options.version:
        print(f"stead {__version__}")
        return 0
    if not rest or rest[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if rest else 2
    name = rest[0]
    if name == "__complete":
        from stead.cli._words import answer

        return answer(rest[1:], options.directory)
    if name not in COMMANDS:
        close = nearest(name, COMMANDS)
        raise UsageError(
            f"no command {name!r}" + (f"; did you mean `stead {close}`?" if close else ""),
            remedy="see `stead --help`",
        )
    module = importlib.import_module(f"stead.cli.{name}" if name != "import" else "stead.cli.take")
    parser = parser_of(name, rest[1:])
    if getattr(module, "REST", False):
        args = _own(parser, rest[1:])
    else:
        args = getattr(module, "parse", argparse.ArgumentParser.parse_args)(parser, rest[1:])
    args.directory = options.directory
    args.words = tuple(rest)
    from stead.cli._world import make_app

    app = make_app(args)
    named = f"{name} {args.action}" if hasattr(args, "action") else name
    if named in NOT_STAGED:
        app.refuse_inside(named)
    from stead.cli.errors import Ended

    try:
        code: int = module.execute(args, app)
    except (KeyboardInterrupt, Ended):
        app.interrupted()
        raise
    except NoPlaceError as exc:
        raise app.no_place(exc) from exc
    return code


def _own(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Read a command's own words, options and others in any order; ``rest`` is what follows ``--``,
    None where there is none.
    """
    at = words.index("--") if "--" in words else len(words)
    if not any(word.startswith("-") and "h" in word for word in words[:at]):
        parser.usage = ""  # argparse would make it for the help that nobody asks for
    args = parser.parse_intermixed_args(words[:at])
    args.rest = tuple(words[at + 1 :]) if at < len(words) else None
    return args


def parser_of(name: str, words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Give the parser of a command; of one with actions at least that which ``words`` begin with."""
    module = importlib.import_module(f"stead.cli.{name}" if name != "import" else "stead.cli.take")
    parser = _Parser(
        prog=f"stead {name}",
        description=module.HELP,
        allow_abbrev=False,
        formatter_class=_formatter,
    )
    if words and hasattr(module, "ACTIONS"):
        if words[0] in module.ACTIONS:
            parser.asked = f"{parser.prog} {words[0]}"
        module.configure(parser, words[0])
    else:
        module.configure(parser)
    return parser


def shown_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Give what a parser takes, without what it only knows in order to refuse it."""
    # argparse has no other way.
    return [a for a in parser._actions if a.help != argparse.SUPPRESS]  # noqa: SLF001


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Give what lays out help; argparse asks for it at every option, and the usual
    way to the terminal's width loads three compression libraries.
    """
    try:
        columns = int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        try:
            columns = os.get_terminal_size(1).columns or 80
        except (OSError, ValueError):
            columns = 80
    return argparse.RawDescriptionHelpFormatter(prog, width=columns - 2)


def _global_options(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read the options before the command."""
    options = argparse.Namespace(directory=None, version=False)
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        word = rest.pop(0)
        if word == "-C":
            if not rest:
                raise UsageError("-C needs a directory", remedy="see `stead --help`")
            options.directory = rest.pop(0)
        elif word.startswith("-C"):
            options.directory = word[2:]
        elif word in ("-V", "--version"):
            options.version = True
        else:
            raise UsageError(f"no option {word!r} before the command", remedy="see `stead --help`")
    return options, rest


def _overview() -> str:
    width = max(map(len, COMMANDS))
    grouped = {name for names in GROUPS.values() for name in names}
    further = {"Further": tuple(name for name in COMMANDS if name not in grouped)}
    lines = []
    for head, names in (GROUPS | further).items():
        shown = [f"  {name:<{width}}  {COMMANDS[name]}" for name in names]
        lines += [f"{head}:", *shown, ""] if shown else []
    return "\n".join(
        [
            "usage: stead [-C DIR] COMMAND …",
            "",
            "Being in a directory is using its environment.",
            "",
            *lines,
            "`stead COMMAND --help` says more. -C DIR works as if started in DIR.",
        ]
    )
