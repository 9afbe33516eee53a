"""`stead hook`: the code that makes a shell follow the directory."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import TrustError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Print the code that makes a shell follow the directory.

Put one line into the shell's rc file:

  bash   ~/.bashrc                    eval "$(stead hook bash)"
  zsh    ~/.zshrc                     eval "$(stead hook zsh)"
  fish   ~/.config/fish/config.fish   stead hook fish | source
  pwsh   $PROFILE                     stead hook pwsh | Out-String | Invoke-Expression

From then on the environment of a trusted place (`stead trust`) is there while the
shell stands in it, and gone when the shell leaves.
"""

SHELLS = ("bash", "zsh", "fish", "pwsh")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", nargs="?", metavar="SHELL", help="bash, zsh, fish or pwsh")
    options.environment(parser)
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="answer the hook's question about the current directory, in the shell's words",
    )
    parser.add_argument(
        "--notice",
        action="store_true",
        help="what a shell of `stead shell` asks when something was changed by hand",
    )
    parser.add_argument(
        "--applied", action="store_true", help="with --notice: the environment was just applied"
    )
    parser.add_argument("--quiet", action="store_true", help="with --notice: say nothing yet")
    parser.add_argument(
        "--build",
        action="store_true",
        help="what the hook starts in the background: build a trusted place",
    )


def execute(args: argparse.Namespace, app: App) -> int:
    if args.build:
        return _build(args.environment, app)
    if not args.shell:
        raise UsageError("which shell?", remedy=f"name one of {', '.join(SHELLS)}")
    shell = {"powershell": "pwsh"}.get(args.shell, args.shell)
    if shell not in SHELLS:
        raise UsageError(f"no hook for {shell!r}", remedy=f"use one of {', '.join(SHELLS)}")
    if args.evaluate:
        return _evaluate(shell, app)
    if args.notice:
        return _notice(shell, args, app)
    from stead.cli.app import program
    from stead.formats import known
    from stead.pipeline.prompt import rc_code

    text = rc_code(
        shell, home=str(app.context.home), program=os.path.abspath(program()), names=known.NAMES
    )
    _write(text)
    return 0


def _evaluate(shell: str, app: App) -> int:
    """Answer the hook. What it applied already is no part of the question."""
    from stead.cli.app import program
    from stead.formats import known
    from stead.pipeline import prompt
    from stead.shells.state import undo
    from stead.store import trust

    context = replace(app.context, environ=undo(app.context.environ))
    app = replace(app, context=context)
    environment = app.environment(None)
    user_home = app.request(environment).user_home

    def look() -> prompt.Surroundings:
        return prompt.look_around(
            app.cwd, known.NAMES, user_home, context, environment=environment, shell=shell
        )

    seen = look()
    if not prompt.settled(seen, context.now()):
        # A later change could bear the same time as the file that is about to be read.
        time.sleep(prompt.SETTLE)
        seen = look()
    evaluation = app.evaluate(environment)
    ready = evaluation.activation.place if evaluation.activation is not None else ""
    place = ready or evaluation.place or seen.nearest
    if evaluation.state == "unbuilt":
        message = prompt.start_build(
            context, os.path.abspath(program()), place, environment, evaluation.digest
        )
        evaluation = replace(evaluation, message=message)
    seen = seen.also(evaluation.inputs)
    watch = prompt.make_watch(seen, "" if evaluation.state == "none" else place, str(context.home))
    # What was never agreed to, or no longer is, goes at once.
    keep = evaluation.state != "untrusted" or trust.read(context.home, place) is not None
    _write(prompt.answer(evaluation, shell, place=place, keep=keep, watch=watch))
    return 0


def _notice(shell: str, args: argparse.Namespace, app: App) -> int:
    """Tell a session's prompt what was changed by hand."""
    from stead.cli._standing import by_hand_alone
    from stead.pipeline import session
    from stead.shells.state import TRANSACTION

    directory = app.context.environ.get(TRANSACTION, "")
    files = session.files_of(directory) if directory else None
    if files is None:
        raise UsageError("this is no shell of `stead shell`", remedy="start one")
    notice = session.notice(
        directory,
        app.context.environ,
        files,
        by_hand_alone=lambda changed: by_hand_alone(app, directory, changed),
        applied=args.applied,
        quiet=args.quiet,
        separator=app.platform.path_separator,
    )
    _write(session.texts(shell).answer(notice))
    return 0


def _build(environment: str | None, app: App) -> int:
    """Build what is locked. Nobody asked for it at this moment, so the place must be trusted."""
    from stead.pipeline import keep
    from stead.pipeline.trust import may_build_sources

    verdict = keep.judged(app.composed(environment), app.context)
    if not verdict.trusted:
        raise TrustError(verdict.reason, where=app.cwd, remedy="look at it with `stead trust`")
    context = replace(app.context, build_sources=may_build_sources(verdict, explicit=False))
    replace(app, context=context, locked=True).activation(environment)
    return 0


def _write(text: str) -> None:
    """Write to stdout what may hold bytes that are no UTF-8."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
