"""Finding an interpreter for a request."""

from __future__ import annotations

import os
import re
import sys

from stead.ecosystems.interpreters.facts import Memory
from stead.ecosystems.interpreters.places import (
    candidates,
    is_stand_in,
    layout_of,
    version_directories,
)
from stead.ecosystems.interpreters.request import (
    implementation_of,
    is_free_threaded,
    is_prerelease,
    key,
    parse,
)
from stead.values.errors import InterpreterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.ecosystems.interpreters.places import Found
    from stead.ecosystems.interpreters.request import Request
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.origin import Origin

OLDEST = (3, 6)
"""The oldest version that uv installs packages for; older ones are as good as absent."""

_KINDS = ("stead", "pyenv", "uv", "system", "conda")


def find(
    request: str,
    *,
    context: Context,
    prefer: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    where: Origin | None = None,
) -> Interpreter:
    """Give the interpreter for a request (see :mod:`.request`), fetching one where none fits.

    The newest version wins, a release before any pre-release, kinds in
    ``prefer`` (``Interpreter.found``) before all others; ``only`` allows none
    but these. The same machine gives the same answer.

    An empty request means the minor version that Stead runs under, if there is
    one of it: that is known to be there, and what others install beside it
    changes nothing. Else the newest.

    Raises InterpreterError with all that was found; ``where`` is the place of
    the request. NetworkError when fetching fails.
    """
    asked = parse(request)
    if asked.path:
        return _at(asked.path, context, where)
    chosen = _choose(_known(context, asked), asked, prefer, only)
    if chosen is not None:
        return chosen
    if context.python_downloads and not context.offline and (not only or "stead" in only):
        from stead.ecosystems.interpreters.fetch import fetch

        return fetch(request, context, where=where)
    raise _none_fits(asked, context, only, where)


def find_fetched(request: str, context: Context) -> Interpreter | None:
    """Give what fits among the interpreters that Stead has fetched."""
    asked = parse(request)
    return _choose(_known(context, asked), asked, (), ("stead",))


def among(
    found: tuple[Interpreter, ...], request: str, *, only: tuple[str, ...] = ()
) -> Interpreter | None:
    """Choose for a request among interpreters that were found already; see :func:`find`."""
    return _choose(list(found), parse(request), (), only)


def discovered(context: Context) -> tuple[Interpreter, ...]:
    """Give every interpreter found, newest first; asks each that is not known yet."""
    return tuple(sorted(_known(context, None), key=_rank((), "")))


def unsupported(context: Context) -> tuple[tuple[str, str], ...]:
    """Give version and path of what is there and too old to be used, by the names of installations.

    Nothing is run: these are for telling people why they are not taken.
    """
    layout = layout_of(sys.platform)
    found = []
    for _, root in version_directories(context.environ, layout):
        try:
            names = sorted(os.listdir(root))
        except OSError:
            continue
        for name in names:
            match = re.match(r"(?:cpython-)?((\d+)\.(\d+)(?:\.\d+)?)(?=-|\Z)", name)
            if match is None or (int(match[2]), int(match[3])) >= OLDEST:
                continue
            places = layout.executables(os.path.join(root, name))
            if path := next((p for p in places if os.path.exists(p)), ""):
                found.append((match[1], path))
    return tuple(found)


def _known(context: Context, asked: Request | None) -> list[Interpreter]:
    memory = Memory(context)
    wanted: Callable[[str], bool] = asked.may_accept if asked else lambda _: True
    found = memory.look_up(_places(context), wanted)
    memory.save()
    return [i for i in found if key(i.version)[0][:2] >= OLDEST]


def _places(context: Context) -> Iterator[tuple[str, Found]]:
    layout = layout_of(sys.platform)
    own = getattr(sys, "_base_executable", None) or sys.executable or ""
    for path, kind in candidates(str(context.home), context.environ, layout, own):
        if not is_stand_in(path, layout):
            yield path, kind


def _choose(
    found: list[Interpreter], asked: Request, prefer: tuple[str, ...], only: tuple[str, ...]
) -> Interpreter | None:
    fitting = [
        i for i in found if asked.accepts(i.version, i.tag) and (not only or i.found in only)
    ]
    own = "" if asked.clauses else f"{sys.version_info[0]}.{sys.version_info[1]}"
    return min(fitting, key=_rank(prefer, own), default=None)


def _rank(prefer: tuple[str, ...], own: str) -> Callable[[Interpreter], tuple[object, ...]]:
    """Give the sort key of interpreters, best first; ``own`` is a minor version to put first."""

    def rank(interpreter: Interpreter) -> tuple[object, ...]:
        kind = interpreter.found
        release, (phase, number) = key(interpreter.version)
        return (
            prefer.index(kind) if kind in prefer else len(prefer),
            is_prerelease(interpreter.version),
            bool(own) and interpreter.minor != own,
            tuple(-n for n in release),
            tuple(-ord(c) for c in phase),
            -number,
            implementation_of(interpreter.tag) != "cpython",
            is_free_threaded(interpreter.tag),
            "d" in interpreter.tag[2:],
            _KINDS.index(kind),
            interpreter.path,
        )

    return rank


def _at(path: str, context: Context, where: Origin | None) -> Interpreter:
    home = context.environ.get("HOME", "")
    full = home + path[1:] if path.startswith("~/") and home else path
    memory = Memory(context)
    found = memory.look_up([(full, "system")], lambda _: True)
    memory.save()
    if found:
        return found[0]
    state = "is no working Python interpreter" if os.path.exists(full) else "does not exist"
    raise InterpreterError(
        f"the interpreter {full} {state}",
        where=where,
        remedy="name another, or a version (3.12) instead of a path",
    )


def describe(found: tuple[Interpreter, ...]) -> list[str]:
    """Give a line per interpreter, for errors and listings."""
    width = max((len(i.version) for i in found), default=0)
    return [f"{i.version:<{width}}  {i.path} ({i.found}, {i.tag})" for i in found]


def _none_fits(
    asked: Request, context: Context, only: tuple[str, ...], where: Origin | None
) -> InterpreterError:
    found = discovered(context)
    of = f" of {' or '.join(only)}" if only else ""
    if not any(asked.may_accept(f"3.{minor}") for minor in range(OLDEST[1], 100)):
        remedy = f"ask for {OLDEST[0]}.{OLDEST[1]} or newer: uv installs packages for no older one"
    else:
        remedy = "install one (`pyenv install`, `uv python install`, the system's packages)"
        if only and "stead" not in only:
            remedy = f"install one by way of {' or '.join(only)}, or leave that choice out"
        elif context.offline:
            remedy += ", or leave --offline out so that one can be fetched"
        elif not context.python_downloads:
            remedy += ", or leave --no-python-downloads out so that one can be fetched"
    return InterpreterError(
        f"no Python interpreter{of} fits {asked.text!r}",
        where=where,
        details=["found were:", *describe(found)] if found else ["none was found at all"],
        remedy=remedy,
    )
