"""The hook for PowerShell 7.1 and later.

PowerShell keeps its own variables apart from the environment, and the session's
bookkeeping lies in one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import FORMAT, template
from stead.shells.posix import check_separator
from stead.shells.quote import check_name, powershell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.shells.hook_record import HookRecord, Watch

FILE = "hook.ps1"


def code(home: str, program: str, names: Sequence[str]) -> str:
    """Give the text for the profile: where Stead keeps things, its program, manifest names."""
    return (
        template(FILE)
        .replace("@NAMES@", ", ".join(map(powershell, names)))
        .replace("@FORMAT@", str(FORMAT))
        .replace("@FILE@", FILE)
        .replace("@PROGRAM@", powershell(program))
        .replace("@HOME@", powershell(home.replace("\\", "/")))
    )


def render(record: HookRecord, directory: str) -> str:  # noqa: ARG001 (the templates' form)
    """Give the hook file that lies in ``directory``.

    Raises SteadError for a name or a value that PowerShell cannot set.
    """
    names = ", ".join(_name(name) for name, _ in record.sets)
    lines = [
        f"$Stead.Recorded = {{ {_conditions(record.pairs, record.absent, record.requires)} }}",
        f"if ($Stead.Format -ne {FORMAT} -or -not ($Stead.Force -or (& $Stead.Recorded))) {{ return $false }}",
        (
            f"_stead_begin {powershell(record.key)} {powershell(record.place)} "
            f"{powershell(record.environment)} @({names})"
        ),
        *(f"_stead_put {_name(n)} {powershell(v)}" for n, v in record.sets),
        f"_stead_put 'STEAD_RECORD' {powershell(record.key)}",
        *(f"_stead_drop {_name(n)}" for n in record.unsets),
    ]
    for change in record.relative:
        name, value = _name(change.name), powershell(change.value)
        if change.kind == "default":
            lines.append(f"_stead_default {name} {value}")
        else:
            separator = powershell(check_separator(change))
            lines.append(f"_stead_list {change.kind} {name} {separator} {value}")
    lines += ["_stead_end", "return $true"]
    return "".join(f"{line}\n" for line in lines)


def watch(found: Watch) -> list[str]:
    """Give the lines that say what a pending place waits for."""
    return [
        *(f"$Stead.Past[{powershell(p)}] = {powershell(r)}" for p, r in found.past),
        f"$Stead.Watched = {{ {_conditions(found.pairs, found.absent, ())} }}",
    ]


def again(place: str, text: str) -> list[str]:
    """Give the lines that apply a record just written; ``text`` is it, in case it is not fresh."""
    return [
        f"if (-not (_stead_again {powershell(place)})) {{",
        "$Stead.Force = $true",
        f"& {{\n{text}}} | Out-Null",
        "$Stead.Force = $false; $Stead.State = 'loaded'; $Stead.Number = ''",
        "}",
    ]


def pend(place: str, keep: bool, key: str, message: str) -> list[str]:
    """Give the line that says that there is nothing to apply, and why."""
    kept = "$true" if keep else "$false"
    return [f"_stead_pend {powershell(place)} {kept} {powershell(key)} {powershell(message)}"]


def none() -> list[str]:
    """Give the lines for a directory that belongs to no place."""
    return ["_stead_none", "_stead_walk"]


def _name(name: str) -> str:
    return powershell(check_name("powershell", name))


def _conditions(
    pairs: Iterable[tuple[str, str]], absent: Iterable[str], requires: Iterable[str]
) -> str:
    tests = ["$true"]
    tests += [f"(_stead_even {powershell(p)} {powershell(r)})" for p, r in pairs]
    tests += [f"-not (_stead_there {powershell(path)})" for path in absent]
    tests += [f"(_stead_there {powershell(path)})" for path in requires]
    return " -and ".join(tests)
