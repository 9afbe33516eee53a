"""Definitions by rank: which of all that define a variable prevails, and which contradict.

The rank decides (:data:`stead.values.table.RANKS`), and within one the depth.
Equal values unify; different ones of equal strength contradict each other, if
nothing stronger settles it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.faults import TypeFault
from stead.config.references import Reference, is_plain
from stead.config.references import parse as parse_references
from stead.config.types import check_type, parse
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.kinds import TEXT, Type
from stead.values.platform import Platform
from stead.values.secret import SHOWN, scheme_of
from stead.values.table import RANKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.config.report import Report
    from stead.values.kinds import Client, Declaration, Lib, Raw
    from stead.values.origin import Origin
    from stead.values.table import Definition

_STRENGTH = {rank: number for number, rank in enumerate(RANKS)}
UNTRACKED = frozenset([".env", "adopted", "--set"])
"""Ranks whose values stand in no file of the project: a secret may."""
_LITERAL = frozenset([".env", "adopted"])
"""Ranks whose values mean themselves: nothing in them is a reference."""
_TABLES = frozenset(["module", "vars", "layer"])
"""Ranks of what stands in tables of variables."""
_SHOWN_RIVALS = 20
"""How many values that contradict each other are shown."""
_BASED = frozenset(["path", "paths", "data", "secret"])


class Given:
    """A definition, and how its text is to be read."""

    __slots__ = ("definition", "role", "scope")

    def __init__(
        self, definition: Definition, scope: Mapping[str, str] | None = None, role: str = ""
    ) -> None:
        self.definition = definition
        self.scope = scope
        """What names mean in it, where a prefix changes that."""
        self.role = role
        """``listen`` or ``data`` for what an app binds."""

    @property
    def literal(self) -> bool:
        return self.definition.rank in _LITERAL


class Slot:
    """One variable in the making: who declares it, who wants it, who defines it."""

    __slots__ = ("declarations", "exports", "given", "implied", "name", "required", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = TEXT
        self.implied = ""
        """The type that binding it means, for one that nobody declares."""
        self.declarations: list[tuple[Declaration, str]] = []
        """With who declares, in words: ``lib pgdriver``, ``[vars]``."""
        self.exports: list[tuple[Client | None, Lib, str]] = []
        """Who takes it, as whose variable, and how that lib calls it."""
        self.required: list[tuple[str, Origin]] = []
        """Who needs it, in words."""
        self.given: list[Given] = []

    @property
    def winner(self) -> Given | None:
        return self.given[0] if self.given else None


def settle(slot: Slot, platform: Platform, report: Report) -> None:
    """Order a variable's definitions, the one that prevails first, and name contradictions."""
    _settle_type(slot, report)
    if slot.type.name == "bool":
        _let_false_be_false(slot)
    given = slot.given
    if slot.type.name == "bool":
        for one in given:
            # In [vars], `false` takes a variable away; of one that may be false it is the value.
            if one.definition.value is None and one.definition.rank in _TABLES:
                one.definition = replace(one.definition, value="false")
    if len(given) < 2:
        return
    given.sort(key=_order)
    first = given[0].definition
    rivals = [
        g.definition
        for g in given
        if g.definition.rank == first.rank and g.definition.depth == first.depth
    ]
    if len(rivals) > 1:
        kept = [first]
        for rival in rivals[1:]:
            if len(kept) > _SHOWN_RIVALS:
                break
            if not any(_same(slot.type, rival, other, platform) for other in kept):
                kept.append(rival)
        if len(kept) > 1:
            _contradict(slot, kept, report)


def _let_false_be_false(slot: Slot) -> None:
    """Read ``NAME = false`` as the value that it is for a bool; elsewhere it takes away."""
    for given in slot.given:
        if given.definition.value is None:
            given.definition = replace(given.definition, value="false")


def shown(slot_type: Type, definition: Definition) -> str:
    """Show a definition's value, unless it is a secret."""
    value = visible(slot_type, definition.value)
    return repr(list(value) if isinstance(value, tuple) else value)


def visible(slot_type: Type, value: Raw | None, *, literal: bool = False) -> Raw | None:
    """Give what may be shown of a definition's value: all of it, unless it is a secret.

    Of a ``literal`` one braces and dollar signs are part of the secret itself.
    """
    if slot_type.name != "secret" or not value:
        return value
    if isinstance(value, str) and (scheme_of(value) or not (literal or _means_itself(value))):
        return value
    return SHOWN


def _means_itself(text: str) -> bool:
    if is_plain(text):
        return True
    try:
        return not any(isinstance(part, Reference) for part in parse_references(text))
    except ManifestError:
        return True


def _order(given: Given) -> tuple[int, int, str, int, str, str]:
    d = given.definition
    return -_STRENGTH[d.rank], -d.depth, d.origin.file, d.origin.line, d.by, repr(d.value)


def _same(slot_type: Type, a: Definition, b: Definition, platform: Platform) -> bool:
    if a.value == b.value:
        return a.base == b.base or a.value is None or slot_type.name not in _BASED
    if a.value is None or b.value is None:
        return False
    # `yes` and `true` are one value, and so are two ways to write a path.
    if not all(_is_plain(d.value) for d in (a, b)):
        return False
    try:
        one, other = (parse(slot_type, d.value or "", platform, d.base) for d in (a, b))
    except TypeFault:
        return False
    return one == other


def _is_plain(value: Raw | None) -> bool:
    return all(map(is_plain, (value,) if isinstance(value, str) else value or ()))


def _contradict(slot: Slot, rivals: list[Definition], report: Report) -> None:
    first = rivals[0]
    details = [
        f"{'taken away' if r.value is None else shown(slot.type, r)} ({report.by(r.by, r.origin)})"
        for r in rivals
    ]
    remedy = f"take one of them away, or define {slot.name} where it outranks them"
    libs = {lib.name: lib for client, lib, _ in slot.exports if client}
    if first.rank == "client" and libs:
        able = [name for name, lib in sorted(libs.items()) if lib.prefix]
        remedy = (
            'give one of the clients a prefix (prefix = "OTHER_")'
            if able
            else f"say prefix = true in [lib.{min(libs)}] if its code can take other names, "
            f"and give one of the clients a prefix"
        ) + f", or define {slot.name} under [vars]"
        message = f"clients give {slot.name} different values"
    elif first.rank == "lib default":
        message = f"libs give {slot.name} different defaults"
    else:
        message = f"{slot.name} has different values of equal rank"
    report.add(message, first.origin, details=details, remedy=remedy)


def _settle_type(slot: Slot, report: Report) -> None:
    """Make one type of all declarations: each must agree, and the tightest limits count."""
    if not slot.declarations:
        if slot.implied:
            slot.type = Type(slot.implied)
        return
    if len(slot.declarations) == 1:
        declared, by = slot.declarations[0]
        slot.type = declared.type
        # A word on what it means is not a word on what it may hold.
        if slot.implied and by == "[vars]" and declared.type == TEXT:
            slot.type = Type(slot.implied)
        return
    slot.declarations.sort(key=lambda d: (d[0].origin.file, d[0].origin.line, d[1]))
    opinions = [d for d in slot.declarations if d[1] != "[vars]" or d[0].type != TEXT]
    if not opinions:
        return
    names = dict.fromkeys(d.type.name for d, _ in opinions)
    if len(names) > 1:
        report.add(
            f"{slot.name} is declared with different types",
            opinions[0][0].origin,
            details=[f"{d.type.name} ({report.by(by, d.origin)})" for d, by in opinions],
            remedy="let one of them take another name, or a prefix",
        )
        slot.type = opinions[0][0].type
        return
    merged = opinions[0][0].type
    for declared, _ in opinions[1:]:
        if declared.type != merged:
            merged = tightest(merged, declared.type)
    slot.type = merged
    faults = check_type(merged) if not any(check_type(d.type) for d, _ in opinions) else []
    if merged.choices == () and any(d.type.choices for d, _ in opinions):
        faults = ["no choice is left that all of them allow"]
    if faults:
        report.add(
            f"no value of {slot.name} would do for all who declare it: {faults[0]}",
            opinions[0][0].origin,
            details=[report.by(by, d.origin) for d, by in opinions],
            remedy="let one of them take another name, or a prefix",
        )


def tightest(one: Type, other: Type) -> Type:
    """Give the type whose limits hold both types' limits; both have the same name."""
    return replace(
        one,
        minimum=_bound(one, one.minimum, other.minimum, greater=True),
        maximum=_bound(one, one.maximum, other.maximum, greater=False),
        choices=_common(one.choices, other.choices),
        schemes=_common(one.schemes, other.schemes),
        pattern=_both(one.pattern, other.pattern),
    )


def _bound(kind: Type, one: str, other: str, *, greater: bool) -> str:
    if not one or not other:
        return one or other
    limit = replace(Type(kind.name), minimum=other) if greater else Type(kind.name, maximum=other)
    try:
        parse(limit, one, _ANY, "/")
    except TypeFault:
        return other
    return one


_ANY = Platform("linux-64")  # numbers mean the same on all


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not other:
        return one or other
    return tuple(choice for choice in one if choice in other)


def _both(one: str, other: str) -> str:
    if not one or not other or one == other:
        return one or other
    return rf"(?=(?:{one})\Z)(?:{other})"
