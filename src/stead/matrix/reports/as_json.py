"""The report as JSON, under the schema that stands beside this file.

What is in it is said once, in :func:`schema`: a report is written from the same
fields, and the docs show them.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from stead.matrix.reports import summary
from stead.matrix.reports.text import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.matrix.reports.facts import About
    from stead.values.suite import CommandResult, Result

VERSION = 1
"""Raised when a field changes its meaning or goes away; new ones may come without that."""


def report(results: Iterable[Result], about: About) -> str:
    """Write the report."""
    return json.dumps(value(results, about), indent=2, ensure_ascii=False) + "\n"


def value(results: Iterable[Result], about: About) -> dict[str, Any]:
    """Give the report as plain values."""
    listed = list(results)
    cells = [one for one in listed if one.kind == "cell"]
    return {
        "version": VERSION,
        "stead": about.version,
        "project": encodable(about.name),
        "root": encodable(about.root),
        "file": encodable(about.file),
        "machine": encodable(about.machine),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about.started)),
        "seconds": round(about.seconds, 3),
        "passed": all(one.status in summary.GOOD or one.ignored for one in listed),
        "counts": summary.counts(cells),
        "cells": [_result(one, about) for one in cells],
        "builds": [_result(one, about) for one in listed if one.kind == "build"],
        "environments": [_result(one, about) for one in listed if one.kind == "environment"],
    }


def _result(one: Result, about: About) -> dict[str, Any]:
    origin = about.origins.get(one.environment) if one.environment else None
    return {
        "job": encodable(one.job),
        "environment": encodable(one.environment),
        "definition": encodable(one.definition),
        "status": one.status,
        "reason": encodable(one.reason),
        "seconds": round(one.seconds, 3),
        "attempts": one.attempts,
        "reused": one.reused,
        "key": one.key,
        "log": encodable(_relative(one.log, about.root)),
        "origin": encodable(_relative(str(origin), about.root)) if origin else "",
        "commands": [_command(ran) for ran in one.commands],
    }


def _command(ran: CommandResult) -> dict[str, Any]:
    return {
        "arguments": [encodable(word) for word in ran.arguments],
        "code": ran.code,
        "seconds": round(ran.seconds, 3),
        "ignored": ran.ignored,
    }


def _relative(path: str, root: str) -> str:
    if not (path and root and os.path.isabs(path)):
        return path
    relative = os.path.relpath(path, root)
    return path if relative.startswith("..") else relative.replace(os.sep, "/")


# -- the schema

_TEXT = "string"

_TOP: Mapping[str, tuple[Any, str]] = {
    "version": ({"const": VERSION}, "of this format"),
    "stead": (_TEXT, "the version of the program that ran"),
    "project": (_TEXT, "its name; empty where it has none"),
    "root": (_TEXT, "the project's directory"),
    "file": (_TEXT, "what describes the environments, in the root"),
    "machine": (_TEXT, "where it ran"),
    "started": (_TEXT, "in UTC, as `2026-11-21T12:00:00Z`"),
    "seconds": ("number", "from the start to the end of all"),
    "passed": ("boolean", "whether nothing failed, ran out of time or was interrupted"),
    "counts": ("counts", "how many cells ended how; what does not occur is left out"),
    "cells": ("results", "what ran: an environment, with the package it was tested against"),
    "builds": ("results", "packages that were built, or were there"),
    "environments": ("results", "environments that were made, or were there"),
}

_RESULT: Mapping[str, tuple[Any, str]] = {
    "job": (_TEXT, "its name, as shown: `(wheel) py312`"),
    "environment": (_TEXT, "the environment's name; empty for a package"),
    "definition": (_TEXT, "the name of the package's definition; empty without one"),
    "status": ({"enum": sorted(summary.STATUSES)}, "how it ended; `flaky` passed when tried again"),
    "reason": (_TEXT, "why it was skipped, stopped, or run"),
    "seconds": ("number", "how long it took"),
    "attempts": ("integer", "how often it was tried"),
    "reused": ("boolean", "whether nothing had to be done"),
    "key": (_TEXT, "what it was kept by: everything that it depends on"),
    "log": (_TEXT, "the file with its whole output, from the root if it is in there"),
    "origin": (_TEXT, "where the environment is written, `file:line`"),
    "commands": ("commands", "what ran, in order"),
}

_COMMAND: Mapping[str, tuple[Any, str]] = {
    "arguments": ({"type": "array", "items": {"type": _TEXT}}, "the program and its arguments"),
    "code": ("integer", "its exit code; negative for the signal that ended it"),
    "seconds": ("number", "how long it took"),
    "ignored": ("boolean", "whether its failure was of no consequence"),
}


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a report."""
    counts = {
        "type": "object",
        "propertyNames": {"enum": sorted(summary.STATUSES)},
        "additionalProperties": {"type": "integer", "minimum": 1},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of stead test",
        **_object(_TOP),
        "$defs": {
            "counts": counts,
            "results": {"type": "array", "items": _object(_RESULT)},
            "commands": {"type": "array", "items": _object(_COMMAND)},
        },
    }


def _object(fields: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(fields),
        "properties": {
            name: {**_type(kind), "description": about} for name, (kind, about) in fields.items()
        },
    }


def _type(kind: Any) -> dict[str, Any]:
    if isinstance(kind, dict):
        return kind
    if kind in ("counts", "results", "commands"):
        return {"$ref": f"#/$defs/{kind}"}
    return {"type": kind}


def markdown() -> str:
    """Describe the fields for the docs, in tables."""
    tables = [("The report", _TOP), ("Results", _RESULT), ("Commands", _COMMAND)]
    parts = []
    for title, fields in tables:
        rows = [f"| `{name}` | {about} |" for name, (_, about) in fields.items()]
        parts.append("\n".join([f"## {title}", "", "| field | what |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
