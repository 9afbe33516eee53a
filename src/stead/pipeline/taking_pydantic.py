"""The variables of a settings class of pydantic's, asked of the project's own Python."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from stead.config.references import escape
from stead.formats.private_names import is_private
from stead.formats.settings_proposal import Proposed
from stead.pipeline import answering, steps
from stead.pipeline.unread import private_unread
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import replace
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.pipeline.request import Request
    from stead.values.context import Context

_SPEC = regex(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TIMEOUT = 60.0


def fields(
    spec: str, request: Request, context: Context
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Give the class's fields, and the files that it reads itself. Raises UsageError."""
    if not _SPEC.match(spec):
        raise UsageError(
            f"{spec!r} does not name a class",
            remedy="write module:Class, as in app.settings:Settings",
        )
    python, environ = _python(request, context)
    script = os.path.join(os.path.dirname(__file__), "_pydantic_fields.py")
    with open(script, encoding="utf-8") as file:
        text = file.read()
    try:
        done = context.run(
            [python, "-c", text, spec], cwd=request.directory, env=environ, timeout=_TIMEOUT
        )
    except TimeoutError as exc:
        raise UsageError(
            f"importing {spec} took more than {_TIMEOUT:.0f} seconds",
            remedy="make the module that holds the class start nothing",
        ) from exc
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise UsageError(
            f"{spec} could not be imported by {python}",
            details=said[-1:],
            remedy="correct the name, or ask for what it needs with `stead add`",
        )
    answer = json.loads(done.stdout.strip().rpartition("\n")[2])
    return answer["fields"], tuple(answer["reads"])


def _python(request: Request, context: Context) -> tuple[str, dict[str, str]]:
    """Find the place's Python, building its environment if need be; the caller's without a place."""
    environ = {n: v for n, v in context.environ.items() if not n.startswith("PYTHON")}
    wanted = replace(request, overlay={**private_unread(request), **request.overlay})
    try:
        composed = steps.composed_for(wanted, context, fetch=True)
    except ManifestError:
        from stead.pipeline.discover import discover

        # Without a place that is an answer; what is wrong with one is not passed over.
        try:
            discover(request.directory, home=request.user_home, overlay=wanted.overlay)
        except ManifestError as exc:
            if "stead init" not in exc.remedy:
                raise
        else:
            raise
        return _callers(environ), environ
    locked = answering.locked_for(composed, context)
    build = steps.built_for(composed, locked, context)
    environ["PYTHONPATH"] = os.pathsep.join(composed.spec.configuration.modules)
    if build is not None:
        for inside in ("bin/python", "python.exe", "Scripts/python.exe"):
            path = os.path.join(str(build), inside)
            if os.path.exists(path):
                return path, environ
    if locked.interpreter is not None:
        return locked.interpreter.path, environ
    return _callers(environ), environ


def _callers(environ: Mapping[str, str]) -> str:
    for name in ("python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    raise UsageError("there is no Python here", remedy="ask for one with `stead add python:3.12`")


def proposed(
    found: Iterable[Mapping[str, Any]],
) -> tuple[tuple[Proposed, ...], tuple[str, ...]]:
    """Declare the fields as variables, and say what could not be."""
    made: dict[str, Proposed] = {}
    notes: list[str] = []
    for described in found:
        name = str(described["name"])
        if not _NAME.match(name):
            notes.append(f"left out: {name!r} is no variable's name")
            continue
        if name in made:
            notes.append(f"{name} is read by two fields; the first one's declaration is taken")
            continue
        if described["others"]:
            notes.append(f"{name} may also be called {', '.join(described['others'])}")
        if described.get("note"):
            notes.append(f"{name}: {described['note']}")
        made[name] = Proposed(name, _table(described, notes))
    return tuple(made.values()), tuple(notes)


def _table(described: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    name, kind = str(described["name"]), str(described["type"])
    default = described.get("default")
    if kind == "str" and is_private(name, str(default or "")):
        kind = "secret"
        if default:
            notes.append(f"{name}: its default is not taken, for it looks like a secret")
        default = None
    table: dict[str, Any] = {"type": kind}
    if described["required"]:
        table["required"] = True
    if default is not None:
        table["default"] = escape(default) if isinstance(default, str) else default
    for key in ("min", "max", "choices", "scheme", "pattern"):
        if described.get(key) not in (None, [], ""):
            table[key] = described[key]
    if described["description"]:
        table["description"] = " ".join(str(described["description"]).split())
    return table
