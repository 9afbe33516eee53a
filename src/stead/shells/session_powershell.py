"""A session in PowerShell 7.1 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import template
from stead.shells.quote import powershell, why_not_name
from stead.shells.session_text import Start, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.shells.session_text import Manifests, Notice, Session
    from stead.values.activation import Change

KIND = "pwsh"
FILE = "session.ps1"
RC = "rc.ps1"

FOLLOWS = "$steadAlone = -not (Test-Path Function:\\_stead_hook)"


def start(session: Session, program: str, environ: Mapping[str, str]) -> Start:  # noqa: ARG001
    """Say how the shell ``program`` is started. The user's own profile it reads by itself."""
    hand = "$true" if session.hand else "$false"
    own = fill(template(FILE), session, _unchanged(session.manifests), powershell, hand=hand)
    rc = f"{FOLLOWS}\n{session.hook}$Stead.Alone = $steadAlone\n{own}"
    command = f". {powershell(f'{session.notes}/{RC}')}"
    return Start((program, "-NoLogo", "-NoExit", "-Command", command), {}, {RC: rc})


def answer(notice: Notice) -> str:
    """Give what the prompt evaluates."""
    lines = [
        f"$Stead.Manifests = {{ {_unchanged(notice.manifests)} }}",
        "$Stead.Unhand = {",
        *assign(notice.undo),
        "}",
        f"$Stead.Hand = {'$true' if notice.undo else '$false'}",
        *assign(notice.now),
        *(f"[Console]::Error.WriteLine({powershell(f'stead: {line}')})" for line in notice.say),
    ]
    return "".join(f"{line}\n" for line in lines)


def assign(changes: Iterable[Change]) -> list[str]:
    """Set and unset variables."""
    lines = []
    for change in changes:
        if why_not_name("powershell", change.name):
            continue
        value = "$null" if change.kind == "unset" else powershell(change.value)
        lines.append(f"_stead_set {powershell(change.name)} {value}")
    return lines


def _unchanged(manifests: Manifests) -> str:
    tests = ["$true"]
    tests += [f"(_stead_even {powershell(p)} {powershell(r)})" for p, r in manifests.pairs]
    tests += [f"-not (_stead_there {powershell(path)})" for path in manifests.absent]
    return " -and ".join(tests)
