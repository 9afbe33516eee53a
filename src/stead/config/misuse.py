"""Names and texts that stand where they should not: slips of the pen, secrets in tracked files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.faults import TypeFault
from stead.config.nearmiss import NearMisses
from stead.config.ranks import UNTRACKED, visible
from stead.config.references import is_plain
from stead.config.types import parse
from stead.values.secret import SHOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.config.modules import Modules
    from stead.config.ranks import Slot
    from stead.config.report import Report
    from stead.values.platform import Platform

_CHECKED = frozenset([".env", "--set", "adopted", "recipe"])
_WARNED = frozenset(["vars", "layer"])
_ELSEWHERE = frozenset(["secret", "data", "path", "paths"])
"""Types whose texts mean something only on the right machine, or are not shown."""
_CERTAIN = ("age:", "sops:", "keyring:")
"""How texts begin that can hardly be anything but references to secrets."""


def check_names(slots: Mapping[str, Slot], modules: Modules, report: Report) -> None:
    """Report names that nobody declares, and that are almost ones that somebody does.

    What the command line alone sets is told also where it is almost one that has a value.
    """
    suspects = []
    declared = []
    valued = []
    for name, slot in slots.items():
        if slot.declarations or slot.implied:
            declared.append(name)
        elif slot.winner is not None:
            if slot.winner.definition.rank in _CHECKED | _WARNED:
                suspects.append(slot)
            if any(given.definition.rank != "--set" for given in slot.given):
                valued.append(name)
    if not suspects or not (declared or valued):
        return
    elsewhere = {d.name for lib in modules.libs.values() for d in lib.accepts}
    near = NearMisses(declared)
    near_values = NearMisses(valued)
    for slot in suspects:
        winner = slot.winner
        if winner is None or slot.name in elsewhere:
            continue
        ranks = {g.definition.rank for g in slot.given}
        like = near.of(slot.name)
        if like is None and ranks == {"--set"}:
            like = near_values.of(slot.name)
        if like is None:
            continue
        d = winner.definition
        report.add(
            f"{report.by(d.by, d.origin)}: nobody declares {slot.name}"
            if not d.origin.file
            else f"nobody declares {slot.name}, which {d.by or d.rank} sets",
            d.origin,
            details=[f"{like} is declared by {slots[like].declarations[0][1]}"]
            if slots[like].declarations
            else [],
            remedy=f"did you mean {like}? If not, declare {slot.name} under [vars]",
            # What a file of the project defines too is hardly a slip of this hand.
            kind="warning" if ranks & _WARNED or ranks & {"module", "app"} else "error",
        )


def check_secrets(slots: Mapping[str, Slot], report: Report) -> None:
    """Report secrets that stand in files of the project, and references that are not taken as such."""
    for slot in slots.values():
        if slot.type.name == "secret":
            for given in slot.given:
                d = given.definition
                if d.rank not in UNTRACKED and visible(slot.type, d.value) == SHOWN:
                    report.add(
                        f"{slot.name} is a secret, and stands in a tracked file",
                        d.origin,
                        details=[f"set by {d.by}"] if d.by else [],
                        remedy="change that secret, and write a reference to it here "
                        "(age:FILE#KEY), or put it into .env",
                    )
        elif slot.winner is not None and slot.type.name == "str":
            d = slot.winner.definition
            if isinstance(d.value, str) and d.value.startswith(_CERTAIN) and "#" in d.value:
                report.add(
                    f"{slot.name} looks like a reference to a secret, and is taken as text",
                    d.origin,
                    remedy=f'declare it: {slot.name} = {{ type = "secret", … }}',
                    kind="warning",
                )


def check_defaults(slots: Mapping[str, Slot], platform: Platform, report: Report) -> None:
    """Report defaults that could never be; one that prevails was checked with its value."""
    for slot in slots.values():
        for given in slot.given[1:]:
            d = given.definition
            if d.rank != "lib default" or slot.type.name in _ELSEWHERE:
                continue
            if isinstance(d.value, str) and is_plain(d.value):
                try:
                    parse(slot.type, d.value, platform, d.base)
                except TypeFault as fault:
                    report.add(
                        f"the default of {slot.name} is {d.value!r}: {fault.message}",
                        d.origin,
                        remedy=fault.remedy,
                    )
