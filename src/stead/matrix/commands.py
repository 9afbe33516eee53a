"""What a cell does: the commands of an environment, by tox's rules.

``before``, ``commands`` and ``after`` run in this order, and ``after`` always. A
command that fails ends its list, unless failing is of no consequence for it or for
all of them; the first failure is the cell's.
"""

from __future__ import annotations

import os
import re
import sys
import time

from stead.matrix.output import MOST_LOG, Log
from stead.matrix.process import Patience, Session
from stead.pipeline import guard
from stead.shells.state import undo
from stead.values.activation import DEFAULT_PATH, apply
from stead.values.errors import TaskError
from stead.values.frozen import dataclass, replace
from stead.values.patterns import regex
from stead.values.suite import CommandResult, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.matrix.process import Ended
    from stead.matrix.running import Turn
    from stead.values.origin import Origin
    from stead.values.suite import Ready, Status, Work
    from stead.values.testenv import TestCommand

NOT_FOUND = 127
NOT_EXECUTABLE = 126

JOBS = "STEAD_JOBS"
"""The variable that says how many processes a cell may use."""
_WORKERS = ("PYTEST_XDIST_AUTO_NUM_WORKERS", "CMAKE_BUILD_PARALLEL_LEVEL", "CARGO_BUILD_JOBS")
"""Variables by which programs that would use all cores are told of the share."""
_JOBS = "{jobs}"
_PASSWORD = regex(r"(://[^/\s:@]*):[^/\s@]+@")


@dataclass(frozen=True)
class Terms:
    """Where and with what a cell's commands run, besides its own work.

    ``caller`` are the variables of who runs Stead. ``log`` is the file of the output.
    ``columns`` and ``rows`` are the terminal's size, 0 where there is none. ``shared``
    says that other cells run meanwhile. ``variables`` are further ones, over which the
    environment's own take precedence (``TOX_PACKAGE``). ``asks`` says that commands may
    read from standard input: a person is there, and nothing else runs. ``most_log`` bytes of output
    are kept, and no more.
    """

    caller: Mapping[str, str]
    log: str
    columns: int = 0
    rows: int = 0
    colour: bool = False
    shared: bool = False
    asks: bool = False
    variables: tuple[tuple[str, str], ...] = ()
    most_log: int = MOST_LOG


def run(work: Work, ready: Ready, terms: Terms, turn: Turn) -> Result:
    """Run a cell's commands in its environment.

    Lines of output and the commands that begin are said through ``turn``. Nothing
    that the commands started is left running. Raises StoreError where the log or a
    directory cannot be written.
    """
    from stead.store.atomic import storage

    begun = time.monotonic()
    directory = work.directory or os.getcwd()
    with storage(directory):
        os.makedirs(directory, exist_ok=True)
    with storage(terms.log):
        log = Log(terms.log, terms.most_log, append=turn.attempt > 1)
    try:
        with Session(
            log,
            turn.line,
            turn.stop,
            mark=_mark(terms.caller),
            patience=_patience(work),
            asks=terms.asks,
            hidden=ready.hidden,
        ) as session:
            cell = _Cell(work, ready, terms, turn, session, log=log, directory=directory)
            cell.run()
        notes = _notes(session, log)
    finally:
        log.close()
    for note in notes:
        turn.line(note)
    if session.fault is not None:
        raise session.fault
    return Result(
        job=turn.job,
        kind="cell",
        status=cell.status,
        seconds=time.monotonic() - begun,
        reason=cell.reason,
        log=terms.log,
        attempts=max(turn.attempt, cell.attempts),
        commands=tuple(cell.done),
        ignored=work.ignore_outcome and cell.status in ("failed", "timeout"),
    )


def environment(work: Work, ready: Ready, terms: Terms, share: int = 1) -> dict[str, str]:
    """Give the variables of a cell's commands.

    Of the caller's, those whose names fit (in any case of letters, as tox has it),
    as they were before a hook changed them; over them what the environment's
    activation and the work set. The environment's programs are found first, even
    where the work sets ``PATH``.
    """
    caller = undo(terms.caller)
    result = passed(caller, work.pass_env, work.disallow_pass_env)
    given = caller.get("PATH") or (DEFAULT_PATH if os.name != "nt" else "")
    result["PATH"] = _path(ready.programs, given)
    result.update(terms.variables)
    if "PWD" in result:
        result["PWD"] = work.directory
    result = apply(ready.changes, result)
    own = {name: value.replace(_JOBS, str(share)) for name, value in work.set_env}
    result.update(own)
    if "PATH" in own:
        result["PATH"] = _path(ready.programs, own["PATH"])
    if terms.colour:
        result.setdefault("PY_COLORS", "1")
    for name, size in (("COLUMNS", terms.columns), ("LINES", terms.rows)):
        if size:
            result.setdefault(name, str(size))
    result[JOBS] = str(share)
    for name in _WORKERS if terms.shared else ():
        result.setdefault(name, str(share))
    return result


def passed(
    caller: Mapping[str, str], patterns: Sequence[str], refused: Sequence[str] = ()
) -> dict[str, str]:
    """Give the variables whose names fit one of ``patterns`` and none of ``refused``."""
    wanted, unwanted = _any_of(patterns), _any_of(refused)
    return {n: v for n, v in caller.items() if wanted(n) and not unwanted(n)}


def program(
    name: str,
    ready: Ready,
    path: str,
    directory: str,
    allowed: Sequence[str] | None,
    *,
    where: Origin | None = None,
) -> str:
    """Find the program that a command names; empty where there is none.

    It is looked for on ``path``, or from ``directory`` where the name has a
    separator. Raises TaskError where it lies outside the environment and fits no
    pattern of ``allowed`` by its name or its path; ``where`` is the command's place.
    """
    lookup = os.path.join(directory, name) if os.sep in name else name
    # What stands on PATH relative to a directory means the command's, not ours.
    places = os.pathsep.join(os.path.join(directory, part) for part in path.split(os.pathsep))
    found = _which(lookup, places)
    if found is None:
        return ""
    if allowed is None or "*" in allowed:
        return found
    if any(found.startswith(own + os.sep) for own in ready.programs):
        return found
    from fnmatch import fnmatch

    if any(fnmatch(name, pattern) or fnmatch(found, pattern) for pattern in allowed):
        return found
    raise TaskError(
        f"{name} ({found}) is not of this environment, and not allowed",
        where=where,
        remedy=f"add {name} to allowlist_externals, or install it into the environment",
    )


def _place(command: TestCommand) -> Origin | None:
    return command.origin if command.origin.file else None


def _which(name: str, path: str) -> str | None:
    """Do what :func:`shutil.which` does, without what else that module loads."""
    if sys.platform == "win32":
        import shutil

        return shutil.which(name, path=path)
    inner = path.split(os.pathsep) if path else []
    candidates = [name] if os.path.dirname(name) else [os.path.join(d, name) for d in inner]
    return next((c for c in candidates if os.access(c, os.X_OK) and not os.path.isdir(c)), None)


def shown(arguments: Iterable[str]) -> str:
    """Write a command as one would type it; passwords in addresses are left out."""
    if sys.platform == "win32":
        import subprocess

        text = subprocess.list2cmdline(list(arguments))
    else:
        import shlex

        text = shlex.join(arguments)
    return _PASSWORD.sub(r"\1:***@", text) if "://" in text else text


class _Cell:
    """One attempt: what has been done, and what came of it."""

    def __init__(
        self,
        work: Work,
        ready: Ready,
        terms: Terms,
        turn: Turn,
        session: Session,
        *,
        log: Log,
        directory: str,
    ) -> None:
        self._work, self._ready, self._turn = work, ready, turn
        self._session, self._log, self._directory = session, log, directory
        self._share = turn.share
        self._environ = environment(work, ready, terms, turn.share)
        self._until = time.monotonic() + work.timeout if work.timeout else None
        self.done: list[CommandResult] = []
        self.status: Status = "passed"
        self.reason = ""
        self.attempts = 1

    def run(self) -> None:
        work = self._work
        try:
            if self._all(work.before) or (work.ignore_errors and self.status == "failed"):
                self._all(work.commands)
        except TaskError as exc:
            self._refused(exc)
        # Whatever came before, unless a person wants it to be over.
        level = self._turn.stop.level
        if level == 0 or (level == 1 and work.after_interrupt):
            if work.timeout:
                self._until = time.monotonic() + work.timeout
            try:
                self._all(work.after, heedless=level)
            except TaskError as exc:
                self._refused(exc)
        if self.status == "passed" and self.attempts > 1:
            self.status, self.reason = "flaky", "a command passed only when it was tried again"

    def _all(self, commands: Sequence[TestCommand], heedless: int = 0) -> bool:
        """Run a list; says whether all of it passed."""
        well = True
        for command in commands:
            if self._turn.stop.level > heedless:
                self._interrupted()
                return False
            if not self._one(command, heedless):
                well = False
                if not self._work.ignore_errors or self.status != "failed":
                    return False
        return well

    def _one(self, command: TestCommand, heedless: int) -> bool:
        arguments = tuple(a.replace(_JOBS, str(self._share)) for a in command.arguments)
        tries = 1 if command.ignore_failure else self._work.command_retries + 1
        why = ""
        for attempt in range(1, tries + 1):
            ended, started = self._execute(replace(command, arguments=arguments), heedless)
            failed = not started or (ended.code == 0) == command.expect_failure
            cut = ended.stopped or ended.late
            self.done.append(
                CommandResult(
                    arguments,
                    ended.code,
                    ended.seconds,
                    ignored=failed and command.ignore_failure and not cut,
                )
            )
            if ended.stopped:
                self._interrupted()
                return False
            if ended.late:
                why = f"not done after {self._work.timeout:g} s"
                self._note(why)
                self._fail("timeout", why)
                return False
            if not failed:
                self.attempts = max(self.attempts, attempt)
                return True
            why = _why(arguments[0], ended.code, expected=command.expect_failure)
            if command.ignore_failure:
                self._note(f"{why}, which is of no consequence")
                return True
            again = attempt < tries
            self._note(f"{why} (attempt {attempt} of {tries}), trying again" if again else why)
        self._fail("failed", why)
        return False

    def _execute(self, command: TestCommand, heedless: int) -> tuple[Ended, bool]:
        """Run a command; says how it ended and whether it began."""
        from stead.matrix.process import Ended

        arguments = command.arguments
        text = shown(arguments)
        self._turn.step(text)
        self._log.line(f"$ {text}")
        name, path = arguments[0], self._environ["PATH"]
        found = program(
            name,
            self._ready,
            path,
            self._directory,
            self._work.allowlist,
            where=_place(command),
        )
        if not found:
            self._error(
                f"{name} is neither in the environment nor on PATH",
                command,
                "install what brings it, or correct its name",
            )
            return Ended(NOT_FOUND, 0.0), False
        try:
            ended = self._session.run(
                [found, *arguments[1:]],
                cwd=self._directory,
                environ=self._environ,
                until=self._until,
                heedless=heedless,
            )
        except (OSError, ValueError) as exc:  # not to be executed; a NUL in an argument
            reason = (exc.strerror if isinstance(exc, OSError) else "") or str(exc)
            self._error(f"{found}: cannot be started: {reason}", command)
            return Ended(NOT_EXECUTABLE, 0.0), False
        return ended, True

    def _note(self, text: str) -> None:
        self._log.line(text)
        self._turn.line(text)

    def _error(self, message: str, command: TestCommand, remedy: str = "") -> None:
        """Say what hinders a command, and where it stands."""
        for line in str(TaskError(message, where=_place(command), remedy=remedy)).splitlines():
            self._note(line)

    def _refused(self, error: TaskError) -> None:
        for line in str(error).splitlines():
            self._note(line)
        self._fail("failed", error.message)

    def _fail(self, status: Status, reason: str) -> None:
        """Keep the first failure."""
        if self.status == "passed":
            self.status, self.reason = status, reason

    def _interrupted(self) -> None:
        self.status, self.reason = "interrupted", "stopped"


def _why(name: str, code: int, *, expected: bool) -> str:
    base = os.path.basename(name)
    if expected and code == 0:
        return f"{base} was to fail and did not"
    if code < 0:
        import signal

        try:
            return f"{base} was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"{base} was ended by signal {-code}"
    return {
        NOT_FOUND: f"{base} was not found",
        NOT_EXECUTABLE: f"{base} cannot be executed",
    }.get(code, f"{base} ended with {code}")


def _notes(session: Session, log: Log) -> list[str]:
    notes = []
    if session.left_behind:
        notes.append(f"processes left behind have been ended: {session.left_behind}")
    for note in notes:
        log.line(note)
    if log.fault:
        notes.append(f"{log.path} is not complete: {log.fault}")
    return notes


def _path(programs: Sequence[str], rest: str) -> str:
    return os.pathsep.join(dict.fromkeys([*programs, *rest.split(os.pathsep)]))


def _mark(caller: Mapping[str, str]) -> str:
    """Give a mark that no other cell has, behind that of this process."""
    own = os.urandom(8).hex()
    return f"{guard.mark(caller)}/{own}"


def _patience(work: Work) -> Patience:
    return Patience(work.suicide_timeout, work.interrupt_timeout, work.terminate_timeout)


def _any_of(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Give a test for names that fit a pattern, whatever their case of letters."""
    if "*" in patterns:
        return lambda _: True
    plain = {p.casefold() for p in patterns if not any(c in p for c in "*?[")}
    others = [p for p in patterns if any(c in p for c in "*?[")]
    if not others:
        return lambda name: name.casefold() in plain
    from fnmatch import translate

    fits = re.compile("|".join(map(translate, others)), re.IGNORECASE).match
    return lambda name: name.casefold() in plain or fits(name) is not None
