"""From definitions, environments and goals to builds and cells: no file is read, nothing is run.

A *cell* is an environment with the package it is tested against, if any, and is
called ``(wheel) py312-linux-venv``. A *build* makes one package and serves one or
several cells. Which definitions an environment takes is decided in this order:

1. its layers say (``package = …``);
2. factors of its name (other than its kind) are names of definitions: those, and no
   others;
3. definitions whose ``match`` holds for it, and definitions without ``match`` whose
   format it can install.

How often a package is built: an sdist, and what its definition calls universal,
once; what names the interpreter or the environment to build with, once; anything
else once per interpreter. That a wheel's tag is ``py3-none-any`` proves nothing
before the build and little after it, because a build may read its interpreter; so
where tags decide whether a package fits, the cell says that this is known only then.
"""

from __future__ import annotations

from stead.matrix.order import Circle, ordered
from stead.values.errors import CycleError, ManifestError
from stead.values.factors import condition, factors_of
from stead.values.frozen import dataclass, field
from stead.values.names import nearest
from stead.values.package import INSTALLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from stead.values.origin import Origin
    from stead.values.package import PackageDefinition


@dataclass(frozen=True, slots=True)
class Target:
    """An environment as planning sees it.

    ``kind`` is ``venv`` or ``conda``, or one of a plugin's, with the formats it
    ``installs``. ``python`` is the full version of its interpreter and ``interpreter``
    what tells it from others (``cpython312``, with ``t`` or ``d``); both are empty
    where none was found, and ``missing`` then says what was looked for. ``tags`` are
    the wheel tags it takes; empty where they are not known yet.
    """

    name: str
    kind: str = "venv"
    installs: tuple[str, ...] = ()
    python: str = ""
    interpreter: str = ""
    missing: str = ""
    wrong: str = ""
    """What is wrong with its description, so that it cannot run."""
    sys_platform: str = ""
    machine: str = ""
    tags: tuple[str, ...] = ()
    packages: tuple[str, ...] | None = None
    """The definitions its layers name; None where they leave it to the definitions."""
    depends: tuple[str, ...] = ()
    origin: Origin | None = field(default=None, compare=False)
    packages_origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Build:
    """A package to be made once. ``interpreter`` is empty where it serves all of them."""

    key: str
    """The definition's name, with the interpreter where there are several: ``wheel-cpython312``."""
    definition: str
    interpreter: str = ""
    environment: str = ""
    """The environment to build in, where the definition names one."""
    serves: tuple[str, ...] = ()
    """Labels of the cells that wait for it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: an environment, and the package it is tested against."""

    label: str
    environment: str
    definition: str = ""
    """Empty where no package is tested."""
    build: str = ""
    """The key of the build it waits for; empty where the package is there."""
    factors: tuple[str, ...] = ()
    """What its conditions can name: those of the environment, and the package's name."""
    skip: str = ""
    """Why it does not run; empty where it does."""
    later: tuple[str, ...] = ()
    """What is decided only once the package is built: ``tags``, ``requires-python``."""
    after: tuple[str, ...] = ()
    """Labels of the cells that must be done before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built, and what runs against it."""

    builds: tuple[Build, ...] = ()
    cells: tuple[Cell, ...] = ()
    unused: tuple[str, ...] = ()
    """Definitions that fit no chosen environment: they are not built."""
    unmatched: tuple[str, ...] = ()
    """Definitions that fit no environment at all: most likely a mistake."""


def plan(
    definitions: Sequence[PackageDefinition],
    targets: Sequence[Target],
    chosen: Iterable[str] | None = None,
    *,
    requires_python: str = "",
    only: Collection[str] = (),
    labelled: bool = True,
) -> Plan:
    """Plan the chosen environments; without ``chosen``, all of ``targets``.

    ``targets`` are all environments there are, in order. ``requires_python`` is what
    the project's metadata says before any build, if it says so statically. With
    ``only``, no other definitions than these are taken, and environments that would take
    others alone are left out. Unless ``labelled``, a cell is called like its environment,
    which takes one package at most.
    Raises :class:`ManifestError` for names of definitions that there are none of, and
    :class:`CycleError` where environments wait for each other.
    """
    known = {d.name: d for d in definitions}
    for name in only:
        if name not in known:
            raise _unknown(name, known, None)
    taken = {t.name: _taken(t, known) for t in targets}
    wanted = None if chosen is None else set(chosen)
    selected = [t for t in targets if wanted is None or t.name in wanted]
    cells: list[Cell] = []
    for target in selected:
        names = taken[target.name]
        cells += [
            _cell(target, known[name], requires_python, labelled=labelled)
            for name in names
            if not only or name in only
        ]
        if not names and not only:
            cells.append(_bare(target))
    cells = _ordered(cells, selected)
    needed = {c.definition for c in cells}
    anywhere = {name for names in taken.values() for name in names}
    return Plan(
        builds=_builds(cells, known),
        cells=tuple(cells),
        unused=tuple(n for n in known if n in anywhere and n not in needed),
        unmatched=tuple(n for n in known if n not in anywhere),
    )


def label(definition: str, environment: str) -> str:
    """Name a cell: ``(wheel) py312-linux-venv``."""
    return f"({definition}) {environment}" if definition else environment


def factors(target: Target) -> frozenset[str]:
    """Give what holds for an environment: its name's factors, its platform, interpreter and kind."""
    own = factors_of(target.name, target.sys_platform, target.machine)
    family = {"linux": "linux", "darwin": "osx", "win32": "windows"}.get(target.sys_platform, "")
    version = "py" + "".join(target.python.split(".")[:2]) if target.python else ""
    return (own | {family, version, target.kind}) - {""}


# -- which packages an environment takes


def _taken(target: Target, known: dict[str, PackageDefinition]) -> tuple[str, ...]:
    if target.packages is not None:
        for name in target.packages:
            if name not in known:
                raise _unknown(name, known, target)
        return target.packages
    # In py312-conda, the factor says where Python comes from, whatever a definition is called.
    named = {*target.name.split("-")} - {target.kind}
    own = tuple(name for name in known if name in named)
    if own:
        return own
    held = factors(target)
    return tuple(name for name, one in known.items() if _fits(one, target, held))


def _unknown(
    name: str, known: dict[str, PackageDefinition], target: Target | None
) -> ManifestError:
    like = nearest(name, known)
    return ManifestError(
        f"{target.name} asks for the package {name}, which is not defined"
        if target
        else f"no package {name} is defined",
        where=(target.packages_origin or target.origin) if target else None,
        remedy=f"did you mean {like}?" if like else f"add [package.{name}]",
    )


def _fits(definition: PackageDefinition, target: Target, held: frozenset[str]) -> bool:
    if not definition.match:
        return definition.format in _installs(target)
    # "conda" means environments of that kind, in the definition of that name too.
    own = frozenset((definition.name,)) - INSTALLS.keys()
    for text in definition.match:
        wanted = condition(text)
        if wanted is not None and wanted.holds(held | own):
            return True
    return False


def _installs(target: Target) -> tuple[str, ...]:
    return target.installs or INSTALLS.get(target.kind, ())


# -- cells


def _bare(target: Target) -> Cell:
    return Cell(
        label=target.name,
        environment=target.name,
        factors=tuple(sorted(factors(target))),
        skip=_missing(target),
    )


def _missing(target: Target) -> str:
    return target.wrong or (target.missing and f"no interpreter answers {target.missing}")


def _cell(
    target: Target, definition: PackageDefinition, requires_python: str, *, labelled: bool
) -> Cell:
    skip = (
        _missing(target)
        or _wrong_format(target, definition)
        or _wrong_python(target, definition, requires_python)
        or _wrong_tag(target, definition)
    )
    return Cell(
        label=label(definition.name if labelled else "", target.name),
        environment=target.name,
        definition=definition.name,
        build="" if skip else _build_key(target, definition),
        factors=tuple(sorted(factors(target) | {definition.name})),
        skip=skip,
        later=() if skip else _later(definition, requires_python),
    )


def _wrong_format(target: Target, definition: PackageDefinition) -> str:
    if definition.format in _installs(target):
        return ""
    return f"{target.kind} cannot install a package of format {definition.format}"


def _wrong_python(target: Target, definition: PackageDefinition, requires_python: str) -> str:
    if not requires_python or not target.python or not _is_built(definition):
        return ""
    from stead.ecosystems.interpreters.request import admits

    if admits(requires_python, target.python):
        return ""
    return f"Requires-Python {requires_python} does not admit {target.python}"


def _wrong_tag(target: Target, definition: PackageDefinition) -> str:
    """Compare the tags in a wheel's name, where the file is there before anything is built."""
    if definition.builder != "file" or definition.format != "wheel" or not target.tags:
        return ""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    name = definition.file.replace("\\", "/").rpartition("/")[2]
    try:
        tags = {str(tag) for tag in parse_wheel_filename(name)[3]}
    except InvalidWheelFilename as exc:
        raise ManifestError(
            f"{name} is not the name of a wheel",
            where=definition.origin,
            remedy="name the file as it was built: NAME-VERSION-PYTHON-ABI-PLATFORM.whl",
        ) from exc
    if tags & set(target.tags):
        return ""
    return f"the tag {', '.join(sorted(tags))} does not fit {target.interpreter or target.name}"


def _later(definition: PackageDefinition, requires_python: str) -> tuple[str, ...]:
    if not _is_built(definition):
        return () if definition.builder == "file" else ("requires-python",)
    # Built by the environment's own interpreter, a package has tags that fit it.
    tagged = definition.format != "sdist" and _serves_all(definition)
    return (*(("tags",) if tagged else ()), *(() if requires_python else ("requires-python",)))


# -- builds


def _is_built(definition: PackageDefinition) -> bool:
    return definition.builder not in ("file", "release")


def _build_key(target: Target, definition: PackageDefinition) -> str:
    if not _is_built(definition):
        return ""
    if _serves_all(definition):
        return definition.name
    return f"{definition.name}-{target.interpreter}" if target.interpreter else definition.name


def _serves_all(definition: PackageDefinition) -> bool:
    return bool(
        definition.format == "sdist"
        or definition.universal
        or definition.python
        or definition.environment
    )


def _builds(cells: Sequence[Cell], known: dict[str, PackageDefinition]) -> tuple[Build, ...]:
    serves: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.build:
            serves.setdefault((cell.build, cell.definition), []).append(cell.label)
    return tuple(
        Build(
            key=key,
            definition=name,
            interpreter="" if key == name else key.removeprefix(f"{name}-"),
            environment=known[name].environment,
            serves=tuple(labels),
        )
        for (key, name), labels in serves.items()
    )


# -- order


def _ordered(cells: Sequence[Cell], targets: Sequence[Target]) -> list[Cell]:
    """Put cells behind those they depend on, otherwise in the order given."""
    from stead.values.frozen import replace

    before = {t.name: _before(t, targets) for t in targets}
    try:
        order = ordered([t.name for t in targets], before)
    except Circle as exc:
        raise CycleError(
            f"environments wait for each other: {exc}",
            where=next(t.origin for t in targets if t.name == exc.names[0]),
            remedy="take one of the names out of depends",
        ) from exc
    own: dict[str, list[Cell]] = {}
    for cell in cells:
        own.setdefault(cell.environment, []).append(cell)
    done: list[Cell] = []
    for name in order:
        after = tuple(cell.label for other in before[name] for cell in own[other])
        done += [replace(cell, after=after) for cell in own[name]]
    return done


def awaited(text: str) -> tuple[str, ...]:
    """Give the names, or patterns of names, that an entry of ``depends`` stands for."""
    from stead.values.factors import parse

    return parse(text) or (text,)


def _before(target: Target, targets: Sequence[Target]) -> tuple[str, ...]:
    """Name the chosen environments that run first: by name, by pattern, or by factors."""
    if not target.depends:
        return ()
    from fnmatch import fnmatchcase

    patterns = [pattern for text in target.depends for pattern in awaited(text)]
    return tuple(
        t.name
        for t in targets
        if t.name != target.name and any(fnmatchcase(t.name, pattern) for pattern in patterns)
    )
