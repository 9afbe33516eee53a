"""`stead test`: environments with commands, and the packages that they are tested against."""

from __future__ import annotations

import os
import sys

from stead.matrix.options import ENVIRONMENTS, OPTIONS, told
from stead.values.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.matrix.asking import Asked, Further
    from stead.matrix.options import Option

HELP = """Run the commands of environments; what they need is built because they need it, once.

What there is to test stands in tox's files, as they are, or in layers of stead.toml that
have commands. What follows `--` takes the place of {posargs} in commands.
"""

REST = True
"""What follows `--` is not read as words of this command."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        ENVIRONMENTS.name, nargs="*", metavar=ENVIRONMENTS.metavar, help=ENVIRONMENTS.help
    )
    for option in OPTIONS:
        parser.add_argument(*option.flags, **_declared(option))


def _declared(option: Option) -> dict[str, Any]:
    """Say what argparse is to know of an option."""
    said: dict[str, Any] = {"dest": option.name, "help": option.help}
    if option.kind == "flag":
        return {**said, "action": "store_true"}
    said |= {"metavar": option.metavar, "choices": option.choices or None}
    if option.kind == "many":
        return {**said, "action": "append", "default": []}
    if option.const:
        said |= {"nargs": "?", "const": option.const}
    return said


def execute(args: argparse.Namespace, app: App) -> int:
    if args.modules or args.environments or args.names:
        _named_by_module(args, app)
    heard = heed(args, app)
    try:
        return _answer(args, app)
    except UsageError as exc:
        exc.details = (*exc.details, *(f"asked for by {one}" for one in heard))
        raise


def _answer(args: argparse.Namespace, app: App) -> int:
    question = asked(args, app)
    if args.config:
        return _config(args, app, question)
    if args.list or args.plan or args.matrix:
        return _look(args, app, question)
    from stead.cli._test_run import run

    return run(args, app, question)


def _named_by_module(args: argparse.Namespace, app: App) -> None:
    """Let modules mean the environments that their tests run in.

    A word does so where no environment of that name has anything to run. Raises UsageError for a
    module that is not there, or has no tests.
    """
    from stead.matrix.goals import goal
    from stead.modules.own import chosen, modules
    from stead.pipeline.discover import discover
    from stead.values.errors import NoPlaceError

    try:
        found = discover(app.directory, home=app.user_home)
    except NoPlaceError:
        if args.modules:
            raise
        return  # tox's files may say what there is to test
    for module in chosen(found, args.modules) if args.modules else ():
        if not module.goal:
            raise UsageError(
                f"module {module.name} has nothing to test",
                where=module.directory,
                remedy=f'give its layer commands: [layer.{module.name}] commands = [["pytest"]]',
            )
        args.names = [*args.names, module.goal]
    goals = {module.name: module.goal for module in modules(found) if module.goal}
    for words in (args.environments, args.names):
        words[:] = [
            goals[word] if word in goals and goal(found.manifests, word) is None else word
            for word in words
        ]


def heed(args: argparse.Namespace, app: App) -> list[str]:
    """Let tox's variables speak where the command line does not, if tox's files describe the tests.

    Gives those that were heard, with their values.
    """
    heard: list[str] = []
    said = told(app.context.environ)
    if not said:
        return heard
    from stead.matrix import describe
    from stead.matrix.asking import Asked

    bare = Asked(directory=app.directory, here=app.platform, user_home=app.user_home)
    if not describe.by_tox(bare, app.context):
        return heard
    chosen = bool(args.environments or args.names or args.labels or args.factors)
    marked = any(option.name in ("labels", "factors") for option in said)
    for option, (variable, text) in said.items():
        names = option.name == "names"
        if option.name in ("names", "labels", "factors") and (chosen or (names and marked)):
            continue
        if option.name == "parallel" and text.strip() == "0":
            continue  # one after the other, as without it
        if not getattr(args, option.name):
            setattr(args, option.name, _meant(option, variable, text))
            heard.append(f"{variable}={text}")
    return heard


def _meant(option: Option, variable: str, text: str) -> Any:
    """Read the value of a variable as tox does. Raises UsageError for what it cannot be."""
    if option.name == "names":
        from stead.values.factors import parse

        return list(parse(text) or filter(None, map(str.strip, text.split(","))))
    if option.kind == "many":
        each = [one for one in text.split(";") if one]
        if option.name == "factors":
            return ["-".join(filter(None, map(str.strip, one.split(",")))) for one in each]
        return each
    known = {"true": True, "1": True, "yes": True, "on": True}
    known |= {"false": False, "0": False, "no": False, "off": False}
    if option.kind == "flag" and text.strip().lower() in known:
        return known[text.strip().lower()]
    if option.kind == "flag" or (option.choices and text not in option.choices):
        raise UsageError(
            f"{variable}: {text!r} is none of {', '.join(option.choices or ('true', 'false'))}",
            remedy="set it to one of these, or unset it",
        )
    return text


def asked(args: argparse.Namespace, app: App) -> Asked:
    """Give what the words of the command line ask for."""
    from stead.matrix.asking import Asked, Wanted

    missing = {"true": True, "false": False}.get(args.skip_missing_interpreters or "")
    return Asked(
        directory=app.directory,
        here=app.platform,
        user_home=app.user_home,
        wanted=Wanted(
            names=(*args.environments, *args.names),
            labels=tuple(args.labels),
            factors=tuple(args.factors),
            skip=args.skip_env or "",
        ),
        posargs=args.rest,
        skip_missing=missing,
        recreate=args.recreate,
        in_prefix=args.in_prefix or "",
        install=args.install,
        packages=tuple(args.packages),
        no_packages=args.no_packages,
        terminal=sys.stdout.isatty(),
        hash_seed=_hash_seed(args.hashseed),
        further=_pages(app),
        overrides=tuple(args.overrides),
        work_dir=os.path.join(app.cwd, args.work_dir) if args.work_dir else "",
    )


def _pages(app: App) -> tuple[Further, ...]:
    """Give a goal for each page of the project's book: `stead book test` of that page."""
    from stead.pipeline.files import upwards

    above = upwards(app.directory, app.user_home)
    if not any(os.path.isdir(os.path.join(one, "book")) for one in above):
        return ()
    from stead.cli.app import program
    from stead.matrix.asking import Further
    from stead.modules import book
    from stead.pipeline.discover import discover
    from stead.values.errors import NoPlaceError
    from stead.values.origin import Origin

    try:
        place = discover(app.directory, home=app.user_home).place
    except NoPlaceError:
        return ()
    return tuple(
        Further(
            name=f"{book.DIRECTORY}-{name}",
            command=(program(), "-C", place, "book", "test", name),
            directory=place,
            description="the page's modules pass their tests where there is no Stead",
            labels=(book.DIRECTORY,),
            origin=Origin(file, 1),
        )
        for name, file in book.own(place)
    )


def _hash_seed(text: str | None) -> str:
    if text is None or text in ("notset", "noset"):
        return ""
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise UsageError(
            f"--hashseed: {text!r} is no seed", remedy="give a number below 4294967296, or notset"
        )
    return text


def _look(args: argparse.Namespace, app: App, question: Asked) -> int:
    """Show what there is, or what would be done."""
    from stead.matrix import describe

    if args.matrix:
        from stead.matrix import ci

        app.out(ci.jobs(args.matrix, question, app.context))
        return 0
    if args.plan:
        from stead.matrix import planning

        steps = planning.steps(question, app.context)
        if args.json:
            app.out_json(steps)
        else:
            for line in planning.lines(steps):
                app.out(line)
        return 0
    from stead.matrix import listing

    suite = describe.suite(question, app.context, whole=False)
    plan = describe.plan(suite, question, everything=question.wanted.nothing)
    if args.json:
        app.out_json(listing.table(suite, plan))
    else:
        for line in listing.lines(suite, plan):
            app.out(line)
    return 0


def _config(args: argparse.Namespace, app: App, question: Asked) -> int:
    from stead.matrix import keys

    found = keys.evaluated(question, app.context)
    app.out(keys.as_json(found) if args.json else keys.as_text(found))
    return 0
