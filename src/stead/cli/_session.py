"""`stead shell` with a person: one child shell that is one transaction."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from stead.values.errors import SteadError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from stead.cli.app import App
    from stead.history.opening import Opened
    from stead.history.transaction import Transaction
    from stead.shells.session_text import Start
    from stead.store.transactions import Operation

KINDS = ("bash", "zsh", "fish", "pwsh")
_OTHER_NAMES = {"powershell": "pwsh"}


def interactive(args: argparse.Namespace, app: App) -> int:
    """Start the user's shell in a transaction, and ask at its end what becomes of it."""
    from stead.cli import shell
    from stead.cli._terminal import run_shell

    if args.dry_run:
        raise UsageError("--dry-run is for scripts", remedy="give -c SCRIPT, or a FILE")
    kind, program = _shell(args.shell, app)
    if not args.resume:
        answer = _offer(args, app)
        if answer == "leave":
            return 0
        args.resume = answer == "resume"
    opened = shell.open_for(args, app)
    transaction = opened.transaction
    try:
        inner = shell.entered(app, transaction)
        start, environ = _prepared(inner, transaction, kind, program)
        _greet(app, opened)
        code, hung_up = run_shell(start.argv, environ, inner.cwd)
    except FileNotFoundError as exc:
        _give_up(opened)
        raise UsageError(f"{program} cannot be started", remedy="name another --shell") from exc
    except BaseException:
        _give_up(opened)
        raise
    return _end(args, inner, opened, hung_up=hung_up) or code


def _give_up(opened: Opened) -> None:
    """Leave nothing of a transaction that never came to be; one that was resumed stays."""
    if opened.transaction.state.changed or opened.resumed:
        opened.lock.release()
    else:
        opened.lock.end()


def _offer(args: argparse.Namespace, app: App) -> str:
    """Ask what is to become of what a shell that has ended left staged; empty where it left none."""
    from stead.cli._terminal import choose
    from stead.pipeline import session
    from stead.pipeline.steps import found_for
    from stead.store import transactions

    place = found_for(app.request(args.environment)).place
    left = transactions.look(app.context.home, place)
    if left is None or left.alive:
        return ""
    directory = transactions.directory_of(app.context.home, place)
    if not (left.operations or session.hands_of(directory, {})):
        return ""
    age = transactions.age(left.owner, app.context.now())
    app.err(f"stead: a shell that has ended (process {left.owner.pid}, {age} ago) left here:")
    _list(app, directory, left.operations)
    answers = {"r": "resume", "d": "discard", "l": "leave"}
    answer = choose("(r)esume, (d)iscard, or (l)eave it as it is?", answers, "leave")
    return "" if answer == "discard" else answer


def _list(app: App, directory: str, operations: Sequence[Operation]) -> None:
    """Say what is staged, and what was edited or changed by hand."""
    from stead.cli._standing import edited_by_hand
    from stead.pipeline import session

    lines = [" ".join(operation.words) for operation in operations]
    for path in edited_by_hand(app, directory):
        done = session.done_to(path)
        lines.append(f"{os.path.relpath(path, app.cwd)} {done} by hand, uncommitted")
    hands = session.hands_of(directory, {})
    lines += [f"{words} by hand, uncommitted" for hand in hands for words in hand.words]
    for line in lines or ["nothing is staged"]:
        app.err(f"  {line}")


def _shell(named: str | None, app: App) -> tuple[str, str]:
    """Choose the kind of the child shell and its program: the one named, the caller's, the user's."""
    environ = app.context.environ
    own = environ.get("SHELL", "")
    windows = os.name == "nt"
    if named:
        candidates = [named]
    else:
        candidates = [_parent(app), own, *(("pwsh",) if windows else ("bash", "zsh", "fish"))]
    for candidate in candidates:
        kind = kind_of(candidate)
        if not kind:
            if named:
                raise UsageError(
                    f"{named!r} is no shell that can be a transaction's",
                    remedy=f"use one of {', '.join(KINDS)}",
                )
            continue
        path = environ.get("PATH")
        program = own if kind_of(own) == kind else shutil.which(kind, path=path) or ""
        if program:
            return kind, program
    raise UsageError(
        f"{named} was not found" if named else "no shell was found",
        remedy=f"install one of {', '.join(KINDS)}, or put it on PATH",
    )


def kind_of(program: str) -> str:
    """Say which shell a program is, by its name: ``-zsh``, ``/bin/bash``, ``pwsh.exe``; else empty."""
    name = os.path.basename(program.replace("\\", "/")).lower().lstrip("-").removesuffix(".exe")
    name = name.rstrip("0123456789.-")
    name = _OTHER_NAMES.get(name, name)
    return name if name in KINDS else ""


def _parent(app: App) -> str:
    """Name the program that called: of a script that hands over, its own caller."""
    pid = os.getppid()
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        pass
    if os.name == "nt":
        return ""
    try:
        done = app.context.run(["ps", "-o", "comm=", "-p", str(pid)])
    except SteadError:
        return ""
    return done.stdout.strip()


def _prepared(
    app: App, transaction: Transaction, kind: str, program: str
) -> tuple[Start, Mapping[str, str]]:
    """Make the environment, and all that the shell needs to start."""
    from stead.cli.app import program as stead
    from stead.formats import known
    from stead.pipeline import prompt, session
    from stead.shells.hook_record import hook_record
    from stead.shells.state import undo

    activation = app.activation()
    prompt.template(kind).render(hook_record(activation, ""), "")  # says what it cannot set
    environ = {**undo(app.context.environ), "PWD": app.cwd}
    start = session.prepare(
        transaction.directory,
        kind,
        name=os.path.basename(transaction.place),
        home=str(app.context.home),
        program=(program, os.path.abspath(stead())),
        names=known.NAMES,
        owner=os.getpid(),
        files=transaction.state.base,
        environ=environ,
    )
    return start, {**environ, **start.environ}


def _greet(app: App, opened: Opened) -> None:
    transaction = opened.transaction
    app.err(
        f"stead: changes to {transaction.place} are staged from here on: "
        "`stead commit` makes them its own, `stead abort` drops them"
    )
    if opened.resumed:
        _list(app, transaction.directory, transaction.state.operations)


def _end(args: argparse.Namespace, app: App, opened: Opened, *, hung_up: bool) -> int:
    """Ask what becomes of what is staged; gives an exit code, 0 where the shell's own counts."""
    from stead.cli._terminal import choose
    from stead.pipeline import session

    transaction = opened.transaction
    try:
        state = transaction.state
    except SteadError:
        opened.lock.release()
        raise
    if hung_up and (state.changed or session.load(transaction.directory).hands):
        opened.lock.release()
        return 0
    if not state.changed:
        _say_lost(app, transaction.directory)
        opened.lock.end()
        return 0
    app.err("stead: staged and not committed:")
    _list(app, transaction.directory, state.operations)
    answers = {"s": "show", "c": "commit", "d": "discard", "k": "keep"}
    answer = "show"
    while answer == "show":
        answer = choose("(s)how, (c)ommit, (d)iscard, or (k)eep for later?", answers, "keep")
        if answer == "show":
            _show(app, transaction)
    if answer == "keep":
        opened.lock.release()
        app.err("stead: kept: `stead shell --resume` goes on with it")
        return 0
    _say_lost(app, transaction.directory)
    if answer == "discard":
        from stead.cli.shell import drop

        drop(app, opened)
        return 0
    return _commit(args, app, opened)


def _say_lost(app: App, directory: str) -> None:
    """Name what was changed by hand and ends with the shell."""
    from stead.pipeline import session

    words = [w for hand in session.hands_of(directory, {}) for w in hand.words]
    if words:
        app.err(
            f"stead: by hand, gone with this shell: {', '.join(words)} "
            "(`stead keep NAME` before leaving would have kept it)"
        )


def _show(app: App, transaction: Transaction) -> None:
    """Print what a commit would change; what hinders that is told, and the question stays."""
    from stead.cli.log import difference_lines
    from stead.cli.nearby import visible
    from stead.history.committing import difference

    try:
        found = difference(transaction, app.request(), app.context)
    except SteadError as exc:
        app.err(f"stead: {exc}")
        return
    for line in difference_lines(found) or ["no difference"]:
        app.err(visible(line))


def _commit(args: argparse.Namespace, app: App, opened: Opened) -> int:
    from stead.cli.commit import perform, told
    from stead.cli.shell import leave

    try:
        done = perform(replace(app, reason=args.reason or app.reason), opened.transaction)
    except SteadError as exc:
        leave(opened, exc)
        raise
    except BaseException:
        opened.lock.release()
        raise
    for line in told(app, done):
        app.err(f"stead: {line}")
    opened.lock.end()
    return 0
