"""Templates: Jinja2 in its sandbox, where a name without a value is an error.

A template sees the variables by their bare names and as ``vars.NAME``, and the
project's locations as ``paths.NAME``. A variable that is printed as it is gives
the very text that a process gets; behind a filter or in an expression it is the
typed value. It may include and import templates that stand beside it or below.

Everything that is wrong with names is found before rendering and reported at
once. No message shows a value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError

from stead.config.render import embed
from stead.config.render.names import Scan, scan
from stead.config.render.sandbox import TEXT, Environment, Names, Sources
from stead.values.errors import ManifestError
from stead.values.names import nearest
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from stead.config.render.sandbox import Load
    from stead.values.kinds import RenderedFile

Problem = tuple[Origin, str, str]
"""Where, what, and what to do."""


def render(
    file: RenderedFile,
    text: str,
    variables: Mapping[str, Any],
    paths: Mapping[str, str],
    texts: Mapping[str, str],
    *,
    load: Load | None,
    known: Collection[str],
) -> str:
    """Render a template. Raises ManifestError, with all unknown names of it at once."""
    sources = Sources(file, text, load)
    environment = Environment(sources, texts, text)
    problems: list[Problem] = []
    scans = list(_scans(file, sources, problems))
    local = frozenset().union(*(s.bound for _, s in scans)) if len(scans) > 1 else frozenset()
    for name, found in scans:
        every = _Known(variables, paths, {*variables, *known}, local, exact=not known)
        problems += _unknown(sources.path(name), found, every)
    if problems:
        raise _error(file, sources, problems)
    given = {
        **variables,
        **{TEXT + name: value for name, value in texts.items()},
        "vars": Names("vars", variables),
        "paths": Names("paths", paths),
    }

    def at_run(exc: BaseException, said: str) -> ManifestError:
        path, line = _stopped(exc, {sources.path(name) for name, _ in scans})
        names = _on_line(path or sources.path(sources.main), line, sources, scans, variables)
        about = "" if any(n in said for n in names) else " or ".join(names)
        at = f", at {about}" if about else ""
        where = Origin(path or sources.path(sources.main), line)
        return ManifestError(f"in the template of {file.path}{at}: {said}", where=where)

    try:
        return environment.get_template(sources.main, globals=given).render()
    except UndefinedError as exc:
        raise at_run(exc, str(exc)) from exc
    except embed.UnholdableError as exc:
        raise at_run(exc, str(exc)) from exc
    except TemplateSyntaxError as exc:
        raise _error(file, sources, [_syntax(sources, exc)]) from exc
    except TemplateError as exc:
        raise at_run(exc, _said(exc)) from None
    except Exception as exc:  # noqa: BLE001 (any may come from an expression; its words may show a value)
        raise at_run(exc, _said(exc)) from None


def used(
    file: RenderedFile, text: str, known: Collection[str], *, load: Load | None
) -> frozenset[str]:
    """Name the variables of ``known`` that a template, or one it includes, may show."""
    sources = Sources(file, text, load)
    problems: list[Problem] = []
    found: set[str] = set()
    for _, one in _scans(file, sources, problems):
        if one.whole:
            return frozenset(known)
        found |= {name for name, _ in one.names} | {name for name, _ in one.entries["vars"]}
    return frozenset(known) if problems else frozenset(found & set(known))


def included(file: RenderedFile, text: str, *, load: Load | None) -> tuple[str, ...]:
    """Name the other templates that take part, relative to the template's directory.

    One that may be missing (``ignore missing``) is among them, there or not.
    """
    sources = Sources(file, text, load)
    named = {other for _, one in _scans(file, sources, []) for other, _, _ in one.includes}
    return tuple(sorted(name for name in named if name and name != sources.main))


def _scans(
    file: RenderedFile, sources: Sources, problems: list[Problem]
) -> Iterator[tuple[str, Scan]]:
    """Look at the template and at all it includes; what cannot be read goes to ``problems``."""
    waiting = [(sources.main, Origin(sources.path(sources.main)), False)]
    seen = {sources.main}
    while waiting:
        name, origin, optional = waiting.pop(0)
        text = sources.text(name)
        if text is None:
            if not optional:
                remedy = f"name one that lies beside {file.template}, or below, relative to it"
                problems.append((origin, f"there is no template {name!r} to include", remedy))
            continue
        try:
            found = _scanned(text, name, sources.path(name))
        except TemplateSyntaxError as exc:
            # What jinja2 finds as it looks for names bears a name of its own.
            problems.append(_syntax(sources, exc, name))
            continue
        yield name, found
        for other, line, may_miss in found.includes:
            at = Origin(sources.path(name), line)
            if other is None:
                remedy = "write the name itself: what takes part must be known before"
                problems.append((at, "the name of a template to include is computed", remedy))
            elif other not in seen:
                seen.add(other)
                waiting.append((other, at, may_miss))


@lru_cache(maxsize=64)
def _scanned(text: str, name: str, path: str) -> Scan:
    """Look at one template; a command asks several times. Raises TemplateSyntaxError."""
    return scan(Environment(None, (), "").parse(text, name, path))


class _Known(NamedTuple):
    """What a template may use."""

    variables: Mapping[str, Any]
    paths: Mapping[str, str]
    every: Collection[str]
    """All variables, also those without a value."""
    local: frozenset[str]
    """What other templates of the same file define."""
    exact: bool
    """Whether ``every`` leaves out those without a value: then what is asked for may be one."""

    def missing(self, name: str, guarded: Collection[str]) -> bool:
        allowed = name in guarded and (self.exact or name in self.every)
        return name not in self.variables and not allowed


def _unknown(path: str, found: Scan, known: _Known) -> Iterator[Problem]:
    """Find the names in one template that have no value."""
    for name, line in found.undeclared:
        own = name in ("vars", "paths") or name in known.local
        if not own and known.missing(name, found.guarded):
            yield _nameless(Origin(path, line), name, "", known.every)
    for name, line in found.entries["vars"]:
        if known.missing(name, found.guarded_entries):
            yield _nameless(Origin(path, line), name, "vars.", known.every)
    for name, line in found.entries["paths"]:
        if name not in known.paths:
            like = nearest(name, known.paths)
            yield (
                Origin(path, line),
                f"paths.{name} is not known",
                f"did you mean paths.{like}?" if like else "add it to [paths]",
            )


def _nameless(origin: Origin, name: str, prefix: str, every: Collection[str]) -> Problem:
    if name in every:
        remedy = f"give {name} a value, or ask before: {{% if {prefix}{name} is defined %}}"
        return origin, f"{prefix}{name} has no value", remedy
    like = nearest(name, every)
    remedy = f"did you mean {prefix}{like}?" if like else f"define {name} under [vars]"
    return origin, f"{prefix}{name} is not known", remedy


def _syntax(sources: Sources, exc: TemplateSyntaxError, name: str | None = None) -> Problem:
    name = name or exc.name
    path = sources.path(name) if name else exc.filename or ""
    said = (exc.message or "it is no template").rstrip(".")
    return Origin(path, exc.lineno), said, "see the syntax of Jinja2's templates"


def _error(file: RenderedFile, sources: Sources, problems: list[Problem]) -> ManifestError:
    main = sources.path(sources.main)
    problems.sort(key=lambda p: (p[0].file != main, p[0].file, p[0].line))
    where, what, remedy = problems[0]
    if len(problems) == 1:
        return ManifestError(f"in the template of {file.path}, {what}", where=where, remedy=remedy)
    return ManifestError(
        f"{len(problems)} things are wrong in the template of {file.path}",
        where=where,
        details=[f"{o}: {w} ({r})" for o, w, r in problems],
    )


def _stopped(exc: BaseException, paths: Collection[str]) -> tuple[str, int]:
    """Give the innermost line of a template on the way to where rendering stopped."""
    path, line = "", 0
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in paths:
            path, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return path, line


def _on_line(
    path: str, line: int, sources: Sources, scans: list[tuple[str, Scan]], known: Collection[str]
) -> list[str]:
    """Name the variables that a line of a template uses."""
    for name, found in scans:
        if sources.path(name) == path:
            return sorted({n for n, at in found.lines if at == line and n in known})
    return []


def _said(exc: BaseException) -> str:
    """Word an error of an expression. Most errors' own words may show a value."""
    if isinstance(exc, SecurityError):
        return "an expression asks for what templates may not use"
    if isinstance(exc, TemplateNotFound):
        return "a template to include is not there"
    if isinstance(exc, ZeroDivisionError):
        return "an expression divides by zero"
    if isinstance(exc, RecursionError):
        return "it includes or calls itself without end"
    if isinstance(exc, TypeError):
        return "an expression does not fit the type of what it is given"
    return f"an expression cannot be computed ({type(exc).__name__})"
