"""Paths of a table, checked for platforms that one is not on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.locations import clashes
from stead.config.references import parse as parse_references
from stead.config.report import Report, listed
from stead.config.types import check_everywhere
from stead.values.errors import ManifestError
from stead.values.kinds import Type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.config.faults import TypeFault
    from stead.values.kinds import Raw
    from stead.values.origin import Origin
    from stead.values.platform import Platform
    from stead.values.table import Finding, Table

_PATH = Type("path")
_STANDS_FOR_ANY = "x"
_NAMES = {"linux": "Linux", "osx": "macOS", "windows": "Windows"}
_CASELESS = ("osx", "windows")


def check_paths(
    table: Table, platforms: Iterable[Platform], *, place: str, relative: bool = False
) -> tuple[Finding, ...]:
    """Say which paths of a table cannot be, or do harm, on any of ``platforms``.

    Looked at are ``[paths]`` and the variables of type ``path`` and ``paths`` as
    they are written: what a reference comes to is checked where it stands. With
    ``relative``, paths that name a place of one machine (absolute ones) are left out.
    """
    report = Report(place)
    asked = tuple(platforms)
    written: list[tuple[str, Type, Raw, str, Origin]] = [
        (f"paths.{p.name}", _PATH, p.path, p.base, p.origin)
        for p in table.paths
        if p.path is not None
    ]
    for entry in table.entries:
        if entry.type.name in ("path", "paths") and entry.definitions and not entry.secret:
            d = entry.definitions[0]
            if d.value is not None:
                kind = Type(entry.type.name)
                own = f"${{{entry.name}}}"
                raw = _without_references(d.value, own, literal=d.rank in (".env", "adopted"))
                if raw:
                    written.append((entry.name, kind, raw, d.base, d.origin))
    if relative:
        written = [w for w in written if not _is_absolute(w[2])]
    for name, kind, raw, base, origin in written:
        found: dict[tuple[str, str], tuple[list[str], TypeFault]] = {}
        for family, fault in check_everywhere(kind, raw, base, asked):
            found.setdefault((fault.message, fault.kind), ([], fault))[0].append(family)
        for families, fault in found.values():
            where = listed([_NAMES[f] for f in families])
            report.add(
                f"{name} is {raw!r}: {fault.message} (on {where})",
                origin,
                details=[fault.detail] if fault.detail else [],
                remedy=fault.remedy,
                kind=fault.kind,
            )
    caseless = list(dict.fromkeys(p.family for p in asked if p.family in _CASELESS))
    if caseless:
        _check_case(written, caseless, report)
    return report.sorted()


def _check_case(
    written: Iterable[tuple[str, Type, Raw, str, Origin]], families: list[str], report: Report
) -> None:
    single = {n: (raw, base, o) for n, k, raw, base, o in written if isinstance(raw, str)}
    pairs = clashes((name, f"{base}/{raw}") for name, (raw, base, _) in sorted(single.items()))
    for one, other in pairs:
        report.add(
            f"{one} and {other} differ in case alone, and are one file on "
            + listed([_NAMES[f] for f in families]),
            single[other][2],
            details=[f"{n} = {single[n][0]!r} ({report.at(single[n][2])})" for n in (one, other)],
            remedy="give one of them another name",
        )


def _is_absolute(raw: Raw) -> bool:
    return any(
        item.startswith(("/", "\\", "~")) or item[1:2] == ":"
        for item in ((raw,) if isinstance(raw, str) else raw)
    )


def _without_references(raw: Raw, own: str, *, literal: bool) -> Raw | None:
    if isinstance(raw, tuple):
        texts = [_plain(item, literal=literal) for item in raw if item != own]
        return tuple([t for t in texts if t])
    return _plain(raw, literal=literal)


def _plain(text: str, *, literal: bool) -> str:
    if literal:
        return text
    try:
        parts = parse_references(text)
    except ManifestError:
        return ""  # reported where the table was made
    return "".join([p if isinstance(p, str) else _STANDS_FOR_ANY for p in parts])
