"""configure: what the tree declares to the checked table of variables.

Stands between compose and activate, and depends on neither lock nor build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.state import undo
from stead.values.errors import ConfigurationError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.selection import Selection
    from stead.values.spec import Spec
    from stead.values.table import Finding, Table


def configure(spec: Spec, selection: Selection, *, caller: Mapping[str, str]) -> Table:
    """Compute the table of an environment, with everything that is wrong in it.

    ``caller`` is the environment of the calling shell; what a hook of Stead's
    applied there is taken back first. Raises nothing for users' mistakes.
    """
    from stead.config.bind import resolve

    if not (selection.app or selection.recipe):
        selection = replace(selection, app=spec.configuration.app)
    return resolve(
        spec.configuration,
        selection,
        platform=spec.platform,
        ambient=undo(caller),
        place=spec.place,
    )


def require(table: Table, *, strict: bool = False) -> None:
    """Raise ConfigurationError with all that is wrong; with ``strict``, drift is wrong too."""
    wrong = [f for f in table.findings if f.kind == "error" or (strict and f.kind == "drift")]
    if not wrong:
        return
    if len(wrong) == 1:
        found = wrong[0]
        raise ConfigurationError(
            found.message,
            where=found.where if found.where.file else None,
            details=found.details,
            remedy=found.remedy,
        )
    raise ConfigurationError(
        f"there are {len(wrong)} mistakes in the configuration",
        details=[line for f in wrong for line in lines_of(f)],
        remedy="mend each of them; nothing was started",
    )


def worth_saying(table: Table) -> tuple[Finding, ...]:
    """Give the findings that a person is told of at a run that goes on.

    That the shell has another value of a variable without a type is left to
    ``status``, ``check`` and ``explain``: such names are set in many shells.
    """
    plain = {e.name for e in table.entries if e.declared is None} if table.drift else ()
    return tuple(f for f in table.findings if f.kind != "drift" or f.about not in plain)


def what_and_mend(finding: Finding) -> tuple[str, str]:
    """Word a finding as what is wrong, in lines, and how to mend it."""
    return "\n".join(lines_of(replace(finding, remedy=""))), finding.remedy


def lines_of(finding: Finding) -> list[str]:
    """Word a finding: its place and message with the remedy, then its details."""
    first = str(finding) + (f" → {finding.remedy}" if finding.remedy else "")
    return [first, *(f"    {line}" for line in finding.details)]
