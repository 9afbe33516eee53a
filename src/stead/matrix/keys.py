"""Every key of every environment, evaluated: for tox's files under tox's names."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from stead.matrix import describe, select
from stead.matrix.from_tox import ToxTests
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.formats.tox import Scope, ToxProject
    from stead.matrix.asking import Asked
    from stead.values.context import Context
    from stead.values.suite import Environment


def evaluated(asked: Asked, context: Context) -> dict[str, Any]:
    """Give ``{"env": {NAME: {KEY: value}}}``, of all environments unless some are chosen.

    Of tox's files the keys are tox's, with the main section's under ``tox``, and the
    values have the form that ``tox config --format json`` gives them. A value that is
    wrong is ``{"error": …}``: the others can be shown all the same.
    """
    found = describe.read(asked, context)
    names = found.names if asked.wanted.nothing else select.names(found, asked.wanted)
    if isinstance(found, ToxTests):
        return _of_tox(found, names)
    return {"env": {name: _of_layers(found.environment(name)) for name in names}}


def as_json(found: dict[str, Any]) -> str:
    """Write it as JSON, a line for each environment."""
    dump = json.JSONEncoder(ensure_ascii=False).encode
    parts = []
    for title, keys in found.items():
        inside = keys.items() if title == "env" else ()
        lines = ",\n".join(f"  {dump(name)}: {dump(one)}" for name, one in inside)
        parts.append(f" {dump(title)}: " + (f"{{\n{lines}\n }}" if inside else dump(keys)))
    return "{\n" + ",\n".join(parts) + "\n}"


def as_text(found: dict[str, Any]) -> str:
    """Write sections of ``key = value``, a list one entry per line."""
    sections = [(f"env {name}", keys) for name, keys in found["env"].items()]
    sections += [(name, keys) for name, keys in found.items() if name != "env"]
    made = []
    for title, keys in sections:
        made.append(f"[{title}]")
        for key, value in keys.items():
            made += _written(key, value)
        made.append("")
    return "\n".join(made[:-1])


def _written(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        value = [f"{name} = {one}" for name, one in value.items()]
    if isinstance(value, list) and value:
        yield f"{key} ="
        yield from (f"    {one}" for one in value)
    elif isinstance(value, bool):
        yield f"{key} = {'true' if value else 'false'}"
    else:
        yield f"{key} = {value if isinstance(value, str | int | float) else ''}".rstrip()


# -- tox


def _of_tox(tests: ToxTests, names: tuple[str, ...]) -> dict[str, Any]:
    from stead.formats.tox import keys

    project = tests.project
    made = {name: _values(project.scope(name), keys.RUN) for name in names}
    for name in names:
        for builder in _builders(project, name):
            if builder not in made:
                made[builder] = _values(project.package_scope(builder), keys.PACKAGE)
    # In tox's order: a builder with a section of its own stands where that does.
    order = dict.fromkeys((*project.default, *project.candidates, *made))
    return {
        "env": {name: made[name] for name in order if name in made},
        "tox": _values(project.core, keys.CORE),
    }


def _builders(project: ToxProject, name: str) -> tuple[str, ...]:
    try:
        return project.builders(name)
    except SteadError:  # it is shown where the value stands
        return ()


def _values(scope: Scope, names: dict[str, bool]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, pairs in names.items():
        try:
            value = _native(scope.value(name))
        except SteadError as exc:
            value = {"error": str(exc)}
        made[name] = {} if pairs and value == [] else value
    return made


def _native(value: Any) -> Any:
    if isinstance(value, str | bool | int | float) or value is None:
        return value
    if isinstance(value, tuple):
        if not value or isinstance(value[0], str):
            return list(value)
        if isinstance(value[0], tuple):
            return {name: _native(one) for name, one in value}
        return [_native(one) for one in value]
    arguments = getattr(value, "arguments", None)
    if arguments is None:
        return dict(value.items())
    sign = "- " if value.ignore_failure else "! " if value.expect_failure else ""
    return sign + shlex.join(arguments)


# -- layers


def _of_layers(one: Environment) -> dict[str, Any]:
    asked, work = one.contents.packages, one.work
    found = one.interpreter
    return {
        "kind": one.kind,
        "default": one.default,
        "python": found.version if found else "",
        "interpreter": found.path if found else "",
        "missing": one.missing,
        "skip": one.skip,
        "labels": list(one.labels),
        "depends": list(one.depends),
        "package": None if one.packages is None else list(one.packages),
        "requirements": [str(r) for r in asked.requirements],
        "constraints": [str(r) for r in asked.constraints],
        "channels": [c.name for c in asked.channels],
        "indexes": [i.name for i in asked.indexes],
        "commands": [_native(c) for c in work.commands],
        "directory": work.directory,
        "timeout": work.timeout,
        "retries": work.retries,
        "resources": list(work.resources),
    }
