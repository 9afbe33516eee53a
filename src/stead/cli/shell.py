"""`stead shell`: change an environment in a transaction."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import SteadError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.opening import Opened
    from stead.history.transaction import Transaction

HELP = """Start a shell that is one transaction: its changes hold together, or not at all.

Your own shell is started, with the environment, and its prompt begins with the place's
name (with a star while something is staged). `add`, `remove`, `set`, `unset`, `use` and
`lock` are staged inside it and take effect there, and the place stays as it is until
`commit`; what is done by hand is noticed, and `stead keep NAME` adopts it. Leaving asks what
becomes of what is staged.

With -c, a FILE or a script on standard input, everything is committed as one generation when
the script ends with exit code 0; any other code, Ctrl-C and SIGTERM drop all of it, and the
code is the script's own.

A text is run by bash where that is your shell, else by sh; a FILE by its `#!` line or its
ending. In sh, dash, bash, ksh and zsh a staged change is there for the next command of the
script. Of another language, what is staged is there for what `stead run` starts.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    parser.add_argument("-c", dest="text", metavar="SCRIPT", help="run this text")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be committed, and commit nothing"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="fail if another transaction is open here"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what a shell that ended had staged"
    )
    parser.add_argument("--offline", action="store_true", help="use only what is cached")
    parser.add_argument(
        "--no-python-downloads", action="store_true", help="never fetch an interpreter"
    )
    parser.add_argument(
        "--shell", metavar="KIND", help="bash, zsh, fish or pwsh, instead of your own"
    )
    options.reason(parser)
    options.json(parser)
    parser.add_argument(
        "script", nargs="...", metavar="FILE", help="run this script, with what follows it"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    text = args.text
    if text is None and not args.script:
        if sys.stdin.isatty():
            from stead.cli._session import interactive

            return interactive(args, app)
        text = sys.stdin.read()
    opened = open_for(args, app)
    inner = entered(app, opened.transaction)
    return _run(args, inner, opened, text)


def open_for(args: argparse.Namespace, app: App) -> Opened:
    """Begin the transaction that the options ask for, and say what became of a dead one."""
    from stead.history.opening import open_transaction

    opened = open_transaction(
        app.request(args.environment),
        app.context,
        wait=not args.no_wait,
        resume=args.resume,
        dry=args.dry_run,
        tty=_terminal(),
    )
    for line in opened.told:
        app.err(f"stead: {line}")
    return opened


def entered(app: App, transaction: Transaction) -> App:
    """Give the app as a command inside the transaction has it."""
    from stead.shells.state import TRANSACTION

    # Its store stays that of the transaction, whatever becomes of HOME in there.
    own = {TRANSACTION: transaction.directory, "STEAD_HOME": str(app.context.home)}
    environ = {**app.context.environ, **own}
    return replace(
        app, context=replace(app.context, environ=environ), cwd=transaction.named(app.cwd)
    )


def _run(args: argparse.Namespace, app: App, opened: Opened, text: str | None) -> int:
    """Run a script to its end, then commit or drop what it has staged."""
    from stead.cli._script import run_script
    from stead.history.committing import abort

    transaction = opened.transaction
    before = transaction.state.commits
    try:
        code = run_script(app, transaction, text, args.script, inline=args.text is not None)
        if code == 0 and args.dry_run:
            _show(args, app, transaction)
    except BaseException:
        _drop_all(app, opened, before)
        raise
    if code or args.dry_run:
        _drop_all(app, opened, before)
        return code
    try:
        _commit(args, app, transaction)
    except SteadError as exc:
        leave(opened, exc)
        raise
    except BaseException:
        abort(transaction, app.context)
        opened.lock.end()
        raise
    opened.lock.end()
    return 0


def _drop_all(app: App, opened: Opened, before: int) -> None:
    """Drop what a script has staged; what it has committed itself, ``before`` aside, is not."""
    try:
        count = opened.transaction.state.commits - before
    except SteadError:
        count = 0
    drop(app, opened)
    if count > 0:
        told = "commits of the script itself stay: `stead undo` takes one after the other back"
        if count == 1:
            told = "commit of the script itself stays: `stead undo` takes it back"
        app.err(f"stead: {count} {told}")


def leave(opened: Opened, error: SteadError) -> None:
    """End a transaction whose commit has failed, and say in the error what is left of it."""
    if opened.transaction.state.files:
        opened.lock.release()
        told = "what is staged stays: `stead shell --resume` goes on with it"
    else:
        opened.lock.end()
        told = "what was staged is committed; only this failed"
    error.details = (*error.details, told)


def drop(app: App, opened: Opened) -> None:
    """Drop what is staged, say so, and end the transaction."""
    from stead.cli.abort import told
    from stead.history.committing import abort

    try:
        done = abort(opened.transaction, app.context)
        dry = opened.transaction.owner.dry and not done.put_back
        if (done.operations and not dry) or done.put_back:
            for line in told(app, done):
                app.err(f"stead: {line}")
    finally:
        opened.lock.end()


def _commit(args: argparse.Namespace, app: App, transaction: Transaction) -> None:
    from stead.cli.commit import perform, told
    from stead.history.committing import Committed

    # A lock that the environment needed is nobody's change, as where a person leaves.
    staged = transaction.state.changed or transaction.edited_by_hand()
    done = perform(app, transaction) if staged else Committed((), ())
    if args.json:
        app.out_json({"files": done.files, "operations": [o.words for o in done.operations]})
    elif done.files:
        for line in told(app, done):
            app.err(f"stead: {line}")


def _show(args: argparse.Namespace, app: App, transaction: Transaction) -> None:
    from stead.cli.log import meaning_lines
    from stead.history.committing import difference

    found = difference(transaction, app.request(), app.context)
    if args.json:
        app.out_json(found)
        return
    if found.empty:
        app.out("nothing would be committed")
    for line in meaning_lines(found):
        app.out(line)
    for file in found.files:
        app.out(f"{file.name} would be {file.what}")


def _terminal() -> str:
    for number in range(3):
        try:
            return os.ttyname(number)
        except (OSError, AttributeError):  # no terminal; no such thing on this system
            continue
    return ""
