"""A directory's tests as a suite: from tox's files, or from layers of ``stead.toml``.

Where both describe tests, the nearer directory counts, and within one directory
``stead.toml`` (or ``[tool.stead]``) does. Nothing is built, fetched or run.
"""

from __future__ import annotations

import os

from stead.matrix import select
from stead.matrix.plan import Target
from stead.matrix.plan import plan as make_plan
from stead.matrix.pythons import Pythons
from stead.pipeline.files import is_file, is_ours, load_text, upwards
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import replace
from stead.values.origin import NOWHERE, Origin
from stead.values.package import INSTALLS
from stead.values.requirement import PYTHON
from stead.values.suite import Environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from stead.matrix.asking import Asked
    from stead.matrix.plan import Build, Plan
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.suite import Suite
else:
    Protocol = object


class Description(Protocol):
    """A notation of tests, read. Names are those of environments."""

    pythons: Pythons

    @property
    def default(self) -> tuple[str, ...]:
        """Those that run when none is named."""

    @property
    def names(self) -> tuple[str, ...]:
        """All there are, in order."""

    @property
    def every(self) -> tuple[str, ...]:
        """Those that ALL stands for."""

    def known(self, name: str) -> bool:
        """Say whether a name that nobody listed can be one too."""

    def alike(self, name: str) -> str:
        """Give what was most likely meant by a name that is none; empty for nothing."""

    def labels(self, name: str) -> tuple[str, ...]: ...

    def systems(self, name: str) -> tuple[str, ...]:
        """Name what :data:`sys.platform` may be for an environment."""

    def version(self, name: str) -> str:
        """Give the version of Python that an environment asks for (``3.12``), ``3.x`` for any;
        empty where it brings its own.
        """

    def outline(self, name: str) -> Environment:
        """Give what a listing shows, and a plan needs."""

    def environment(self, name: str) -> Environment:
        """Give all of it. Raises :class:`ManifestError` with file and line."""

    def suite(self, environments: tuple[Environment, ...]) -> Suite:
        """Give the suite that these environments are of."""


SYSTEMS = ("linux", "darwin", "win32")


def suite(
    asked: Asked, context: Context, *, whole: bool = True, described: Description | None = None
) -> Suite:
    """Describe what there is to test.

    All environments are in it; with ``whole``, those that are chosen (see
    :func:`chosen`) hold everything that running them takes, and all others what a
    listing needs. One whose values are wrong says so, unless it is named, or all that are
    chosen are wrong. ``described`` is what was read before. Raises :class:`ManifestError` with
    file and line for what is wrong or not understood, UsageError for a name that is none.
    """
    found = described or read(asked, context)
    names = select.names(found, asked.wanted)
    wanted = dict.fromkeys(names)
    everything = dict.fromkeys((*found.names, *names))
    made: list[Environment] = []
    wrong: dict[str, ManifestError] = {}
    for name in everything:
        try:
            if name in wanted:
                one = found.environment(name) if whole else found.outline(name)
                made.append(_asked(one, asked, found.pythons))
            else:
                made.append(found.outline(name))
        except ManifestError as exc:
            if asked.wanted.names and name in wanted:
                raise
            wrong[name] = exc
            made.append(_wrong(name, found, exc))
    if wrong.keys() >= wanted.keys() > set():
        raise next(iter(wrong.values()))
    suite = found.suite(tuple(made))
    return replace(suite, requires_python=_requires_python(suite))


def _wrong(name: str, found: Description, error: ManifestError) -> Environment:
    """Give an environment that fails for what is wrong with its description."""
    place = _place(error)
    said = f"{place}: {error.message}" if place != NOWHERE else error.message
    said += f" ({error.remedy})" if error.remedy else ""
    default = name in found.default
    return Environment(name=name, default=default, packages=(), wrong=said, origin=place)


def _place(error: ManifestError) -> Origin:
    return error.where if isinstance(error.where, Origin) else NOWHERE


def _requires_python(suite: Suite) -> str:
    """Give what the project says of its interpreters; empty where its packages are of several."""
    paths = {d.path for d in suite.definitions if d.path}
    if len(paths) != 1:
        return ""
    from stead.formats import requires_python

    return requires_python.stated(paths.pop(), load_text)


def read(asked: Asked, context: Context, *, look: bool = True) -> Description:
    """Read what describes the tests of a directory, each file once.

    Unless it may ``look`` for interpreters, nothing is run, and none is found. Raises
    ManifestError where nothing describes any.
    """
    found = find(asked, context, look=look)
    if found is None:
        raise _nothing(asked)
    return found


def _nothing(asked: Asked) -> ManifestError:
    from stead.formats.tox import FILES

    others = [
        path
        for directory in upwards(asked.directory, asked.user_home)
        for name in ("stead.toml", *FILES)
        if is_file(path := os.path.join(directory, name)) and not is_ours(path)
    ]
    if others:
        return ManifestError(
            "this file belongs to another user, and does not count",
            where=others[0],
            remedy=f"make it yours: chown -R {os.getuid()} {os.path.dirname(others[0])}",
        )
    return ManifestError(
        "nothing here says what there is to test",
        where=asked.directory,
        remedy='write tox.ini, or in stead.toml a layer with commands = [["pytest"]]',
    )


def by_tox(asked: Asked, context: Context) -> bool:
    """Say whether tox's files describe the tests here."""
    from stead.matrix.from_layers import LayerTests

    found = find(asked, context, look=False)
    return found is not None and not isinstance(found, LayerTests)


def find(asked: Asked, context: Context, *, look: bool = True) -> Description | None:
    """Do what :func:`read` does; None where nothing describes tests or packages."""
    pythons = Pythons(context, look=look)
    for directory in upwards(asked.directory, asked.user_home):
        if _speaks_of_stead(directory):
            from stead.matrix import from_layers

            layered = from_layers.read(asked, context, pythons, directory)
            if layered is not None:
                return layered
        from stead.formats import tox

        file = tox.find(directory, _is_candidate, load_text)
        if file:
            from stead.matrix import from_tox

            return from_tox.read(file, asked, context, pythons)
    if asked.further:
        from stead.matrix import from_layers

        return from_layers.read(asked, context, pythons, "")
    return None


def chosen(suite: Suite, asked: Asked) -> tuple[Environment, ...]:
    """Give the environments of a suite that were asked for, in its order."""
    return select.chosen(suite, asked.wanted)


def targets(suite: Suite, asked: Asked) -> tuple[Target, ...]:
    """Give a suite's environments as planning sees them, in order."""
    return tuple(_target(one, asked) for one in suite.environments)


def plan(suite: Suite, asked: Asked, *, everything: bool = False, elsewhere: bool = False) -> Plan:
    """Plan the chosen environments of a suite, or all of them: builds and cells.

    With ``elsewhere``, what this machine lacks is no reason for a skip.
    """
    found = suite.environments if everything else chosen(suite, asked)
    names = [*select.without((one.name for one in found), asked.wanted.skip)]
    every = targets(suite, asked)
    made = make_plan(
        suite.definitions,
        [replace(t, missing="") for t in every] if elsewhere else every,
        names,
        requires_python=suite.requires_python,
        only=asked.packages,
        labelled=suite.source != "tox",
    )
    skips = {one.name: one.skip for one in suite.environments if one.skip}
    if elsewhere or not skips:
        return made
    cells = tuple(
        replace(c, skip=skips[c.environment], build="", later=()) if c.environment in skips else c
        for c in made.cells
    )
    needed = {c.build for c in cells}
    return replace(made, builds=tuple(b for b in made.builds if b.key in needed), cells=cells)


def builder(build: Build, suite: Suite, plan: Plan, context: Context) -> Interpreter | None:
    """Give the interpreter that makes a build: that of an environment which it serves, or, where
    those bring their own, one of the same version. None leaves it to the project.
    """
    if not build.interpreter:
        return None
    named = {c.environment for c in plan.cells if c.build == build.key}
    for one in suite.environments:
        found = one.interpreter
        if one.name in named and interpreter_name(found) == build.interpreter:
            return found
    return _called(build.interpreter, context)


def interpreter_like(one: Environment, context: Context) -> Interpreter | None:
    """Give an environment's interpreter, or, where it brings its own, one of the same version."""
    if one.interpreter is not None:
        return one.interpreter
    own = _version_of_its_own(one)
    return _called(f"cpython{own.replace('.', '')}", context) if own else None


def _called(name: str, context: Context) -> Interpreter | None:
    return next((i for i in Pythons(context).found if interpreter_name(i) == name), None)


def _target(one: Environment, asked: Asked) -> Target:
    here = asked.here
    found = one.interpreter
    own = _version_of_its_own(one) if found is None and not one.missing else ""
    return Target(
        name=one.name,
        kind=one.kind,
        installs=_installs(one),
        python=found.version if found else own,
        interpreter=interpreter_name(found) or (own and f"cpython{own.replace('.', '')}"),
        missing=one.missing,
        wrong=one.wrong,
        sys_platform=here.sys_platform,
        machine=here.marker_environment("3")["platform_machine"],
        packages=() if asked.no_packages else one.packages,
        depends=one.depends,
        origin=one.origin,
        packages_origin=one.packages_origin if one.packages_origin.file else None,
    )


def _installs(one: Environment) -> tuple[str, ...]:
    """Name the formats that an environment's kind installs. Raises ManifestError for an unknown kind."""
    if one.kind in INSTALLS:
        return INSTALLS[one.kind]
    from stead.matrix.kinds import kind

    try:
        return kind(one.kind).installs
    except UsageError as exc:
        raise ManifestError(exc.message, where=one.origin, remedy=exc.remedy) from exc


def _version_of_its_own(one: Environment) -> str:
    """Give the minor version that an environment brings itself, where it asks for a certain one."""
    asked = [r.spec for r in one.contents.packages.of(PYTHON) if r.spec]
    exact = {spec[2:-2] for spec in asked if spec.startswith("==") and spec.endswith(".*")}
    found = exact.pop() if len(exact) == 1 else ""
    return found if found.count(".") == 1 else ""


def interpreter_name(interpreter: Interpreter | None) -> str:
    """Name what packages depend on: ``cpython312``; empty for none."""
    if interpreter is None:
        return ""
    from stead.formats.tox import interpreters

    return interpreters.kind(interpreter)


def _asked(one: Environment, asked: Asked, pythons: Pythons) -> Environment:
    """Put in what the command line says of the environments that run."""
    if asked.recreate:
        one = replace(one, contents=replace(one.contents, recreate=True))
    if asked.in_prefix:
        from stead.matrix import existing

        one = existing.instead(
            one, os.path.abspath(asked.in_prefix), pythons.of_environment, install=asked.install
        )
    if one.missing and asked.skip_missing is not None:
        skip = f"no interpreter answers {one.missing}" if asked.skip_missing else ""
        one = replace(one, skip=skip)
    return one


def _is_candidate(path: str) -> bool:
    return is_file(path) and is_ours(path)


def _speaks_of_stead(directory: str) -> bool:
    """Say whether a directory may hold layers: without reading all that is in it."""
    if _is_candidate(os.path.join(directory, "stead.toml")):
        return True
    path = os.path.join(directory, "pyproject.toml")
    return _is_candidate(path) and "tool.stead" in load_text(path)
