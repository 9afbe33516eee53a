"""Commands: what version a program has, and checks that people write themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.checks import bounds
from stead.config.checks.answer import Answer
from stead.config.checks.bounds import MistakeError
from stead.values.errors import SteadError
from stead.values.patterns import regex

if TYPE_CHECKING:
    from stead.config.checks.answer import World
    from stead.values.context import Completed
    from stead.values.kinds import Check

MOST = 4_000_000
"""Characters that a command may say; one that says more is ended."""

_LINES = 5
_LONGEST = 300
_CONTROL = regex(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def find(check: Check, world: World) -> str:
    """Give the absolute path of a check's program, as the process would find it; empty for none."""
    import shutil

    name = check.arguments[0]
    if os.path.dirname(name):
        path = os.path.normpath(os.path.join(check.base or os.sep, name))
        return path if os.path.isfile(path) and os.access(path, os.X_OK) else ""
    found = shutil.which(name, path=world.environ.get("PATH", os.defpath))
    return os.path.abspath(found) if found else ""


def command(check: Check, world: World, seconds: float) -> Answer:
    """See whether a program is there, and which version it says it has.

    One word that has to be of some version is asked with ``--version``; without
    bounds on it, a word alone need only be there.
    """
    name = check.arguments[0]
    program = find(check, world)
    if not program:
        return _not_there(name, check)
    if not check.expect and len(check.arguments) == 1:
        return Answer(True, f"{name} is {program}")
    wanted = bounds.versions(check.expect) if check.expect else None
    arguments = check.arguments[1:] or ("--version",)
    said = _run(program, arguments, check, world, seconds)
    if isinstance(said, Answer):
        return said
    if said.returncode != 0:
        return _failed(check, said)
    if wanted is None:
        return Answer(True, f"{' '.join(check.arguments)} ended well")
    version = bounds.version_in(said.stdout) or bounds.version_in(said.stderr)
    if not version:
        return Answer(
            False,
            f"{name} does not say which version it is, and {check.expect} is needed",
            "name the arguments with which it says so",
        )
    if bounds.fits(version, wanted):
        return Answer(True, f"{name} is {version}")
    return Answer(
        False,
        f"{name} is {version}, and {check.expect} is needed ({program})",
        f"install {name} {check.expect}",
    )


def run(check: Check, world: World, seconds: float) -> Answer:
    """Run a check that somebody wrote: it holds where the command ends with 0."""
    program = find(check, world)
    if not program:
        return _not_there(check.arguments[0], check)
    said = _run(program, check.arguments[1:], check, world, seconds)
    if isinstance(said, Answer):
        return said
    if said.returncode != 0:
        return _failed(check, said)
    return Answer(True, f"{_shown(check)} ended with 0")


def require(check: Check) -> None:
    """Raise MistakeError if a check names no command."""
    if not check.arguments or not check.arguments[0]:
        raise MistakeError("it names no command")
    if any("\0" in word for word in check.arguments):
        raise MistakeError("its command holds a NUL character")


def _run(
    program: str, arguments: tuple[str, ...], check: Check, world: World, seconds: float
) -> Completed | Answer:
    try:
        said = world.run(
            [program, *arguments],
            cwd=check.base or None,
            env=world.environ,
            timeout=seconds,
            most_output=MOST,
        )
    except TimeoutError:
        return Answer(
            False,
            f"{_shown(check)}, or what it started, did not end within {seconds:g} s",
            "see what it waits for, or give it more `timeout`",
        )
    except SteadError as exc:
        return Answer(False, exc.message, exc.remedy)
    if max(len(said.stdout), len(said.stderr)) > MOST:
        return Answer(
            False, f"{_shown(check)} says too much", "let it say what is wrong, in a few lines"
        )
    return said


def _failed(check: Check, said: Completed) -> Answer:
    code = said.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return Answer(
        False, f"{_shown(check)} {how}", "run it yourself to see what it wants", _last(said)
    )


def _not_there(name: str, check: Check) -> Answer:
    where = check.base if os.path.dirname(name) else "PATH"
    return Answer(
        False,
        f"the program {name} is not there ({where})",
        f"install {name}" if where == "PATH" else "write it, make it executable, or correct it",
    )


def _shown(check: Check) -> str:
    import shlex

    return _cut(shlex.join(check.arguments))


def _last(said: Completed) -> tuple[str, ...]:
    """Give the last lines of what a command said, on standard error if it said something there."""
    text = said.stderr if said.stderr.strip() else said.stdout
    lines = [_CONTROL.sub("", line.expandtabs()).rstrip() for line in text.splitlines()]
    return tuple([line for line in lines if line][-_LINES:])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
