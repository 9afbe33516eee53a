"""Running a script inside a transaction, with a shell that picks up what is staged."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

from stead.shells import script
from stead.shells.quote import posix
from stead.shells.state import undo
from stead.store.transactions import DIRECTORY
from stead.values.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.cli.app import App
    from stead.history.transaction import Transaction

_SOURCED = ("sh", "dash", "ash", "ksh", "ksh93", "mksh", "zsh")
"""Shells that read the preamble because their script is sourced after it."""
_BY_ENDING = {".bash": "bash", ".zsh": "zsh", ".ksh": "ksh", ".fish": "fish", ".py": "python",
              ".ps1": "pwsh"}  # fmt: skip


_PREAMBLE = ("shell", "preamble.sh")
"""Where the preamble lies in a transaction's directory."""


def run_script(
    app: App, transaction: Transaction, text: str | None, words: Sequence[str], *, inline: bool
) -> int:
    """Run a text, or the file that ``words`` begin with; gives its exit code.

    ``inline``: the text came with -c, and all the words are its arguments. A signal
    that asked for an end makes the code 128 plus its number, whatever the script
    made of it. Raises what making the environment raises, TaskError and UsageError.
    """
    from stead.cli.app import program
    from stead.pipeline.run import Command, run_child
    from stead.pipeline.transaction import turn
    from stead.store.atomic import write_file

    activation = app.activation()
    directory = transaction.directory
    preamble = os.path.join(directory, *_PREAMBLE)
    write_file(preamble, script.preamble(program()).encode("utf-8", "surrogateescape"), 0o600)
    before = undo(app.context.environ)
    environ = script.environment(activation.changes, before)
    environ |= {script.TURN: str(turn(directory)), "PWD": app.cwd, "BASH_ENV": preamble}
    environ.pop("STEAD_BASH_ENV", None)
    own = before.get("BASH_ENV", "")
    if _is_preamble(own):  # a script of another transaction called: its caller's is behind that
        own = before.get("STEAD_BASH_ENV", "")
    if own:
        environ["STEAD_BASH_ENV"] = own
    kind = _kind(environ)
    if inline:
        assert text is not None
        told = text if kind.endswith("bash") else f". {posix(preamble)}; {text}"
        argv = [kind, "-c", told, "stead", *words]
    elif text is not None:
        file = os.path.join(directory, "shell", "stdin")
        write_file(file, text.encode("utf-8", "surrogateescape"), 0o600)
        argv = _sourcing([kind], preamble, file, words)
    else:
        argv = _file(os.path.join(app.cwd, words[0]), words[1:], preamble)
    heard: list[int] = []
    code = run_child(Command(tuple(argv), app.cwd, environ, activation), heard)
    return 128 + heard[-1] if heard and heard[-1] in _ENDING else code


_ENDING = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


def _is_preamble(path: str) -> bool:
    return path.endswith(os.path.join(DIRECTORY, *_PREAMBLE))


def _kind(environ: Mapping[str, str]) -> str:
    """Choose the shell for a text: the user's own if it is bash, else sh."""
    own = environ.get("SHELL", "")
    if os.path.basename(own) == "bash" and os.access(own, os.X_OK):
        return own
    return shutil.which("sh", path=environ.get("PATH")) or "sh"


def _file(path: str, arguments: Sequence[str], preamble: str) -> list[str]:
    """Give the command that runs a script by its `#!` line, else its ending, else with sh."""
    path = os.path.normpath(path)
    if not os.path.isfile(path):
        raise UsageError(f"there is no script {path}", remedy="name a file, or give -c SCRIPT")
    with open(path, "rb") as file:
        line = file.readline(4096)
    if line.startswith(b"#!"):
        interpreter = os.fsdecode(line[2:].strip()).split()
        if os.path.basename(interpreter[0]) == "env":
            interpreter = [w for w in interpreter[1:] if w != "-S"] or ["sh"]
    else:
        interpreter = [_BY_ENDING.get(os.path.splitext(path)[1].lower(), "sh")]
    return _sourcing(interpreter, preamble, path, arguments)


def _sourcing(
    interpreter: Sequence[str], preamble: str, path: str, arguments: Sequence[str]
) -> list[str]:
    # bash reads the preamble by itself: $BASH_ENV names it.
    named = [os.path.basename(word) for word in interpreter]
    if named[0] in _SOURCED or (named[0] == "busybox" and named[1:2] and named[1] in _SOURCED):
        return [*interpreter, "-c", f'. {posix(preamble)}; . "$0"', path, *arguments]
    return [*interpreter, path, *arguments]
