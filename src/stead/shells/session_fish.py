"""A session in fish 3.5 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import template
from stead.shells.quote import fish, why_not_name
from stead.shells.session_text import Start, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.shells.session_text import Manifests, Notice, Session
    from stead.values.activation import Change

KIND = "fish"
FILE = "session.fish"
RC = "rc.fish"

FOLLOWS = "functions -q _stead_hook; or set -g _stead_alone 1"


def start(session: Session, program: str, environ: Mapping[str, str]) -> Start:  # noqa: ARG001
    """Say how the shell ``program`` is started. The user's own files it reads by itself."""
    hand = "1" if session.hand else ""
    own = fill(template(FILE), session, _manifests(session.manifests), fish, hand=hand)
    rc = f"{FOLLOWS}\n{session.hook}{own}"
    command = f"source {fish(f'{session.notes}/{RC}')}"
    return Start((program, "-i", "--init-command", command), {}, {RC: rc})


def answer(notice: Notice) -> str:
    """Give what the prompt evaluates."""
    lines = [
        _manifests(notice.manifests),
        "function _stead_unhand",
        *assign(notice.undo),
        "end",
        f"set -g _stead_hand {'1' if notice.undo else ''}",
        *assign(notice.now),
        *(f"printf 'stead: %s\\n' {fish(line)} >&2" for line in notice.say),
        "true",
    ]
    return "".join(f"{line}\n" for line in lines)


def assign(changes: Iterable[Change]) -> list[str]:
    """Set and unset variables; one that the shell keeps for itself stays."""
    lines = []
    for change in changes:
        if why_not_name("fish", change.name):
            continue
        if change.kind == "unset":
            lines.append(f"set -qg {change.name}; and set -eg {change.name}")
        else:
            lines.append(f"set -gx {change.name} {fish(change.value)}")
    return lines


def _manifests(manifests: Manifests) -> str:
    tests = ["true"]
    for path, reference in manifests.pairs:
        p, r = fish(path), fish(reference)
        tests.append(f"and test -e {p} -a ! {p} -nt {r} -a ! {r} -nt {p}")
    tests += [f"and not test -e {fish(path)}" for path in manifests.absent]
    return "\n".join(["function _stead_manifests", *tests, "end"])
