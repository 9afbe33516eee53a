"""What a run would do, as steps: packages to build, environments to make, commands to run.

Keys are those by which packages and environments are found in the store. An
environment that a package goes into has its key only once the package is built;
until then, the step says what decides it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.matrix import describe, fitting, select
from stead.matrix.listing import skipped
from stead.values.errors import SteadError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stead.matrix.asking import Asked
    from stead.matrix.plan import Build, Cell, Plan
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.suite import Environment, Product, Suite

FORMAT = 1


def steps(asked: Asked, context: Context) -> dict[str, Any]:
    """Give all steps of a run of the chosen environments, in an order that they can be taken in.

    See :mod:`stead.matrix.schemas` for what it holds. Raises what describing and planning
    raise; what hinders a key from being known stands in its step.
    """
    suite = describe.suite(asked, context)
    plan = describe.plan(suite, asked)
    made = _Steps(suite, plan, asked, context)
    return {
        "format": FORMAT,
        "root": suite.root,
        "file": suite.file,
        "source": suite.source,
        "platform": asked.here.name,
        "steps": made.all(),
        "unused": list(plan.unused),
        "unmatched": list(plan.unmatched),
        "notes": [
            {"message": n.message, "where": str(n.origin), "remedy": n.remedy} for n in suite.notes
        ],
    }


def lines(plan: dict[str, Any]) -> Iterator[str]:
    """Write a plan for people, a line for each step and one for its reason."""
    for number, step in enumerate(plan["steps"], 1):
        state = " (there already)" if step["reused"] else ""
        yield f"{number:>3}  {step['id']}{state}"
        yield f"       {(step['skip'] and 'skipped: ' + step['skip']) or step['reason']}"
        for one in step["decided_later"]:
            yield f"       not known yet: {one}"
    for name in plan["unused"]:
        yield f"not built: {name}, which none of these environments needs"
    for name in plan["unmatched"]:
        yield f"not built: {name}, which fits no environment at all"
    for note in plan["notes"]:
        yield f"note: {note['where'] and note['where'] + ': '}{note['message']}"
        if note["remedy"]:
            yield f"  → {note['remedy']}"


@dataclass(frozen=True, slots=True)
class _Built:
    """What is known of a build before it is made."""

    key: str = ""
    product: Product | None = None
    why: str = ""
    """Why there is no key."""


class _Steps:
    def __init__(self, suite: Suite, plan: Plan, asked: Asked, context: Context) -> None:
        from stead.matrix.making import Seen

        self._seen = Seen()
        self._suite = suite
        self._plan = plan
        self._asked = asked
        self._context = context
        self._environments = {one.name: one for one in suite.environments}
        self._definitions = {one.name: one for one in suite.definitions}
        self._built: dict[str, _Built] = {}

    def all(self) -> list[dict[str, Any]]:
        made = [self._build(build) for build in self._plan.builds]
        shared: dict[tuple[str, str], dict[str, Any]] = {}
        for cell in self._plan.cells:
            environment = None if cell.skip else self._environment(cell)
            if environment is not None:
                same = (self._environments[cell.environment].kind, environment["key"])
                if environment["key"] and same in shared:
                    environment = shared[same]
                    environment["serves"].append(cell.label)
                else:
                    shared[same] = environment
                    made.append(environment)
            made.append(self._cell(cell, environment))
        return made

    # -- packages

    def _build(self, build: Build) -> dict[str, Any]:
        definition = self._definitions[build.definition]
        interpreter = describe.builder(build, self._suite, self._plan, self._context)
        found = self._built[build.key] = self._look(definition, build, interpreter)
        if found.product is not None:
            reason = "nothing that it depends on has changed since it was built"
        else:
            reason = f"needed by {_some(build.serves)}"
        later = [f"the key: {found.why}"] if found.why else []
        return _step(
            "build",
            build.key,
            package=build.definition,
            interpreter=_path(interpreter) or definition.python,
            key=found.key,
            reused=found.product is not None,
            reason=reason,
            serves=list(build.serves),
            decided_later=later,
            where=str(definition.origin),
        )

    def _look(
        self, definition: PackageDefinition, build: Build, interpreter: Interpreter | None
    ) -> _Built:
        from stead.matrix import products

        if definition.environment:
            return _Built(why=f"the environment {definition.environment} builds it")
        try:
            key, product = products.found(
                definition, self._suite.root, interpreter, self._context, seen=self._seen
            )
        except SteadError as exc:
            return _Built(why=exc.message)
        return _Built(key, product)

    # -- environments

    def _environment(self, cell: Cell) -> dict[str, Any]:
        from stead.matrix import contents

        one = self._environments[cell.environment]
        product = self._product(cell, one)
        later: list[str] = []
        key = ""
        if cell.definition and product is None:
            later.append("the key: it depends on what the package asks for once it is built")
        elif one.interpreter is None and one.missing:
            later.append(f"the key: no interpreter answers {one.missing}")
        else:
            try:
                key = contents.key(one, product, self._suite.root, self._context)
            except SteadError as exc:
                later.append(f"the key: {exc.message}")
        reused = bool(key) and self._is_there(one, product)
        return _step(
            "environment",
            cell.label,
            environment=one.name,
            package=cell.definition,
            interpreter=_path(one.interpreter),
            key=key,
            reused=reused,
            reason="it is there, and holds what is asked" if reused else f"{cell.label} runs in it",
            after=[f"build {cell.build}"] if cell.build else [],
            serves=[cell.label],
            decided_later=later,
            where=str(one.origin),
        )

    def _product(self, cell: Cell, one: Environment) -> Product | None:
        """Give what is installed of a cell's package, as far as it is there: of a source
        distribution, the wheel that was made of it.
        """
        product = self._built.get(cell.build, _Built()).product
        if product is None or product.format != "sdist" or one.contents.install_command:
            return product
        interpreter = describe.interpreter_like(one, self._context)
        if interpreter is None:
            return product
        from stead.matrix import products

        try:
            return products.wheel_found(
                product,
                self._suite.root,
                interpreter,
                self._context,
                definition=self._definitions.get(cell.definition),
                seen=self._seen,
            )
        except SteadError:  # what hinders it is told when it is made
            return None

    def _is_there(self, one: Environment, product: Product | None) -> bool:
        from stead.matrix import kinds

        asked = kinds.Asked(one, product, self._suite.root, one.contents.recreate)
        return kinds.kind(one.kind).find(asked, self._context) is not None

    # -- cells

    def _cell(self, cell: Cell, environment: dict[str, Any] | None) -> dict[str, Any]:
        one = self._environments[cell.environment]
        work = one.work
        commands = (*work.before, *work.commands, *work.after)
        waits = [] if environment is None else [environment["id"]]
        product = self._built.get(cell.build, _Built()).product
        unfit = "" if product is None else fitting.unfit(product, one.interpreter)
        return _step(
            "run",
            cell.label,
            environment=one.name,
            package=cell.definition,
            interpreter=_path(one.interpreter),
            reason=f"it fails: {one.fails}"
            if one.fails
            else select.reason(one, self._asked.wanted),
            skip=skipped(one, cell) or unfit,
            after=[*waits, *(f"run {label}" for label in cell.after)],
            commands=[list(c.arguments) for c in commands],
            directory=work.directory,
            decided_later=[] if product else [_LATER[one] for one in cell.later],
            where=str(one.origin),
        )


_LATER = {
    "tags": "whether the tags of the package fit the interpreter",
    "requires-python": "whether the package admits the interpreter (Requires-Python)",
}


def _step(kind: str, name: str, **known: Any) -> dict[str, Any]:
    """Give a step with every field; what a kind of step does not have is empty."""
    empty: dict[str, Any] = {
        "id": f"{kind} {name}",
        "kind": kind,
        "name": name,
        "environment": "",
        "package": "",
        "interpreter": "",
        "key": "",
        "reused": False,
        "reason": "",
        "skip": "",
        "after": [],
        "serves": [],
        "decided_later": [],
        "commands": [],
        "directory": "",
        "where": "",
    }
    return {**empty, **known}


def _path(interpreter: Interpreter | None) -> str:
    return interpreter.path if interpreter else ""


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
