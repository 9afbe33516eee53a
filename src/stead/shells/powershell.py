"""PowerShell, by its documented rules of quoting.

Before 7.5 it cannot hold an empty variable: one that is set to nothing is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.posix import check_separator
from stead.shells.quote import check_name, powershell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.activation import Activation, Change


def render(activation: Activation) -> str:
    """Give text for ``Invoke-Expression``. Raises SteadError for what it cannot hold."""
    return render_changes(activation.changes)


def render_changes(changes: Iterable[Change]) -> str:
    """Like :func:`render`, for changes alone."""
    return "".join(_line(change) + "\n" for change in changes)


def _line(change: Change) -> str:
    name = f"${{Env:{check_name('powershell', change.name)}}}"
    value = powershell(change.value)
    if change.kind == "set":
        return f"{name} = {value}"
    if change.kind == "unset":
        return f"Remove-Item -LiteralPath {powershell('Env:' + change.name)} -ErrorAction Ignore"
    if change.kind == "default":
        there = f"Test-Path -LiteralPath {powershell('Env:' + change.name)}"
        return f"if (-not ({there})) {{ {name} = {value} }}"
    # Comparison by ordinal: -eq ignores case, and characters that a culture finds weightless.
    separator = powershell(check_separator(change))
    old = f"@(if ({name}) {{ {name}.Split([char]{separator}) }})"
    rest = f"@({old} | Where-Object {{ -not [string]::Equals($_, {value}) }})"
    entries = f"@({value}) + {rest}" if change.kind == "prepend" else f"{rest} + @({value})"
    return f"{name} = ({entries}) -join {separator}"
