"""What there is to test, for people and for programs."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from stead.matrix.plan import Build, Cell, Plan
    from stead.values.package import PackageDefinition
    from stead.values.suite import Environment, Suite
    from stead.values.testenv import Note


def lines(suite: Suite, plan: Plan) -> Iterator[str]:
    """List the environments of a plan with what they are tested against, those by default first.

    Definitions that fit nothing, and notes, follow.
    """
    cells = _by_environment(plan)
    shown = [one for one in suite.environments if one.name in cells]
    width = max((len(c.label) for c in plan.cells), default=0)
    versions = {one.name: _python(one) for one in shown}
    wide = max(map(len, versions.values()), default=0)
    for title, default in (("by default:", True), ("besides these:", False)):
        found = [one for one in shown if one.default is default]
        if found:
            yield title
        for one in found:
            for cell in cells[one.name]:
                about = _about(one, cell)
                yield f"  {cell.label:<{width}}  {versions[one.name]:<{wide}}  {about}".rstrip()
    if suite.source != "tox" and suite.definitions:
        yield "packages:"
        longest = max(len(d.name) for d in suite.definitions)
        for definition in suite.definitions:
            what = _said(definition, plan)
            yield f"  {definition.name:<{longest}}  {what}"
    if suite.notes:
        yield "notes:"
        yield from (f"  {line}" for note in suite.notes for line in _noted(note, suite.root))


def table(suite: Suite, plan: Plan) -> dict[str, Any]:
    """Give the same as a table."""
    cells = _by_environment(plan)
    return {
        "format": 1,
        "root": suite.root,
        "file": suite.file,
        "source": suite.source,
        "environments": [
            _described(one, cells[one.name]) for one in suite.environments if one.name in cells
        ],
        "packages": [
            {
                "name": one.name,
                "builder": one.builder,
                "format": one.format,
                "description": one.description,
                "builds": [b.key for b in plan.builds if b.definition == one.name],
                "unused": one.name in plan.unused,
                "unmatched": one.name in plan.unmatched,
                "where": str(one.origin),
            }
            for one in suite.definitions
        ],
        "notes": [
            {"message": n.message, "where": str(n.origin), "remedy": n.remedy} for n in suite.notes
        ],
    }


def _described(one: Environment, cells: Sequence[Cell]) -> dict[str, Any]:
    found = one.interpreter
    return {
        "name": one.name,
        "kind": one.kind,
        "default": one.default,
        "description": one.description,
        "labels": list(one.labels),
        "depends": list(one.depends),
        "python": found.version if found else "",
        "interpreter": found.path if found else "",
        "missing": one.missing,
        "wrong": one.wrong,
        "skip": one.skip,
        "where": str(one.origin),
        "cells": [
            {
                "label": c.label,
                "package": c.definition,
                "skip": skipped(one, c),
                "after": list(c.after),
            }
            for c in cells
        ],
    }


def _by_environment(plan: Plan) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        found.setdefault(cell.environment, []).append(cell)
    return found


def _python(one: Environment) -> str:
    if one.interpreter is not None:
        return one.interpreter.version
    return "conda" if one.kind == "conda" else "none"


def _about(one: Environment, cell: Cell) -> str:
    said = [one.description] if one.description else []
    if skip := skipped(one, cell):
        said.append(f"[skipped: {skip}]")
    elif one.fails:
        said.append(f"[fails: {one.fails}]")
    return "  ".join(said)


def skipped(one: Environment, cell: Cell) -> str:
    """Say why a cell does not run; nothing where it fails, as for want of an interpreter."""
    return "" if one.fails else cell.skip


def _said(definition: PackageDefinition, plan: Plan) -> str:
    if definition.name in plan.unmatched:
        return f"fits no environment at all ({definition.origin})"
    if definition.name in plan.unused:
        return "fits none of these environments, and is not built for them"
    builds: list[Build] = [b for b in plan.builds if b.definition == definition.name]
    if not builds:
        taken = any(c.definition == definition.name and not c.skip for c in plan.cells)
        return "is there, and is not built" if taken else "every environment that fits is skipped"
    each = [b.interpreter for b in builds if b.interpreter]
    how = f"built once for each of {', '.join(each)}" if each else "built once"
    return f"{how}; {definition.description}" if definition.description else how


def _noted(note: Note, root: str) -> Iterator[str]:
    where = str(note.origin).replace(root + os.sep, "") if note.origin.file else ""
    yield f"{where}: {note.message}" if where else note.message
    if note.remedy:
        yield f"  → {note.remedy}"
