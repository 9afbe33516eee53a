"""What every command gets: the world, and the steps called with it."""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property

from stead.shells.state import TRANSACTION
from stead.values.digest import plain
from stead.values.errors import NoPlaceError, SteadError, UsageError
from stead.values.frozen import dataclass, field, replace
from stead.values.names import DEFAULT, is_environment_name
from stead.values.platform import platform_named
from stead.values.selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from stead.history.ahead import Make
    from stead.history.inside import Over
    from stead.history.transaction import Transaction
    from stead.history.who import Cause
    from stead.pipeline.prompt import Evaluation
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed, Prepared
    from stead.pipeline.transaction import Staging
    from stead.store.generations import History
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.platform import Platform
    from stead.values.spec import Spec
    from stead.values.table import Table

    T = TypeVar("T")


@dataclass(frozen=True)
class App:
    """One invocation of the command line.

    ``cwd`` is the directory asked about, as the user's shell names it.
    """

    context: Context
    cwd: str
    platform: Platform
    locked: bool = False
    released: bool = False
    """No working copies of modules either: what ``--locked`` means where a user says it."""
    target: str = ""
    """Another platform to speak about, by name."""
    selection: Selection = field(default_factory=Selection)
    strict: bool = False
    words: tuple[str, ...] = ()
    """The command and what followed it."""
    reason: str = ""

    def request(self, environment: str | None = None) -> Request:
        """Describe the wanted environment, with what is staged; None means the default one.

        Raises ManifestError where what is staged and what the place has contradict each other.
        """
        inside, plain = self.transaction, self.request_of_place(environment)
        overlay = inside.overlay() if inside else {}
        return replace(plain, overlay=overlay, staging=self._staging)

    @property
    def directory(self) -> str:
        """The directory asked about, by the name that a transaction's place has for it."""
        inside = self.transaction
        return inside.named(self.cwd) if inside else self.cwd

    @property
    def user_home(self) -> str:
        return _user_home()

    def request_of_place(self, environment: str | None = None) -> Request:
        """Describe the wanted environment as the place has it, whatever is staged."""
        from stead.pipeline.request import Request

        return Request(
            directory=self.directory,
            environment=self.environment(environment),
            platform=platform_named(self.target) if self.target else self.platform,
            here=self.platform,
            user_home=self.user_home,
            locked=self.locked,
            released=self.released,
            selection=self.selection,
            strict=self.strict,
            named=bool(environment),
            noting=self._noting(environment),
        )

    def changing(self, layer: str) -> Request:
        """Describe the environment whose manifest is to be changed, in a layer if one is named."""
        return replace(self.request(), noting=self._noting(layer or None))

    def _noting(self, environment: str | None) -> Callable[[], Mapping[str, bytes]]:
        def noting() -> Mapping[str, bytes]:
            from stead.history.record import note

            return note(self.request_of_place(environment), self.context, self.cause)

        return noting

    def environment(self, name: str | None) -> str:
        """Choose an environment: the one named, else that of the transaction this is in,
        else ``$STEAD_ENVIRONMENT``, else the default.
        """
        chosen = name or (self.transaction.environment if self.transaction else "")
        chosen = chosen or self.context.environ.get("STEAD_ENVIRONMENT") or DEFAULT
        if not is_environment_name(chosen):
            raise UsageError(
                f"{chosen!r} cannot name an environment",
                remedy="use letters, digits, `.`, `_` and `-`, starting with a letter or digit",
            )
        return chosen

    def composed(self, environment: str | None = None, *, fetch: bool = False) -> Composed:
        """Do discover and compose."""
        from stead.pipeline.steps import composed_for

        return composed_for(self.request(environment), self.context, fetch=fetch)

    def steadily(self, look: Callable[[], T]) -> T:
        """Give what ``look`` gives, with manifests and lock as one change left both."""
        from stead.store.journal import read_steadily
        from stead.store.layout import Layout

        note = self.context.progress.note
        return read_steadily(Layout(self.context.home), look, note, finish=False)

    def spec(self, environment: str | None = None) -> Spec:
        return self.composed(environment).spec

    def activation(self, environment: str | None = None) -> Activation:
        """Do every step, building if need be, and keep the record of the place."""
        return self.prepared(environment).activation

    def prepared(self, environment: str | None = None) -> Prepared:
        """Do every step, and give what each of them gave; what is new is recorded.

        In a transaction nothing of the place is: its shell gets what is staged.
        """
        if self.transaction:
            return self._staged(environment)
        from stead.history.record import record
        from stead.pipeline.keep import prepared

        done = prepared(self.request(environment), self.context)
        record(done.composed, done.table, done.activation.build, self.context, self.cause)
        return done

    @property
    def transaction(self) -> Transaction | None:
        """The transaction that this command is in: its shell's, and about its place."""
        inside = self._staging
        if inside is None:  # nearly always, and then nothing of transactions need be loaded
            return None
        from stead.history.inside import Over

        return None if isinstance(inside, Over) else inside

    def inside(self) -> Transaction:
        """Give the transaction that this command is in. Raises UsageError outside of one."""
        from stead.history.inside import Over

        inside = self._staging
        if isinstance(inside, Over):
            raise inside.error()
        if inside is None:
            raise self._outside()
        return inside

    def refuse_inside(self, command: str) -> None:
        """Raise UsageError inside a transaction, for a command that takes effect at once."""
        if self.transaction:
            raise UsageError(
                "this shell is in a transaction already"
                if command == "shell"
                else f"`stead {command}` takes effect at once, and a transaction could not drop it",
                where=self.transaction.place,
                remedy="`stead commit` or `stead abort` first, and leave the shell",
            )

    def _outside(self) -> UsageError:
        from stead.history.inside import place_of

        directory = self.context.environ.get(TRANSACTION, "")
        place = place_of(directory, os.fspath(self.context.home)) if directory else ""
        if place:
            return UsageError(
                "this is not the place of this shell's transaction",
                where=self.cwd,
                remedy=f"change to {place}",
            )
        return UsageError(
            "this is no transaction",
            where=self.cwd,
            remedy="`stead shell` begins one; `commit`, `abort`, `savepoint` and "
            "`rollback to` are for inside it",
        )

    @cached_property
    def _staging(self) -> Transaction | Over | None:
        directory = self.context.environ.get(TRANSACTION)
        if not directory:
            return None
        from stead.history.inside import transaction_of

        return transaction_of(
            directory, self.cwd, self.context, self.cause.command, user_home=_user_home()
        )

    def _staged(self, environment: str | None) -> Prepared:
        from stead.history.transaction import refresh
        from stead.pipeline.steps import prepare

        transaction = self.transaction
        assert transaction is not None
        if self.selection != Selection():
            return prepare(self.request(environment), self.context)
        if self.environment(environment) != transaction.environment:
            done = prepare(self.request(environment), self.context)
            refresh(transaction, self.request(), self.context)
            return done
        return refresh(transaction, self.request(environment), self.context)

    def staged(self) -> None:
        """Make what this command has staged, for the transaction's shell; outside of one, nothing.

        What hinders that is told: the command has done what it was asked for.
        """
        if self.transaction:
            try:
                self._staged(None)
            except SteadError as exc:
                self.err(f"stead: staged, but not in effect yet: {exc}")

    def interrupted(self) -> None:
        """Unstage what this command has staged in a transaction, and say so; the signal goes on."""
        transaction = self.transaction
        if transaction is None or not transaction.staged_by_me:
            return
        if transaction.take_back():
            if transaction.in_effect:
                self.staged()
            self.err("stead: nothing of this command is staged")
        else:
            self.err("stead: what this command had staged stays: more was staged after it")

    def written(self, file: str) -> str:
        """Say what became of a file: changed, or in a transaction only staged."""
        name = os.path.relpath(file, self.cwd)
        return f"staged in {name}" if self.transaction else f"changed {name}"

    @property
    def cause(self) -> Cause:
        """Say for the history what is being done, and why."""
        from stead.history.who import Cause, words_to_keep

        return Cause(words_to_keep(self.words), self.reason)

    def history(self, environment: str | None = None, *, shared: bool = False) -> History:
        """Give the history of an environment of the place that this directory belongs to.

        What an interrupted command has left is finished and recorded first. With ``shared``,
        the place may be one that only others have.
        """
        from stead.history.find import finish, history_of

        wanted = self.environment(environment)
        request = self.request_of_place(environment)
        history = history_of(
            self.cwd, wanted, self.context, user_home=request.user_home, shared=shared
        )
        return finish(history, request, self.context)

    def no_place(self, error: NoPlaceError) -> NoPlaceError:
        """Say of a directory without manifests how those come back that it had."""
        from stead.history.find import brought_back

        wanted = self.environment(None)
        found = brought_back(self.cwd, wanted, self.context, user_home=_user_home())
        if found and self.transaction:
            found = "`stead abort` puts back what the place had"
        return NoPlaceError(error.message, where=error.where, remedy=found) if found else error

    def maker(self, environment: str | None = None) -> Make:
        """Give what does every step for files as they would be, and writes and records nothing."""

        def make(overlay: Mapping[str, str | None], staging: Staging) -> Prepared:
            from stead.pipeline.steps import prepare

            request = self.request_of_place(environment)
            return prepare(replace(request, overlay=overlay, staging=staging), self.context)

        return make

    def record_edits(self, environment: str | None = None) -> None:
        """Record what was edited by hand before this command, which is about to change more.

        To the letter: to undo the command must not take back a comment with it.
        """
        if self.transaction:
            return
        from stead.history.record import record_request
        from stead.history.who import Cause

        record_request(self.request(environment), self.context, Cause(), letters=True)

    def record_change(self, environment: str | None = None) -> None:
        """Record what this command has changed without building."""
        if self.transaction:
            self.staged()
            return
        from stead.history.record import record_request

        record_request(self.request(environment), self.context, self.cause)

    def render(self, place: str, environment: str | None = None) -> None:
        """Render the files of an environment of a place anew, if its tree has them.

        What hinders that is told: the command has done what it was asked for.
        """
        from stead.store._links import known_files

        name = self.environment(environment)
        there = known_files(os.fspath(self.context.home), place).values()
        if not any(noted["environment"] == name for noted in there):
            return
        from stead.pipeline.keep import place_again

        try:
            place_again(self.request_of_place(environment), self.context)
        except SteadError as exc:
            self.err(f"stead: rendered files stay as they are: {exc}")

    def table(self, environment: str | None = None) -> Table:
        """Compute the table of variables, with all that is wrong in it. Fetches modules."""
        from stead.pipeline.steps import configured

        return self.steadily(
            lambda: configured(self.composed(environment, fetch=True), self.context)
        )

    def evaluate(self, environment: str | None = None) -> Evaluation:
        """Say how this directory's environment stands, for the prompt."""
        from stead.pipeline.evaluate import evaluate

        return evaluate(self.request(environment), self.context)

    def participants(self, spec: Spec) -> tuple[str, ...]:
        """List the files whose content trust is about."""
        from stead.pipeline.keep import participants

        return participants(spec)

    def launcher_command(self, environment: str | None = None) -> list[str]:
        """Give the argument list that runs a command in an environment from anywhere."""
        place = self.composed(environment).spec.place
        return [program(), "-C", place, "run", "-e", self.environment(environment), "--"]

    def out(self, text: str = "") -> None:
        print(text)

    def out_json(self, value: Any) -> None:
        print(json.dumps(plain(value), indent=2, ensure_ascii=False))

    def err(self, text: str) -> None:
        sys.stdout.flush()  # where both go to one file, the order is that of a terminal
        print(text, file=sys.stderr)

    @cached_property
    def interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()


def _user_home() -> str:
    return os.path.realpath(os.path.expanduser("~"))


def program() -> str:
    """Give the path of the ``stead`` program of this installation."""
    beside = os.path.join(os.path.dirname(sys.executable), "stead")
    return beside if os.path.exists(beside) else "stead"
