"""Options that several commands share, each declared once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.values.selection import Selection


def environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-e",
        "--environment",
        metavar="ENV",
        help="the environment: layers joined by `-` (default: $STEAD_ENVIRONMENT, else `default`)",
    )


def locking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--locked", action="store_true", help="fail if stead.lock would have to change"
    )
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads",
        action="store_true",
        help="never fetch an interpreter, only use those found",
    )


def selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--app", metavar="APP", help="whose configuration counts, where there are several apps"
    )
    parser.add_argument("--recipe", metavar="R", help="with the settings and net of this recipe")
    parser.add_argument("--target", metavar="T", help="with what this target's host offers")
    parser.add_argument("--host", metavar="HOST", help="with what this host offers")
    parser.add_argument("--net", metavar="NET", help="with what this net reaches")
    parser.add_argument(
        "--set",
        dest="values",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a variable this value, over all that the tree says",
    )


def strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail where the calling shell sets a declared variable otherwise",
    )


def chosen(args: argparse.Namespace) -> Selection:
    """Give what :func:`selection`'s options say. Raises UsageError."""
    from stead.values.selection import Selection

    settings = []
    for text in getattr(args, "values", None) or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            from stead.values.errors import UsageError

            raise UsageError(
                f"--set takes NAME=VALUE, not {name!r}", remedy="write --set NAME=VALUE"
            )
        from stead.values.table import Definition

        settings.append(Definition(name, value, "--set", by="--set"))

    def word(name: str) -> str:
        return getattr(args, name, None) or ""

    return Selection(
        app=word("app"),
        recipe=word("recipe"),
        target=word("target"),
        host=word("host"),
        net=word("net"),
        settings=tuple(settings),
    )


def layer(parser: argparse.ArgumentParser, group: argparse._ActionsContainer | None = None) -> None:
    """Declare ``--layer``, in a group or not.

    ``-e``, by which other commands choose an environment, says how to go on.
    """
    import argparse

    from stead.values.errors import UsageError

    class Instead(argparse.Action):
        def __call__(self, _parser: object, _into: object, value: Any, option: Any = None) -> None:
            raise UsageError(
                f"{option} names an environment, and what is edited is a layer of one",
                remedy=f"write `--layer {value}` to change the layer {value}",
            )

    (group or parser).add_argument(
        "--layer", default="", metavar="NAME", help="the layer to change"
    )
    parser.add_argument("-e", "--environment", action=Instead, help=argparse.SUPPRESS)


def reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-m", "--reason", default="", metavar="WHY", help="why, for the history (`stead log`)"
    )


def modules(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--module", dest="modules", action="append", default=[], metavar="NAME", help=text
    )


def json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer as JSON")
