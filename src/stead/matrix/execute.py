"""A plan carried out: packages made, environments made ready, commands run.

Each build is a job, and each cell is one: it makes its environment ready and runs its
commands there. What is needed by several is made by the first that comes to it.
"""

from __future__ import annotations

import os
import threading
import time

from stead.matrix import (
    built_in,
    commands,
    compiled,
    contents,
    describe,
    products,
    results,
    scheduler,
)
from stead.matrix.commands import Terms
from stead.matrix.fitting import unfit
from stead.matrix.making import Seen
from stead.matrix.running import Job
from stead.values.digest import short_key
from stead.values.errors import StoreError, TaskError
from stead.values.frozen import dataclass, field, replace
from stead.values.patterns import regex
from stead.values.suite import Event, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.matrix.limits import Limits
    from stead.matrix.plan import Build, Cell, Plan
    from stead.matrix.results import Results
    from stead.matrix.running import Stop, Turn
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Environment, Product, Ready, Suite

    Emit = Callable[[Event], None]


_BETWEEN = 5.0
"""Seconds after which what ended meanwhile is kept, while a run goes on: it may be killed."""
_UNSAFE = regex(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class Manner:
    """How a plan is carried out.

    ``timeout`` (seconds) and ``retries`` replace what environments say, where given.
    ``results`` are those of earlier runs, and get those of this one; with
    ``since_success``, a cell that passed with all that it depends on as it is does not run.
    """

    limits: Limits
    timeout: float | None = None
    retries: int | None = None
    recreate: bool = False
    no_commands: bool = False
    """Make everything ready, and run nothing."""
    variables: tuple[tuple[str, str], ...] = ()
    """Given to all commands, besides what their environment says."""
    columns: int = 0
    rows: int = 0
    colour: bool = False
    asks: bool = False
    """Whether commands may ask the person at the terminal."""
    results: Results | None = None
    since_success: bool = False
    of_cell: Callable[[str], tuple[tuple[str, str], ...]] = field(default=lambda _label: ())
    """Gives further variables of a cell, by its label."""
    made: Callable[[Ready], None] = field(default=lambda _ready: None)
    """Gets each environment that is ready."""


def execute(
    suite: Suite,
    plan: Plan,
    context: Context,
    manner: Manner,
    emit: Emit,
    *,
    stop: Stop | None = None,
) -> dict[str, Result]:
    """Carry out a plan; gives how each job ended, builds first, by name.

    ``emit`` gets every event. Raises only for mistakes in the plan itself: what a job
    raises is its failure.
    """
    run = _Run(suite, plan, context, manner)
    skipped = _skipped(suite, plan)
    by_name = {one.name: one for one in suite.environments}
    for result in skipped.values():
        if result.status == "failed":
            one = by_name[result.environment]
            for line in _why_not(one):
                emit(Event(result.job, "line", context.now(), text=line))
        emit(Event(result.job, "done", context.now(), "cell", result=result))
    try:
        done = scheduler.run(run.jobs(), manner.limits, emit, stop, now=context.now)
    finally:
        run.keep()
        compiled.forget_halves(context.home)
    builds = {name: one for name, one in done.items() if one.kind == "build"}
    cells = {c.label: skipped.get(c.label) or done[c.label] for c in plan.cells}
    return {**builds, **cells}


def _skipped(suite: Suite, plan: Plan) -> dict[str, Result]:
    """Give the results of cells that cannot run; one without its interpreter may be a failure."""
    by_name = {one.name: one for one in suite.environments}
    found = {}
    for cell in plan.cells:
        if cell.skip:
            one = by_name[cell.environment]
            found[cell.label] = Result(
                job=cell.label,
                kind="cell",
                status="failed" if one.fails else "skipped",
                reason=cell.skip,
                environment=cell.environment,
                definition=cell.definition,
            )
    return found


def _why_not(one: Environment) -> list[str]:
    """Say what hinders an environment to run, where, and what to do about it."""
    if one.wrong:
        return [one.wrong]
    told = str(
        TaskError(
            one.fails,
            where=one.origin if one.origin.file else None,
            remedy="install it, or pass over it with --skip-missing-interpreters",
        )
    )
    return told.splitlines()


class _Run:
    def __init__(self, suite: Suite, plan: Plan, context: Context, manner: Manner) -> None:
        self._suite, self._plan, self._context, self._manner = suite, plan, context, manner
        self._environments = {one.name: one for one in suite.environments}
        self._definitions = {one.name: one for one in suite.definitions}
        self._seen = Seen()
        self._products: dict[str, Product] = {}
        # What builds need is chosen afresh where everything is to be made afresh.
        afresh = frozenset({"*"}) if manner.recreate else context.upgrade
        self._choosing = replace(context, upgrade=afresh)
        self._known = manner.results.known() if manner.results else {}
        self._ended: list[tuple[Result, Mapping[str, str]]] = []
        self._keeping = threading.Lock()
        self._kept = time.monotonic()

    def jobs(self) -> Sequence[Job]:
        labels = {cell.label for cell in self._plan.cells}
        running = [cell for cell in self._plan.cells if not cell.skip]
        names: dict[str, str] = {}
        jobs: list[Job] = []
        for build in self._plan.builds:
            names[build.key] = build.key if build.key not in labels else f"{build.key} (built)"
            jobs.append(self._build(build, names[build.key]))
        there = {cell.label for cell in running}
        for cell in running:
            one = self._environments[cell.environment]
            retries = self._manner.retries
            jobs.append(
                Job(
                    name=cell.label,
                    kind="cell",
                    run=self._cell_of(cell),
                    needs=(names[cell.build],) if cell.build else (),
                    after=tuple(label for label in cell.after if label in there),
                    resources=one.work.resources,
                    retries=one.work.retries if retries is None else retries,
                    seconds=self._known[cell.label].seconds if cell.label in self._known else 0,
                    fail_fast=one.work.fail_fast,
                    environment=cell.environment,
                    definition=cell.definition,
                )
            )
        return jobs

    # -- builds

    def _build(self, build: Build, name: str) -> Job:
        definition = self._definitions[build.definition]
        interpreter = describe.builder(build, self._suite, self._plan, self._context)

        def run(turn: Turn) -> Result:
            product = self._made(definition, interpreter, turn)
            self._products[build.key] = product
            return Result(
                job=name,
                kind="build",
                status="passed",
                reason="nothing it is made from has changed" if product.reused else "",
                key=product.content,
                definition=definition.name,
                reused=product.reused,
            )

        return Job(
            name=name,
            kind="build",
            run=run,
            definition=definition.name,
        )

    def _made(
        self, definition: PackageDefinition, interpreter: Interpreter | None, turn: Turn
    ) -> Product:
        ready = built_in.named(definition, self._suite.root, self._context)
        return products.make(
            definition,
            self._suite.root,
            interpreter,
            self._choosing,
            turn.detail,
            seen=self._seen,
            ready=ready,
        )

    # -- cells

    def _cell_of(self, cell: Cell) -> Callable[[Turn], Result]:
        def run(turn: Turn) -> Result:
            return self._cell(cell, turn)

        return run

    def _cell(self, cell: Cell, turn: Turn) -> Result:
        one = self._environments[cell.environment]
        manner = self._manner
        product = self._product(cell, one, turn)
        if product is not None and (why := unfit(product, one.interpreter)):
            return Result(job=cell.label, kind="cell", status="skipped", reason=why)
        installed = self._installed(product, one, turn)
        with contents.occupied(
            one,
            installed,
            self._suite.root,
            self._context,
            turn.line,
            recreate=manner.recreate,
        ) as ready:
            manner.made(ready)
            return self._run(cell, product, ready, self._facts(one, ready, installed), turn)

    def _run(
        self,
        cell: Cell,
        product: Product | None,
        ready: Ready,
        facts: Mapping[str, str],
        turn: Turn,
    ) -> Result:
        one = self._environments[cell.environment]
        manner = self._manner
        key = short_key(facts) if facts else ""
        if manner.no_commands:
            return Result(
                job=cell.label, kind="cell", status="passed", key=key, reused=ready.reused,
                reason="made ready; nothing was to run",
            )  # fmt: skip
        if manner.since_success:
            choice = results.choose(facts, self._known.get(cell.label))
            if not choice.run:
                return Result(
                    job=cell.label, kind="cell", status="passed", key=key, reused=True,
                    reason=choice.reason,
                )  # fmt: skip
            turn.line(f"runs because {choice.reason}")
        work = one.work
        if manner.timeout is not None:
            work = replace(work, timeout=manner.timeout)
        with contents.entered(ready, work, self._context) as entered:
            result = commands.run(work, entered, self._terms(cell, one, product), turn)
        if result.status == "failed" and (
            why := contents.refused(ready, result.log, self._context)
        ):
            turn.line(why)
            result = replace(result, reason=f"{result.reason}; {why}" if result.reason else why)
        self._ended.append((result, facts))
        if time.monotonic() - self._kept > _BETWEEN:
            self.keep()
        return replace(result, key=key)

    def _product(self, cell: Cell, one: Environment, turn: Turn) -> Product | None:
        if not cell.definition:
            return None
        if cell.build:
            return self._products[cell.build]
        return self._made(self._definitions[cell.definition], one.interpreter, turn)

    def _installed(self, product: Product | None, one: Environment, turn: Turn) -> Product | None:
        """Give what is installed of a package: of a source distribution, the wheel made of it.

        An install command of one's own gets the source distribution itself; so does conda's
        Python where no interpreter of its version is at hand to make the wheel.
        """
        if product is None or product.format != "sdist" or one.contents.install_command:
            return product
        interpreter = describe.interpreter_like(one, self._context)
        if interpreter is None:
            return product
        return products.wheel_of(
            product,
            self._suite.root,
            interpreter,
            self._choosing,
            turn.detail,
            definition=self._definitions.get(product.definition),
            seen=self._seen,
        )

    def _facts(self, one: Environment, ready: Ready, product: Product | None) -> Mapping[str, str]:
        """Digest what a cell's outcome depends on.

        Nothing where that takes a look at all files of the project, which neither a
        build nor anybody else has asked for.
        """
        root = self._suite.root
        if one.work.elsewhere:
            return {}
        if self._manner.since_success:
            tree = self._seen.sources(root, self._context).digest
        elif (seen := self._seen.looked(root)) is not None:
            tree = seen.digest
        else:
            return {}
        made = short_key([ready.key, product.content if product else "", ready.changes])
        return results.facts(one.work, made, tree, self._context.environ)

    def keep(self) -> None:
        """Keep how cells ended, with the facts from before, unless they hold no more.

        A home that cannot be written to keeps nothing, and a note says so.
        """
        if self._manner.results is None:
            return
        with self._keeping:
            self._kept = time.monotonic()
            ended, self._ended = self._ended, []
            if not ended:
                return
            seen = self._seen.looked(self._suite.root)
            if seen is None or seen.changed():
                ended = [(result, {}) for result, _ in ended]
            try:
                self._manner.results.keep(ended, self._context.now())
            except StoreError as exc:
                self._context.progress.note(f"how tests ended is not kept: {exc}")

    def _terms(self, cell: Cell, one: Environment, product: Product | None) -> Terms:
        manner = self._manner
        tight = compiled.is_tight(self._context.home)
        variables: Mapping[str, str] = {
            **({"PYTHONDONTWRITEBYTECODE": "1"} if tight else {}),
            **dict(manner.variables),
            **dict(manner.of_cell(cell.label)),
            **({"TOX_PACKAGE": product.path} if product and self._suite.source == "tox" else {}),
        }
        return Terms(
            caller=self._context.environ,
            log=log_file(self._suite, one, cell.label),
            columns=manner.columns,
            rows=manner.rows,
            colour=manner.colour,
            asks=manner.asks,
            shared=manner.limits.parallel > 1,
            variables=tuple(variables.items()),
        )


def log_file(suite: Suite, one: Environment, label: str) -> str:
    """Give the path of a cell's complete output."""
    directory = one.logs or os.path.join(suite.work_directory, "log")
    return os.path.join(directory, _UNSAFE.sub("_", label).strip("_") + ".log")


def passed(results: Mapping[str, Result]) -> bool:
    """Say whether a run is a success: something ran, and all of it passed."""
    cells = [r for r in results.values() if r.kind == "cell"]
    good = ("passed", "flaky", "skipped")
    return all(r.status in good or r.ignored for r in results.values()) and (
        not cells or any(r.status != "skipped" for r in cells)
    )
