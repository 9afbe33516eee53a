"""What a table's entries say besides their values: who defines, who gets, what drifts."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from stead.config.nodes import Node
from stead.config.ranks import visible
from stead.values.frozen import replace
from stead.values.kinds import Type
from stead.values.table import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.config.evaluate import Evaluator
    from stead.config.modules import Chosen
    from stead.config.nodes import Value
    from stead.config.ranks import Slot
    from stead.config.report import Report
    from stead.values.kinds import Declaration, RenderedFile
    from stead.values.spec import Configuration
    from stead.values.table import Definition

_OVER_ADOPTED = frozenset([".env", "--set"])
_SECRET = Type("secret")


def make_entries(
    slots: Mapping[str, Slot],
    evaluator: Evaluator,
    *,
    sides: Mapping[str, str],
    configuration: Configuration,
    chosen: Chosen,
    report: Report,
) -> tuple[Entry, ...]:
    """Compute every variable. ``sides`` says which add to what the caller has."""
    all_files = files_of(configuration, chosen)
    everybody = _everybody(chosen)
    adopt = frozenset(configuration.adopt)
    entries = []
    for name, slot in slots.items():
        key = f"list:{name}" if name in sides else name
        node = evaluator.nodes.get(key)
        value = evaluator.value(key) if node else None
        if node is None and slot.required:
            _report_required(slot, report, at_home=_at_home(slot, configuration))
        where, fallback = sides.get(name, "set"), None
        if name in adopt and where == "set" and slot.winner and not (value and value.pieces):
            where, fallback = _adopted(slot, value, evaluator)
        pieces = value.pieces if value else ()
        secret = bool(pieces) or slot.type.name == "secret"
        declarations = slot.declarations
        files = _files_with(name, all_files, declared=bool(declarations)) if all_files else ()
        entries.append(
            Entry(
                name,
                slot.type,
                None if secret or value is None else value.text,
                secret,
                bool(slot.required),
                next((d.description for d, _ in declarations if d.description), ""),
                _declared(slot) if declarations else None,
                ", ".join(dict.fromkeys([by for _, by in declarations])),
                _definitions(slot),
                tuple([piece for piece, _ in pieces]),
                any("u" in how for _, how in pieces),
                tuple([how for _, how in pieces]),
                node.refers if node else (),
                (*everybody, *files),
                where,
                fallback,
            )
        )
    return tuple(entries)


def files_of(configuration: Configuration, chosen: Chosen) -> tuple[RenderedFile, ...]:
    """Give the files that are made from the table: the place's and the app's."""
    own = chosen.app.files if chosen.app else ()
    return tuple(
        sorted(dict.fromkeys((*configuration.files, *own)), key=lambda f: (f.base, f.path))
    )


def drift(
    entries: tuple[Entry, ...], configuration: Configuration, ambient: Mapping[str, str]
) -> tuple[str, ...]:
    """Name the variables that the caller's shell has with another value, and may not set."""
    adopt = frozenset(configuration.adopt)
    return tuple(
        e.name
        for e in entries
        if e.name in ambient
        and e.name not in adopt
        and e.where == "set"
        and not e.secret
        and e.value is not None
        and ambient[e.name] != e.value
    )


def without_secret(definition: Definition, slots: Mapping[str, Slot]) -> Definition:
    """Give a setting of the command line without its value, if that is a secret."""
    name = definition.name.rpartition(".")[2]
    affected = (s for s in slots.values() if s.name.endswith(name))
    if any(s.type.name == "secret" for s in affected):
        return replace(definition, value=visible(_SECRET, definition.value))
    return definition


def _definitions(slot: Slot) -> tuple[Definition, ...]:
    given = [g.definition for g in slot.given]
    if slot.type.name == "secret":
        given = [
            replace(d, value=visible(slot.type, d.value, literal=g.literal))
            for g, d in zip(slot.given, given, strict=True)
        ]
    return tuple(given)


def _declared(slot: Slot) -> Declaration:
    declared = slot.declarations[0][0]
    default = visible(slot.type, declared.default)
    return declared if default is declared.default else replace(declared, default=default)


def _everybody(chosen: Chosen) -> tuple[str, ...]:
    """Say in words who gets the environment: the app, and each of its processes."""
    app = chosen.app
    if app is None:
        return ()
    processes = [f"app {app.name}: {name}" for name, _ in app.processes]
    return (*([f"app {app.name}"] if app.run or not processes else []), *processes)


def _files_with(name: str, files: tuple[RenderedFile, ...], *, declared: bool) -> tuple[str, ...]:
    """Name the files that list a variable; what a template takes is seen when it is filled in."""
    return tuple(
        f.path
        for f in files
        if (any(fnmatch.fnmatchcase(name, pattern) for pattern in f.names))
        or (not f.names and not f.template and declared)
    )


def _adopted(slot: Slot, value: Value | None, evaluator: Evaluator) -> tuple[str, str | None]:
    """Say how an adopted name reaches a process, and what it is where the caller has none."""
    assert slot.winner is not None
    rank = slot.winner.definition.rank
    if rank in _OVER_ADOPTED:
        return "set", None
    if rank != "adopted":
        return "default", value.text if value else None
    if value is not None and value.text != slot.winner.definition.value:
        return "set", None  # the caller wrote it otherwise than processes read it
    rest = next((g for g in slot.given if g.definition.rank != "adopted"), None)
    if rest is None or rest.definition.value is None:
        return "default", None
    d = rest.definition
    key = f"fallback:{slot.name}"
    evaluator.nodes[key] = Node(
        slot.name, d.value or "", kind=slot.type, base=d.base, origin=d.origin, by=d.by,
        rank=d.rank, scope=rest.scope, role=rest.role, literal=rest.literal,
    )  # fmt: skip
    other = evaluator.value(key)
    return "default", other.text if other and not other.pieces else None


def _at_home(slot: Slot, configuration: Configuration) -> str:
    """Name the ``.env`` that defines a variable and does not count, as on a deploy."""
    counted = {id(g.definition) for g in slot.given}
    return next(
        (
            d.origin.file
            for d in configuration.definitions
            if d.name == slot.name and d.rank == ".env" and id(d) not in counted
        ),
        "",
    )


def _report_required(slot: Slot, report: Report, *, at_home: str) -> None:
    declared, by = slot.declarations[0] if slot.declarations else (None, "")
    needed = [
        report.by(who, where)
        for who, where in sorted(slot.required, key=lambda r: (r[1].file, r[1].line, r[0]))
        if who != by
    ]
    said = f"declared by {report.by(by, declared.origin)}" if declared else ""
    taken = ""
    if slot.winner is not None:
        d = slot.winner.definition
        taken = f"taken away by {report.by(d.by, d.origin)}"
    reasons = [f"needed by {', '.join(needed)}" if needed else "", said, taken]
    report.add(
        f"{slot.name} has no value ({'; '.join(r for r in reasons if r)})",
        slot.required[0][1] if not declared else declared.origin,
        remedy="bind it in a client, or define it under [vars] or in .env"
        if not at_home
        else "bind it in a client, or let the recipe set it: what .env says is for this machine",
    )
